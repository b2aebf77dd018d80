"""helpers/language.py and helpers/__init__.py: texts, the switch, and an import that costs and says nothing."""

import json
import os
import re
import subprocess
import sys

import pytest

import helpers
import helpers.language
from helpers import language_switch, show_text
from helpers.language import Bilingual


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(helpers.language, "display", lambda shown: bundles.append(shown._repr_mimebundle_()))
    return bundles


# --- texts ---


def test_a_text_is_shown_in_both_languages(shown):
    show_text("A word.", "一个词。")
    assert shown == [
        {
            "text/plain": "A word.\n一个词。",
            "text/html": '<div lang="en">A word.</div><div lang="zh">一个词。</div>',
        }
    ]


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("call `fit()` twice", "call <code>fit()</code> twice"),
        ("**Attention:** `x < 1`", "<strong>Attention:</strong> <code>x &lt; 1</code>"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("2 * 3 * 4 and a lone `", "2 * 3 * 4 and a lone `"),
    ],
)
def test_markup_of_a_text(text, markup, shown):
    show_text(en=text, zh=f"中文：{text}")
    assert shown[0]["text/html"] == f'<div lang="en">{markup}</div><div lang="zh">中文：{markup}</div>'
    assert shown[0]["text/plain"] == f"{text}\n中文：{text}"


def test_a_text_in_running_text():
    assert Bilingual("yes", "是").to_html("span") == '<span lang="en">yes</span> <span lang="zh">是</span>'


def test_what_has_no_language_is_shown_once():
    assert Bilingual("`x`", "`x`").to_html("span") == "<span><code>x</code></span>"


def test_a_record_is_left_for_programs(shown):
    show_text("A word.", "一个词。", record=("application/json", {"a": 1}))
    assert shown[0]["application/json"] == {"a": 1}
    assert shown[0]["text/plain"] == "A word.\n一个词。"


@pytest.mark.parametrize(
    ("en", "zh", "message"),
    [
        ("", "词", "en must be"),
        ("word", "", "zh must be"),
        ("word", " \n", "zh must be"),
        (None, "词", "got None"),
        (3, "词", "got 3"),
    ],
)
def test_a_text_needs_both_languages(en, zh, message, shown):
    with pytest.raises(ValueError, match=message):
        show_text(en, zh)
    assert shown == []


def test_outside_a_notebook_a_text_is_printed(capsys):
    show_text("A word.", "一个词。")
    assert capsys.readouterr().out == "A word.\n一个词。\n"


# --- the switch ---


@pytest.fixture
def switches(shown):
    language_switch()
    language_switch()
    return [bundle["text/html"] for bundle in shown]


def test_the_switch_hides_texts_of_a_notebook_only(switches):
    """JupyterLab's own pages have `lang` attributes too: on <html>, in menus and dialogs."""
    style = re.search(r"<style>(.*)</style>", switches[0], re.DOTALL)[1]
    selectors = [selector.strip() for rule in re.findall(r"([^{}]+)\{", style) for selector in rule.split(",\n")]
    by_language = [selector for selector in selectors if "[lang" in selector]
    assert len(by_language) == 2
    for selector in by_language:
        assert selector.startswith(".jp-Notebook:has(input.course-language-") and selector.endswith(":not(html)")


@pytest.mark.parametrize(("chosen", "hidden"), [("zh", "en"), ("en", "zh")])
def test_the_switch_hides_the_language_that_was_not_chosen(chosen, hidden, switches):
    rule = f'.jp-Notebook:has(input.course-language-{chosen}:checked) [lang|="{hidden}"]:not(html)'
    assert rule in switches[0]


def test_the_switch_offers_three_choices_and_starts_with_both(switches):
    choices = re.findall(r'<input type="radio" name="\S+" class="course-language-(\w+)"( checked)?>', switches[0])
    assert choices == [("en", ""), ("zh", ""), ("both", " checked")]


def test_two_switches_in_one_page_do_not_share_a_name(switches):
    names = [set(re.findall(r'name="([^"]+)"', switch)) for switch in switches]
    assert [len(each) for each in names] == [1, 1]
    assert names[0].isdisjoint(names[1])


def test_the_switch_says_in_plain_text_what_it_needs(shown):
    language_switch()
    assert "JupyterLab" in shown[0]["text/plain"] and "语言切换" in shown[0]["text/plain"]


# --- import helpers ---

HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "sklearn", "numpy")
NOISE = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


def run_python(code, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in NOISE}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=True
    )


def test_import_helpers_is_silent_and_light():
    finished = run_python("import helpers")
    assert (finished.stdout, finished.stderr) == ("", "")
    loaded = json.loads(run_python("import helpers, json, sys; print(json.dumps(sorted(sys.modules)))").stdout)
    assert "helpers" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize(
    ("environment", "expected"), [({}, NOISE), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, NOISE | {"TF_CPP_MIN_LOG_LEVEL": "0"})]
)
def test_import_helpers_quietens_tensorflow_unless_told_otherwise(environment, expected):
    code = f"import helpers, json, os; print(json.dumps({{name: os.environ[name] for name in {list(NOISE)}}}))"
    assert json.loads(run_python(code, **environment).stdout) == expected


def test_every_name_that_helpers_offers_is_there():
    assert {"claim", "language_switch", "load_dataset", "show_text"} <= set(helpers.__all__)
    assert dir(helpers) == helpers.__all__ == sorted(helpers.__all__)
    for name in helpers.__all__:
        found = getattr(helpers, name)
        assert callable(found) and found.__name__ == name and found.__doc__


def test_an_unknown_name_is_refused_with_those_on_offer():
    with pytest.raises(AttributeError, match="no attribute 'load_data'; it offers .*load_dataset"):
        helpers.load_data  # noqa: B018
    with pytest.raises(ImportError, match="load_data"):
        exec("from helpers import load_data")


def test_one_line_says_what_is_equal_once():
    assert Bilingual("layer", "层").one_line() == "layer · 层"
    assert Bilingual("Keras", "Keras").one_line() == "Keras"
