"""Statements about a result that the run itself checks."""

import html
import math
import numbers
import os

import numpy as np

from helpers.data import sources_in_use
from helpers.language import Bilingual, card_html, show

# The mime type under which `course run` finds a claim in a cell's outputs.
MIME_TYPE = "application/vnd.course.claim+json"

_WORDS = {
    "held": ("✓", "#1a7f37", Bilingual("Checked", "已检验")),
    "broken": ("✗", "#b42318", Bilingual("Not true in this run", "本次运行中不成立")),
    "not checked": ("–", "#6e7781", Bilingual("Not checked in this run", "本次运行未检验")),
}
_WHEN_BROKEN = Bilingual(
    en="Training starts from random weights, so once in a while a true statement fails in a single run. "
    "Restart the kernel and run all cells with another `seed`; if it fails again, something has changed.",
    zh="训练从随机权重开始，所以正确的说法偶尔也会在某一次运行中不成立。"
    "请重启内核，换一个 `seed` 重新运行全部单元格；如果仍不成立，说明确实有什么变了。",
)

_WHEN_SHORT = Bilingual(
    en="It takes a full run (`fast = False`) to check this.",
    zh="要检验这一点，需要完整运行（`fast = False`）。",
)
_WHEN_SIMULATED = Bilingual(en="It takes the real data to check this.", zh="要检验这一点，需要真实数据。")


class BrokenClaim(AssertionError):
    """A claim that does not hold, raised only where COURSE_CLAIMS=raise asks for it."""


def claim(holds, *, en, zh, value=None, only_on=None):
    """Show whether a sentence is true in this run, and leave a record of it in the cell's output.

    holds : bool, the condition just computed; None where this run is too short to tell.
    en, zh : the sentence in both languages; it quotes no number that the run could change.
    value : the measured number behind the sentence, or a dict of named numbers.
    only_on : "real" for fine structure that the simulated data do not have; on them the
        claim then shows as not checked.

    Raises TypeError or ValueError for a bad argument, and BrokenClaim when the claim does not
    hold and the environment variable COURSE_CLAIMS is "raise".
    """
    if holds is not None and not isinstance(holds, (bool, np.bool_)):
        raise TypeError(f"holds must be True, False or None, got {holds!r}; reduce an array with .all() or .any()")
    if only_on not in (None, "real"):
        raise ValueError(f'only_on must be None or "real", got {only_on!r}')
    sentence = Bilingual(en, zh)
    values = _named_numbers(value)
    if holds is None:
        status, explanation = "not checked", _WHEN_SHORT
    elif only_on == "real" and "simulated" in sources_in_use().values():
        status, explanation = "not checked", _WHEN_SIMULATED
    elif holds:
        status, explanation = "held", None
    else:
        status, explanation = "broken", _WHEN_BROKEN
    # What a run is too short to tell it does not suggest by a number either.
    measured = "" if status == "not checked" else _shown(values)
    # JSON has no infinity and no NaN, and a diverged training has both.
    json_values = {name: number if math.isfinite(number) else str(number) for name, number in values.items()}
    record = {"status": status, "en": en, "zh": zh, "value": json_values}
    show(
        {
            MIME_TYPE: record,
            "text/html": _card(status, sentence, measured, explanation),
            "text/plain": _plain(status, sentence, measured, explanation),
        }
    )
    if status == "broken" and os.environ.get("COURSE_CLAIMS") == "raise":
        raise BrokenClaim(f"{en} ({_shown(values)})" if values else en)


def _named_numbers(value):
    """A number or a dict of numbers as {name: float}; a single number has the name ''."""
    if value is None:
        return {}
    named = value if isinstance(value, dict) else {"": value}
    for name, number in named.items():
        if not isinstance(number, numbers.Real):
            raise TypeError(f"value must be a number or a dict of numbers, got {number!r} for {name!r}")
    return {str(name): float(number) for name, number in named.items()}


def _shown(values):
    return ", ".join(f"{name} {number:.4g}".strip() for name, number in values.items())


def _card(status, sentence, measured, explanation):
    number = f" <code>{html.escape(measured)}</code>" if measured else ""
    parts = (text.to_html() for text in (sentence, explanation) if text)
    return card_html(*_WORDS[status], *parts, beside=number)


def _plain(status, sentence, measured, explanation):
    mark, _, words = _WORDS[status]
    first = f"{mark} {words.one_line()}" + (f" [{measured}]" if measured else "")
    return "\n".join(str(part) for part in (first, sentence, explanation) if part)
