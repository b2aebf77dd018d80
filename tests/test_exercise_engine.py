"""The engine of the exercises: hostile answers, what a card shows, what is remembered."""

import inspect
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from html.parser import HTMLParser
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import helpers.language
from helpers.course.languages import code_problems
from helpers.exercises import UNITS, dropout, look, progress, questions, reset_progress
from helpers.exercises.engine import progress as records
from helpers.exercises.engine.feedback import MIME_TYPE
from helpers.exercises.engine.judge import Case, Misconception, Quantity, close
from helpers.exercises.engine.models import ZEROS, quantities
from helpers.exercises.engine.question import code


@pytest.fixture(autouse=True)
def record(monkeypatch, tmp_path):
    """A record of this test's own."""
    path = tmp_path / "learner" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as mime bundles."""
    bundles = []
    monkeypatch.setattr(helpers.language, "display", lambda shown: bundles.append(shown._repr_mimebundle_()))
    return bundles


# A question without chance, quick to be stopped.
@code(
    en="Write `double(x)`, which returns twice `x`.",
    zh="编写 `double(x)`，返回 `x` 的两倍。",
    cases=[
        Case("a row", "一行", lambda rng: (rng.uniform(1, 2, (1, 3)),)),
        Case("a square", "方阵", lambda rng: (rng.uniform(1, 2, (3, 3)),)),
    ],
    misconceptions=[
        Misconception("squared", lambda x: x * x, en="You square `x`.", zh="你把 `x` 平方了。"),
        Misconception("summed", lambda x: x.sum(axis=1), en="You sum the rows of `x`.", zh="你对 `x` 的各行求了和。"),
    ],
    hints=[("How often is `x` added?", "`x` 加了几次？"), ("Look at one number.", "先看一个数。")],
    analysis=("A number is added to itself, and an array does that for all.", "数与自身相加，数组会对所有的数这样做。"),
    seconds=1,
)
def double(x):
    return x + x


# --- hostile answers ---


def raising(x):
    raise ValueError("no idea")


def endless(x):
    while True:
        pass


def endless_and_stubborn(x):
    while True:
        try:  # noqa: SIM105
            time.sleep(0.01)
        except:  # noqa: E722
            pass


def endless_and_twice_as_stubborn(x):
    while True:
        try:  # noqa: SIM105
            try:  # noqa: SIM105
                time.sleep(0.01)
            except:  # noqa: E722
                pass
        except:  # noqa: E722
            pass


def patching_and_endless(x):
    np.mean = np.random.set_state = None
    print("seen before the end")
    while True:
        pass


def asleep(x):
    time.sleep(1000)


def leaving(x):
    sys.exit(3)


def recursive(x):
    return recursive(x)


class Shapeless:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("I am not an array")


class Liar:
    shape = (1, 3)

    def __array__(self, dtype=None, copy=None):
        return np.zeros((2, 2))


class NamelessError(Exception):
    def __str__(self):
        raise ValueError("even this fails")


def nameless(x):
    raise NamelessError


def forgetful(x):
    y = 2 * x  # noqa: F841


class LeavingError(Exception):
    def __str__(self):
        sys.exit()


def leaving_while_named(x):
    raise LeavingError


def answered_in_part(x):
    if len(x) == 1:
        return 2 * x
    raise NotImplementedError("later")


def other_generator(x):
    np.random.set_bit_generator(np.random.PCG64())
    return 2 * x


def loud(x):
    warnings.simplefilter("error")
    print("to stderr", file=sys.stderr)
    return 2 * x


def halves_of_characters(x):
    raise ValueError("\ud800")


def compiled_code(x):
    np.random.default_rng(0).choice([0, 1], p=[0.5, 0.6])


def far_too_large(x):
    return np.broadcast_to(x[0, 0], (10**6, 10**6))


def out_of_memory(x):
    return np.ones((10**7, 10**7))


def changing(x):
    x *= 2
    return x


def talkative(x):
    for _ in range(10**4):
        print("I am here")
    return 2 * x


def seeding(x):
    np.random.seed(1)
    random.seed(1)
    np.seterr(all="raise")
    return 2 * x


def patching(x):
    np.mean = np.add = None
    np.random.default_rng = None
    return 2 * x


def interrupting(x):
    raise GeneratorExit


# Each with its status and what must be said, in both languages.
HOSTILE = [
    (raising, "raised", "ValueError: no idea", "给某个函数传了它不接受的值"),
    (endless, "stopped", "still running after 1 seconds", "运行了 1 秒还没有结束"),
    (endless_and_stubborn, "stopped", "still running", "还没有结束"),
    (endless_and_twice_as_stubborn, "stopped", "still running", "还没有结束"),
    (patching_and_endless, "stopped", "seen before the end", "还没有结束"),
    (leaving_while_named, "raised", "LeavingError", "消息"),
    (answered_in_part, "raised", "NotImplementedError: later", "已经正确的：一行"),
    (other_generator, "right", "Checked", "检查过"),
    (loud, "right", "to stderr", "检查过"),
    (halves_of_characters, "raised", "ValueError: ?", "消息"),
    (compiled_code, "raised", "default_rng(0).choice([0, 1], p=[0.5, 0.6])", "消息"),
    (lambda x: (2 * x, None), "wrong", "`y`", "个数：2"),
    (lambda x: range(10**9), "wrong", "`(4,)`", "`(4,)`"),
    (asleep, "stopped", "still running", "还没有结束"),
    (leaving, "raised", "SystemExit: 3", "在笔记本里请去掉它"),
    (recursive, "raised", "calls itself without end", "不停地调用自己"),
    (nameless, "raised", "NamelessError", "消息"),
    (interrupting, "raised", "GeneratorExit", "消息"),
    (forgetful, "wrong", "returns nothing", "什么也没有返回"),
    (lambda x: "six", "wrong", "type `str", "类型是 `str"),
    (lambda x: [["1", "2", "3"]], "wrong", "array of numbers", "由数字组成的数组"),
    (lambda x: [[1, 2], [3]], "wrong", "array of numbers", "由数字组成的数组"),
    (lambda x: object(), "wrong", "type `object`", "类型是 `object`"),
    (lambda x: Shapeless(), "raised", "RuntimeError: I am not an array", "消息"),
    (lambda x: Liar(), "wrong", "`(2, 2)`", "`(2, 2)`"),
    (lambda x: {"a": 1}, "wrong", "type `dict`", "类型是 `dict`"),
    (lambda x: 2j * x, "wrong", "complex128", "complex128"),
    (lambda x: np.inf * x, "wrong", "`inf`", "`inf`"),
    (lambda x: np.nan * x, "wrong", "`nan`", "`nan`"),
    (lambda x: (2 * x).astype(int), "wrong", "int64", "整数"),
    (far_too_large, "wrong", "`(1000000, 1000000)`", "`(1000000, 1000000)`"),
    (out_of_memory, "raised", "too large for the memory", "内存放不下"),
    (changing, "wrong", "changed `x` in place", "原地改动了 `x`"),
    (lambda: 1, "wrong", "arguments `(x)`", "参数是 `(x)`"),
    (lambda x, y: 1, "wrong", "`(x, y)`", "`(x, y)`"),
    (patching, "wrong", "`np.random.default_rng`", "已经恢复"),
    (talkative, "right", "I am here", "你的代码输出了"),
    (seeding, "right", "Checked", "检查过"),
    (keras.ops.add, "wrong", "arguments", "参数"),
]


def state_of_the_process():
    return {
        "random": (np.random.get_state()[1].tolist(), random.getstate()),
        "numpy": (np.geterr(), np.mean, np.add, np.random.default_rng, np.random.set_state),
        "signals": (signal.getsignal(signal.SIGINT), sys.gettrace(), threading.active_count()),
        "streams": (sys.stdout, sys.stderr, list(warnings.filters)),
    }


@pytest.mark.parametrize(("answer", "status", "en", "zh"), HOSTILE)
def test_a_hostile_answer_is_told_what_is_wrong_and_leaves_nothing_behind(answer, status, en, zh, shown, capfd):
    before = state_of_the_process()
    double.check(answer)
    assert state_of_the_process() == before
    (card,) = shown
    assert card[MIME_TYPE]["status"] == status, card["text/plain"]
    assert en in card["text/plain"] and zh in card["text/plain"], card["text/plain"]
    # Not a word beside the card, and no line of ours in it.
    assert capfd.readouterr() == ("", "")
    assert "Traceback" not in card["text/plain"] and "engine" not in card["text/plain"]
    assert len(card["text/html"]) < 6000


def test_numpy_replaced_before_the_check_is_put_back(shown, monkeypatch):
    original = np.mean
    np.mean = len
    double.check(lambda x: 2 * x)
    assert np.mean is original and "`np.mean`" in shown[0]["text/plain"]
    double.check(lambda x: 2 * x)
    assert shown[1][MIME_TYPE]["status"] == "right"


def test_the_learners_own_interrupt_is_not_swallowed(shown):
    def pressed(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        double.check(pressed)


def test_the_learners_own_interrupt_comes_through_while_an_answer_runs():
    process = os.getpid()
    timer = threading.Timer(0.2, os.kill, (process, signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        double.judge(endless)
    assert time.monotonic() - started < 0.9
    timer.join()


def test_outside_the_main_thread_an_answer_is_judged_too():
    cards = []
    thread = threading.Thread(target=lambda: cards.append(double.judge(lambda x: 2 * x)))
    thread.start()
    thread.join()
    assert [card.status for card in cards] == ["right"]


def test_a_helper_of_the_learner_is_shown_where_it_fails(shown):
    def helper(x):
        return x.no_such_thing

    double.check(lambda x: helper(x) + 1)
    assert "return x.no_such_thing" in shown[0]["text/plain"]


def test_the_line_of_an_exception_is_the_learners_own(shown):
    def wrong_shapes(x):
        y = x @ x  # here
        return y

    double.check(wrong_shapes)
    text = shown[0]["text/plain"]
    assert f"line {inspect.getsourcelines(wrong_shapes)[1] + 1}:  y = x @ x  # here" in text
    assert "shape" in text and "形状不相容" in text


NOTEBOOK_CELLS = [
    "from helpers.exercises import dropout as ask",
    "def f(x, rate, rng, training):\n    while True:\n        try:\n            pass\n        except BaseException:\n"
    "            pass\n\nask.dropout_forward.check(f)",
    "def f(x, rate, rng, training):\n    import sys\n    sys.exit()\n\nask.dropout_forward.check(f)",
    "def f(x, rate, rng, training):\n    y = x @ x\n    return y\n\nask.dropout_forward.check(f)",
    "import time\n\ndef f(x, rate, rng, training):\n    time.sleep(60)\n\nask.dropout_forward.check(f)",
    "def f(dy, mask):\n    print('seen')\n    return dy * mask\n\nask.dropout_backward.check(f)",
    "'still alive'",
]


def test_in_a_real_kernel_nothing_ends_it_and_nothing_is_written_to_stderr(record):
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in NOTEBOOK_CELLS])
    started = time.monotonic()
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert time.monotonic() - started < 60
    outputs = [list(cell.outputs) for cell in notebook.cells]
    streams = [output for cell in outputs for output in cell if output.output_type in ("stream", "error")]
    assert streams == []
    statuses = [output.data[MIME_TYPE]["status"] for cell in outputs[1:-1] for output in cell]
    assert statuses == ["stopped", "raised", "raised", "stopped", "right"]
    assert "line 2:  y = x @ x" in outputs[3][0].data["text/plain"]
    assert "seen" in outputs[5][0].data["text/plain"]
    assert outputs[-1][0].data["text/plain"] == "'still alive'"
    assert json.loads(record.read_text(encoding="utf-8"))["questions"]["dropout.dropout_backward"]["right"]


# --- cards ---


class Elements(HTMLParser):
    """Checks that tags are closed, and collects the text by language."""

    def __init__(self, markup):
        super().__init__()
        self.open, self.texts = [], {"en": "", "zh": ""}
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append((tag, dict(attributes).get("lang")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for language in {language for _, language in self.open if language}:
            self.texts[language] += data


def test_a_card_has_a_mark_a_word_and_a_table_in_both_languages(shown):
    double.check(lambda x: x * 3)
    (card,) = shown
    elements = Elements(card["text/html"])
    assert "✗" in card["text/html"] and "✗" in card["text/plain"]
    for language, words in {
        "en": ["Not yet", "differs", "a row", "yours", "expected", ".hint()"],
        "zh": ["还不对", "不同", "一行", "你的", "应为", ".hint()"],
    }.items():
        assert all(word in elements.texts[language] for word in words)
        assert all(word in card["text/plain"] for word in words)
    x = np.random.default_rng(0).uniform(1, 2, (1, 3))
    assert "<code>[[" + ", ".join(f"{value:.4g}" for value in 3 * x[0]) + "]]</code>" in card["text/html"]
    # The input stands under neither heading.
    given = "[[" + ", ".join(f"{value:.4g}" for value in x[0]) + "]]"
    assert '<td colspan="2"' in card["text/html"] and f"<code>{given}</code>" in card["text/html"]
    assert f"input `x` · 输入 `x`  {given}" in card["text/plain"]
    assert "<code>[[" + ", ".join(f"{value:.4g}" for value in 2 * x[0]) + "]]</code>" in card["text/html"]


def test_the_case_that_is_wrong_and_those_that_are_right_are_told_apart(shown):
    double.check(lambda x: 2 * x if x.shape[0] == 1 else 2 * x.T)
    assert "It shows here: a square. Already right: a row." in shown[0]["text/plain"]
    assert "问题出现在：方阵。已经正确的：一行。" in shown[0]["text/plain"]


def test_of_a_large_array_the_worst_entry_is_shown():
    @code(
        en="e", zh="中", analysis=("e", "中"),
        cases=[Case("large", "大", lambda rng: (np.ones((10, 10)),))],
    )  # fmt: skip
    def same(x):
        return x + 0.0

    def wrong(x):
        y = x.copy()
        y[3, 4], y[2, 2] = 9, 5
        return y

    (row,) = same.judge(wrong).table
    assert (row.label.en, row.yours, row.expected) == ("`y` `[3, 4]`", "9", "1")


def test_a_place_that_is_not_a_number_is_the_worst():
    x = np.ones((10, 10))
    question = replaced_case(lambda rng: (x,))
    y = 2 * x
    y[3, 4], y[2, 2] = np.nan, 500
    (row,) = question.judge(lambda x: y).table
    assert row.label.en == "`y` `[3, 4]`"


def replaced_case(arguments):
    @code(en="e", zh="中", analysis=("e", "中"), cases=[Case("c", "中", arguments)])
    def twice(x):
        return x + x

    return twice


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (10001, 10000, False),
        (1.0001, 1.0, True),
        (1.01, 1.0, False),
        (np.nan, np.nan, True),
        (np.ones(3), np.ones(1), False),
        ("a", "a", True),
        (True, False, False),
        (None, 1.0, False),
    ],
)
def test_when_two_values_are_equal(a, b, equal):
    assert close(a, b, Quantity("q", "量")) == equal


def test_what_a_learner_wrote_is_shown_and_not_interpreted(shown):
    def evil(x):
        print("<script>alert(1)</script>")
        raise ValueError("<b>bold</b>")

    double.check(evil)
    assert "<script>" not in shown[0]["text/html"] and "<b>" not in shown[0]["text/html"]
    Elements(shown[0]["text/html"])


def test_a_misconception_is_recorded_by_name_for_programs(shown):
    double.check(lambda x: x**2)
    assert shown[0][MIME_TYPE] == {
        "question": "test_exercise_engine.double",
        "status": "wrong",
        "misconception": "squared",
    }
    assert "You square" in shown[0]["text/plain"] and "你把 `x` 平方了" in shown[0]["text/plain"]


def unscaled_and_always_on(x, rate, rng, training):
    mask = rng.random(x.shape) >= rate
    return x * mask, mask


def test_of_two_mistakes_one_is_named_even_if_the_other_is_there_too():
    """Squared where it is a row, something else for a square: the misconception does not explain everything."""
    assert double.judge(lambda x: x * x if len(x) == 1 else x * 7).misconception is None
    assert dropout.dropout_forward.judge(unscaled_and_always_on).misconception == "forgot 1/(1-rate)"
    assert double.judge(lambda x: x.sum(axis=1)).misconception == "summed"


@pytest.mark.parametrize("call", [lambda q: q.check(), lambda q: q.check(q), lambda q: q.check(np.ones(3))])
def test_a_check_that_was_called_wrongly_says_how_to_call_it(call, shown, record):
    call(double)
    assert shown[0][MIME_TYPE]["status"] == "note"
    assert "`.check(double)`" in shown[0]["text/plain"]
    assert not record.exists()


def test_the_task_is_shown_when_the_question_is_evaluated():
    assert "Write `double(x)`" in repr(double) and "编写 `double(x)`" in repr(double)
    assert "<code>double(x)</code>" in double._repr_mimebundle_()["text/html"]


# --- hints and solutions ---


def test_hints_come_one_by_one_and_begin_again(shown):
    for _ in range(3):
        double.hint()
    said = [card["text/plain"] for card in shown]
    assert "1 / 2" in said[0] and "How often" in said[0] and "加了几次" in said[0]
    assert "2 / 2" in said[1] and "Look at one number" in said[1]
    assert said[2] == said[0]


def test_the_solution_opens_after_an_attempt(shown, record):
    double.solution()
    assert "return x + x" not in shown[-1]["text/plain"] and "show me" in shown[-1]["text/plain"]
    double.check(lambda x: x)
    double.solution()
    assert "return x + x" in shown[-1]["text/plain"]
    assert "added to itself" in shown[-1]["text/plain"] and "自身相加" in shown[-1]["text/plain"]


def test_an_untouched_starter_does_not_open_the_solution(shown):
    def starter(x):
        raise NotImplementedError

    double.check(starter)
    double.solution()
    assert "return x + x" not in shown[-1]["text/plain"]


def test_the_solution_opens_with_the_word(shown):
    double.solution("show me")
    assert shown[-1]["text/plain"].splitlines()[1:3] == ["def double(x):", "    return x + x"]


# --- predictions ---


def test_a_prediction_opens_after_a_choice_and_keeps_the_first(shown, record):
    question = dropout.variance_at_rate_half
    assert all(choice.en in repr(question) and choice.zh in repr(question) for choice in question.choices.values())
    assert not any(choice.en_why in repr(question) for choice in question.choices.values())
    question.solution()
    assert shown[-1][MIME_TYPE]["status"] == "note"
    question.predict("b")
    assert shown[-1][MIME_TYPE]["status"] == "mispredicted"
    assert question.choices["B"].en_why in shown[-1]["text/plain"]
    assert question.choices["C"].zh_why in shown[-1]["text/plain"]
    question.predict("C")
    assert shown[-1][MIME_TYPE]["status"] == "predicted"
    assert "first choice, B" in shown[-1]["text/plain"] and "第一次的选择：B" in shown[-1]["text/plain"]
    entry, notes = records.entry(question.key)
    assert (entry["choice"], entry["right"], entry["attempts"], notes) == ("B", False, 2, [])
    question.solution()
    assert shown[-1][MIME_TYPE]["status"] == "solution" and question.choices["C"].en in shown[-1]["text/plain"]


@pytest.mark.parametrize("choice", ["E", "", None, 3, ["A"]])
def test_a_choice_that_does_not_exist_is_not_recorded(choice, shown, record):
    dropout.variance_at_rate_half.predict(choice)
    assert shown[-1][MIME_TYPE]["status"] == "note" and '"A", "B", "C", "D"' in shown[-1]["text/plain"]
    assert not record.exists()


# --- models ---


def test_a_model_is_given_back_as_it_was():
    model = dropout.songs_model.reference()
    before = [weight + 0.25 for weight in model.get_weights()]
    model.set_weights(before)
    assert dropout.songs_model.judge(model).status == "right"
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "`keras.Input`"),
        (lambda: [1, 2], "type `list`"),
        (7, "type `int`"),
        (lambda: keras.Sequential([keras.Input((12,)), keras.layers.Dense(1)]), "number of parameters"),
        (lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), "shape of the input"),
    ],
)
def test_a_model_of_another_kind_is_told_apart(answer, said):
    card = dropout.songs_model.judge(answer)
    assert card.status in ("wrong", "note") and said in str(card)


# --- the record ---


def entries_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_what_is_recorded(record, shown):
    double.check(lambda x: x)
    double.check(double.reference)
    double.check(lambda x: x)
    entry = {"attempts": 3, "right": True, "choice": None}
    assert entries_of(record) == {"version": 1, "questions": {"test_exercise_engine.double": entry}}
    assert [path.name for path in record.parent.iterdir()] == ["progress.json"]


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"version": 2, "questions": {}}',
    b'{"version": 1}',
    b'{"version": 1, "questions": []}',
    b'{"version": 1, "questions": {"a.b": {"attempts": "many"}}}',
    b'{"version": 1, "questions": {"a.b": {"attempts": 1, "right": 1, "choice": null}}}',
]


def test_a_record_that_cannot_be_read_is_not_overwritten(record, shown, monkeypatch):
    double.check(double.reference)
    before = record.read_bytes()

    def denied(*arguments, **settings):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", denied)
        double.check(lambda x: x)
    assert record.read_bytes() == before and "Permission denied" in shown[-1]["text/plain"]


def test_without_a_home_folder_everything_but_the_record_works(shown, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "~nosuchuser/progress.json")
    double.check(double.reference)
    progress()
    dropout.variance_at_rate_half.predict("C")
    assert shown[0][MIME_TYPE]["status"] == "right"
    assert all("could not be saved" in card["text/plain"] for card in shown)


def test_a_prediction_says_that_the_record_was_set_aside(record, shown):
    record.parent.mkdir()
    record.write_bytes(b"{")
    dropout.variance_at_rate_half.predict("C")
    assert shown[0]["text/plain"].count("could not be read") == 1


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: content[:40])
def test_a_damaged_record_is_set_aside_and_said(content, record, shown):
    record.parent.mkdir()
    record.write_bytes(content)
    double.check(double.reference)
    assert shown[0][MIME_TYPE]["status"] == "right"
    assert "could not be read" in shown[0]["text/plain"] and "无法读取" in shown[0]["text/plain"]
    (aside,) = record.parent.glob("progress.json.unreadable-*")
    assert aside.read_bytes() == content and aside.name in shown[0]["text/plain"]
    assert entries_of(record)["questions"]["test_exercise_engine.double"]["right"]
    double.check(double.reference)
    assert "could not be read" not in shown[1]["text/plain"]


def test_a_record_that_cannot_be_kept_stops_nothing(record, shown, monkeypatch):
    record.mkdir(parents=True)
    double.check(double.reference)
    progress()
    dropout.variance_at_rate_half.predict("A")
    for card in shown:
        assert "could not be saved" in card["text/plain"] and "无法保存" in card["text/plain"]
    assert shown[0][MIME_TYPE]["status"] == "right" and record.is_dir()


def test_a_write_that_fails_leaves_the_old_record(record, shown, monkeypatch):
    double.check(double.reference)
    before = record.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    double.check(lambda x: x)
    assert record.read_bytes() == before
    assert "No space left on device" in shown[-1]["text/plain"]
    assert [path.name for path in record.parent.iterdir()] == ["progress.json"]


def test_two_notebooks_add_to_the_same_record(record):
    script = (
        "from helpers.exercises.engine.progress import record; import sys; [record(sys.argv[1]) for _ in range(20)]"
    )
    command = [sys.executable, "-c", script]
    subprocess.run([*command, "a.b"], check=True)
    subprocess.run([*command, "c.d"], check=True)
    assert {key: entry["attempts"] for key, entry in entries_of(record)["questions"].items()} == {"a.b": 20, "c.d": 20}


def test_a_headless_run_records_nothing(monkeypatch, shown, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", "memory")
    monkeypatch.chdir(tmp_path)
    double.check(lambda x: x)
    double.solution()
    assert "return x + x" in shown[-1]["text/plain"]
    assert list(tmp_path.iterdir()) == []
    reset_progress("forget")
    assert records.entries() == ({}, [])


def test_the_record_is_the_users_own_by_default(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    path = records.progress_path()
    assert path.is_absolute() and path.name == "progress.json" and str(path).startswith(os.path.expanduser("~"))


def test_progress_is_a_picture_in_both_languages(record, shown):
    dropout.dropout_backward.check(lambda dy, mask: dy * mask)
    dropout.dropout_forward.check(lambda *arguments: 1)
    dropout.variance_at_rate_half.predict("A")
    shown.clear()
    progress()
    (picture,) = shown
    plain = picture["text/plain"].splitlines()
    row = next(line for line in plain if "04 Dropout" in line)
    names = list(questions("dropout"))
    marks = dict(zip(names, row, strict=False))
    assert marks["dropout_backward"] == marks["variance_at_rate_half"] == "✓"
    assert marks["dropout_forward"] == "◐" and marks["songs_model"] == "○"
    assert f"2 / {len(names)}" in row
    elements = Elements(picture["text/html"])
    for title in UNITS.values():
        assert title.en in elements.texts["en"] and title.zh in elements.texts["zh"]
    assert "○ not answered yet" in elements.texts["en"] and "○ 尚未作答" in elements.texts["zh"]


def test_forgetting_asks_first(record, shown):
    double.check(double.reference)
    reset_progress()
    assert record.exists() and str(record) in shown[-1]["text/plain"]
    reset_progress("forget")
    assert not record.exists() and "empty now" in shown[-1]["text/plain"]
    assert records.entries() == ({}, [])


def test_a_record_in_memory_has_no_place_to_name(monkeypatch, shown):
    monkeypatch.setenv("COURSE_PROGRESS", "memory")
    reset_progress()
    assert "in memory until this kernel ends" in shown[-1]["text/plain"] and "None" not in shown[-1]["text/plain"]


def test_three_dots_are_no_choice(record, shown):
    dropout.variance_at_rate_half.predict(...)
    assert shown[-1][MIME_TYPE]["status"] == "not answered" and not record.exists()


def test_a_look_waits_for_the_answers_and_hides_nothing_else(shown):
    with look():
        shown.append("seen")
    assert shown.pop() == "seen"
    with look():
        plt.figure()
        raise NotImplementedError
    assert plt.get_fignums() == []  # or the unfinished figure would be shown
    assert "Nothing to look at yet" in shown[-1]["text/plain"]
    with pytest.raises(ZeroDivisionError), look():
        1 / 0  # noqa: B018
    assert "does not work with your answers so far" in shown[-1]["text/plain"]


def test_importing_the_questions_is_fast_and_imports_no_keras():
    script = "import sys, helpers.exercises as e; [e.questions(u) for u in e.UNITS]; print('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"


def test_unit_titles_say_the_same():
    for title in UNITS.values():
        assert code_problems(f"Bilingual({title.en!r}, {title.zh!r})") == []


def test_dropout_of_the_output_alone_is_noticed_in_every_draw():
    """Without a hidden layer that is dropped too, a few equal rows often all survive and look like no dropout."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.3)])
    for seed in range(40):
        assert quantities(model, np.random.default_rng(seed))[ZEROS] == pytest.approx(0.3, abs=ZEROS.atol)
