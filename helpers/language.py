"""Text in English and Chinese, and the switch that shows one of the two."""

import html
import re
import uuid

from IPython.display import display

_SWITCH = """
<style>
.jp-Notebook:has(input.course-language-zh:checked) [lang|="en"]:not(html),
.jp-Notebook:has(input.course-language-en:checked) [lang|="zh"]:not(html) {{ display: none; }}
.course-language label {{ margin-right: 1.2em; cursor: pointer; }}
</style>
<div class="course-language" role="radiogroup" aria-label="Language · 语言">
<label><input type="radio" name="{name}" class="course-language-en"> English</label>
<label><input type="radio" name="{name}" class="course-language-zh"> 中文</label>
<label><input type="radio" name="{name}" class="course-language-both" checked> English + 中文</label>
</div>
"""


class Bilingual:
    """A text in both languages: HTML that obeys the language switch, plain text elsewhere.

    A code span (`` `x` ``) or strong text (``**x**``) in either text is kept in HTML;
    everything else is shown as it stands.
    """

    def __init__(self, en, zh):
        for argument, text in (("en", en), ("zh", zh)):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{argument} must be a non-empty text, got {text!r}")
        self.en, self.zh = en, zh

    def mimebundle(self):
        return {"text/plain": str(self), "text/html": self.to_html()}

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.mimebundle()

    def __str__(self):
        return f"{self.en}\n{self.zh}"

    __repr__ = __str__

    def one_line(self):
        """The two texts side by side; one alone if both are equal."""
        return self.en if self.en == self.zh else f"{self.en} · {self.zh}"

    def to_html(self, tag="div"):
        """The two texts as elements with a `lang`, which the switch shows or hides; one alone if both are equal."""
        if self.en == self.zh:
            return f"<{tag}>{_inline_html(self.en)}</{tag}>"
        # In running text both may be shown, side by side.
        return ("" if tag == "div" else " ").join(
            f'<{tag} lang="{language}">{_inline_html(text)}</{tag}>'
            for language, text in (("en", self.en), ("zh", self.zh))
        )


def show_text(en, zh, record=None):
    """Display a text in both languages; raises ValueError when one is missing.

    record : an optional pair (mime type, JSON value) left beside the text for programs to find.
    """
    show(Bilingual(en, zh).mimebundle() | dict([record] if record else []))


class _Shown:
    def __init__(self, bundle):
        self.bundle = bundle

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.bundle

    def __repr__(self):
        return self.bundle["text/plain"]


def show(bundle):
    """Display {mime type: content}; outside a notebook, print its "text/plain"."""
    display(_Shown(bundle))


def card_html(mark, colour, words, *parts, beside=""):
    """A framed note: a mark and its words (a Bilingual), what stands beside them, then parts of HTML below.

    Mark and words together, because a colour alone tells nothing to many readers.
    """
    return (
        f'<div style="border-left: 4px solid {colour}; padding: 0.3em 0.8em; margin: 0.3em 0;">'
        f'<strong style="color: {colour}">{mark} <span lang="en">{words.en}</span> '
        f'<span lang="zh">{words.zh}</span></strong>{beside}{"".join(parts)}</div>'
    )


def language_switch():
    """Display the switch: English, Chinese or both. It works without a kernel."""
    # Radio names are document-wide, and JupyterLab shows several notebooks in one document.
    markup = _SWITCH.format(name=f"course-language-{uuid.uuid4().hex}")
    plain = "Language switch: run this cell in JupyterLab.\n语言切换：请在 JupyterLab 中运行这个单元格。"
    show({"text/html": markup, "text/plain": plain})


def _inline_html(text):
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
