"""The picture of what is done: one row a unit, one mark a question."""

import html

from helpers.language import Bilingual, show

# A shape for every state: a colour alone tells nothing to many readers.
_MARKS = {
    "done": ("✓", "#1a7f37", Bilingual("done", "已完成")),
    "tried": ("◐", "#9a6700", Bilingual("tried", "试过")),
    "open": ("○", "#6e7781", Bilingual("not answered yet", "尚未作答")),
}


def state(entry):
    """What the record of one question means: "done", "tried" or "open"; a prediction is done once it is made."""
    if entry["right"] or entry["choice"]:
        return "done"
    return "tried" if entry["attempts"] else "open"


def show_overview(units, notes):
    """Display the picture. units : list of (Bilingual title, {name of a question: its state}). notes : said first."""
    legend = Bilingual(
        ", ".join(f"{mark} {words.en}" for mark, _, words in _MARKS.values()),
        "，".join(f"{mark} {words.zh}" for mark, _, words in _MARKS.values()),
    )
    rows = "".join(_html_row(title, states) for title, states in units)
    table = f'<table style="margin: 0.4em 0"><tbody>{rows}</tbody></table>'
    markup = "".join(note.to_html() for note in notes) + table + legend.to_html()
    show({"text/html": markup, "text/plain": "\n".join([*map(str, notes), *_plain_rows(units), str(legend)])})


def _html_row(title, states):
    cell = "padding: 0.1em 1em 0.1em 0; text-align: left"
    marks = "".join(
        f'<span title="{html.escape(name)}" style="color: {_MARKS[reached][1]}; font-size: 1.3em; '
        f'display: inline-block; width: 1.2em">{_MARKS[reached][0]}</span>'
        for name, reached in states.items()
    )
    return (
        f'<tr><th style="{cell}; font-weight: normal">{title.to_html()}</th><td style="{cell}">{marks}</td>'
        f'<td style="{cell}">{_count(states)}</td></tr>'
    )


def _plain_rows(units):
    for title, states in units:
        marks = "".join(_MARKS[reached][0] for reached in states.values())
        yield f"{marks}  {_count(states)}  {title.one_line()}"


def _count(states):
    return f"{list(states.values()).count('done')} / {len(states)}"
