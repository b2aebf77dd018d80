"""helpers/claims.py: what a claim shows, records and refuses."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import helpers.claims
import helpers.language
from helpers import claim
from helpers.claims import MIME_TYPE, BrokenClaim

TEXTS = {"en": "Batch norm helps.", "zh": "批量归一化有帮助。"}
# The mark, and the words in both languages, for every status.
SIGNS = {
    "held": ("✓", "Checked", "已检验"),
    "broken": ("✗", "Not true in this run", "本次运行中不成立"),
    "not checked": ("–", "Not checked in this run", "本次运行未检验"),
}


@pytest.fixture
def shown(monkeypatch):
    """What the claims of a test display, as mime bundles."""
    bundles = []
    monkeypatch.setattr(helpers.language, "display", lambda shown: bundles.append(shown._repr_mimebundle_()))
    monkeypatch.setattr(helpers.claims, "sources_in_use", dict)
    monkeypatch.delenv("COURSE_CLAIMS", raising=False)
    return bundles


def sources(monkeypatch, **in_use):
    monkeypatch.setattr(helpers.claims, "sources_in_use", lambda: in_use)


@pytest.mark.parametrize(
    ("holds", "status"),
    [
        (True, "held"),
        (np.bool_(True), "held"),
        (False, "broken"),
        (np.bool_(False), "broken"),
        (None, "not checked"),
    ],
)
def test_a_claim_records_and_shows_its_status(holds, status, shown):
    claim(holds, **TEXTS, value=0.25)
    (bundle,) = shown
    assert bundle[MIME_TYPE] == {"status": status, **TEXTS, "value": {"": 0.25}}
    for kind in ("text/html", "text/plain"):
        assert all(sign in bundle[kind] for sign in (*SIGNS[status], *TEXTS.values()))
        assert ("0.25" in bundle[kind]) == (status != "not checked")
        others = {sign for other, signs in SIGNS.items() if other != status for sign in signs[:1]}
        assert not any(other in bundle[kind] for other in others)


def test_html_shows_each_text_in_its_language(shown):
    claim(False, **TEXTS)
    markup = shown[0]["text/html"]
    for language, text in TEXTS.items():
        assert f'<div lang="{language}">{text}</div>' in markup
    assert re.search(r'<strong[^>]*>✗ <span lang="en">Not true in this run</span>', markup)


@pytest.mark.parametrize(
    ("holds", "en", "zh"),
    [(False, "with another <code>seed</code>", "换一个 <code>seed</code>"), (None, "a full run", "完整运行")],
)
def test_what_did_not_hold_is_explained(holds, en, zh, shown):
    claim(holds, **TEXTS)
    assert en in shown[0]["text/html"] and zh in shown[0]["text/html"]


def test_a_claim_that_holds_needs_no_explanation(shown):
    claim(True, **TEXTS)
    assert shown[0]["text/plain"] == "✓ Checked · 已检验\nBatch norm helps.\n批量归一化有帮助。"


@pytest.mark.parametrize(
    ("value", "recorded", "words"),
    [
        (None, {}, None),
        (3, {"": 3.0}, "3"),
        (np.float32(0.5), {"": 0.5}, "0.5"),
        (np.int64(7), {"": 7.0}, "7"),
        (0.123456, {"": 0.123456}, "0.1235"),
        (1e-7, {"": 1e-7}, "1e-07"),
        ({"network": 0.5, "linear": np.float64(0.25)}, {"network": 0.5, "linear": 0.25}, "network 0.5, linear 0.25"),
        ({1: 2.0}, {"1": 2.0}, "1 2"),
        (pd.Series([0.5], index=["trees"]).to_dict(), {"trees": 0.5}, "trees 0.5"),
        (float("nan"), {"": "nan"}, "nan"),
        ({"loss": float("-inf")}, {"loss": "-inf"}, "loss -inf"),
    ],
)
def test_values(value, recorded, words, shown):
    claim(True, **TEXTS, value=value)
    (bundle,) = shown
    assert bundle[MIME_TYPE]["value"] == recorded
    json.dumps(bundle[MIME_TYPE], allow_nan=False)  # Jupyter's messages take nothing else
    if words is None:
        assert "<code>" not in bundle["text/html"] and "[" not in bundle["text/plain"]
    else:
        assert f"<code>{words}</code>" in bundle["text/html"]
        assert f"[{words}]" in bundle["text/plain"]


@pytest.mark.parametrize(
    ("in_use", "only_on", "status"),
    [
        ({"wine": "real"}, "real", "broken"),
        ({"wine": "simulated"}, "real", "not checked"),
        ({"wine": "real", "songs": "simulated"}, "real", "not checked"),
        ({"wine": "simulated"}, None, "broken"),
        ({}, "real", "broken"),
    ],
)
def test_fine_structure_is_checked_on_real_data_only(in_use, only_on, status, shown, monkeypatch):
    sources(monkeypatch, **in_use)
    claim(False, **TEXTS, only_on=only_on)
    assert shown[0][MIME_TYPE]["status"] == status


@pytest.mark.parametrize(
    ("value", "message"), [(None, "Batch norm helps."), ({"loss": 2}, "Batch norm helps. (loss 2)")]
)
def test_a_broken_claim_raises_where_that_is_asked_for(value, message, shown, monkeypatch):
    monkeypatch.setenv("COURSE_CLAIMS", "raise")
    with pytest.raises(BrokenClaim) as caught:
        claim(False, **TEXTS, value=value)
    assert str(caught.value) == message
    assert shown[0][MIME_TYPE]["status"] == "broken"  # shown all the same


def test_nothing_else_raises(shown, monkeypatch):
    monkeypatch.setenv("COURSE_CLAIMS", "raise")
    sources(monkeypatch, wine="simulated")
    claim(True, **TEXTS)
    claim(None, **TEXTS)
    claim(False, **TEXTS, only_on="real")
    monkeypatch.setenv("COURSE_CLAIMS", "")
    claim(False, **TEXTS)
    assert [bundle[MIME_TYPE]["status"] for bundle in shown] == ["held", "not checked", "not checked", "broken"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"holds": np.array([True, True])}, TypeError, r"holds must be True, False or None, got array.*\.all\(\)"),
        ({"holds": "yes"}, TypeError, "holds must be True, False or None, got 'yes'"),
        ({"holds": 1}, TypeError, "holds must be True, False or None, got 1"),
        ({"en": ""}, ValueError, "en must be a non-empty text, got ''"),
        ({"zh": " "}, ValueError, "zh must be a non-empty text, got ' '"),
        ({"zh": None}, ValueError, "zh must be a non-empty text, got None"),
        ({"only_on": "simulated"}, ValueError, "only_on must be None or \"real\", got 'simulated'"),
        ({"value": "0.5"}, TypeError, "value must be a number or a dict of numbers, got '0.5' for ''"),
        ({"value": {"loss": None}}, TypeError, "got None for 'loss'"),
        ({"value": [0.5]}, TypeError, r"got \[0.5\] for ''"),
        ({"value": np.array([0.5])}, TypeError, "got array"),
        ({"value": 1j}, TypeError, "got 1j"),
        ({"value": np.complex128(1j)}, TypeError, "got np.complex128"),
    ],
)
def test_bad_arguments(arguments, error, message, shown):
    with pytest.raises(error, match=message):
        claim(**{"holds": True, **TEXTS} | arguments)
    assert shown == []


@pytest.mark.parametrize("missing", ["en", "zh"])
def test_both_languages_are_asked_for(missing, shown):
    with pytest.raises(TypeError, match=missing):
        claim(True, **{language: text for language, text in TEXTS.items() if language != missing})


def test_html_is_escaped(shown):
    claim(False, en="a < b & c", zh="甲 < 乙", value={"<script>": 1})
    markup = shown[0]["text/html"]
    assert "a &lt; b &amp; c" in markup and "甲 &lt; 乙" in markup
    assert "&lt;script&gt; 1" in markup and "<script" not in markup


def test_outside_a_notebook_a_claim_is_printed(capsys, monkeypatch):
    monkeypatch.delenv("COURSE_CLAIMS", raising=False)
    claim(True, **TEXTS, value=2)
    assert capsys.readouterr().out == "✓ Checked · 已检验 [2]\nBatch norm helps.\n批量归一化有帮助。\n"
