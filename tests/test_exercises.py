"""Every question of the course: right answers pass, wrong ones are named, in both languages, nothing is given away."""

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import helpers.exercises
from helpers.course.languages import code_problems
from helpers.exercises import UNITS, questions
from helpers.exercises.engine.question import Code, Prediction

SEEDS = range(20)
# What the course promises to recognize; more is welcome.
CATALOGUE = """
forgot 1/(1-rate) · scaled at both times · rate taken for keep probability · dropped at inference ·
a new mask in backward · mask not scaled in backward · one mask for the whole batch ·
dropped exactly a fixed number instead of at random · changed its input in place · divided by variance ·
epsilon outside the root · epsilon forgotten · unbiased variance · statistics over the wrong axis ·
statistics of the whole array · training statistics at inference · moving statistics at training · momentum swapped ·
moving averages start from the batch · moving average forgets to keep the old value ·
backward treats the statistics as constants · gamma forgotten in backward · conv statistics per pixel ·
gradient not averaged over the batch · (N,) minus (N, 1) · sign of the gradient · ReLU on the output layer ·
Adam without bias correction · Adam epsilon inside the root · bias correction without the power t ·
standardised with all rows · leaking split · best weights not restored · patience off by one ·
softmax on one unit · dropout after the output layer · batch norm missing on the input
"""
FILES = sorted(Path(helpers.exercises.__file__).parent.rglob("*.py"))
QUESTIONS = {question.key: question for unit in UNITS for question in questions(unit).values()}
CODE = {key: question for key, question in QUESTIONS.items() if isinstance(question, Code)}
PREDICTIONS = {key: question for key, question in QUESTIONS.items() if isinstance(question, Prediction)}


def answers(key, kind):
    """What tests/answers holds for a question: RIGHT, WRONG or MEASURED."""
    unit, name = key.split(".")
    return getattr(importlib.import_module(f"answers.{unit}"), kind)[name]


RIGHT = [(key, number) for key in CODE for number in range(len(answers(key, "RIGHT")))]
WRONG = [
    (key, name, number) for key in CODE for name, wrong in answers(key, "WRONG").items() for number in range(len(wrong))
]
VARIANTS = [
    (key, misconception.name, number)
    for key, question in CODE.items()
    for misconception in question.misconceptions
    for number in range(len(misconception.variants))
]


def seeds_of(key, number):
    """All seeds; where an answer builds or trains a Keras model, which takes a second, every fifth from `number` on.

    There are five answers and more to a question, so that all seeds have their turn in any case.
    """
    return SEEDS[number % 5 :: 5] if CODE[key].seconds > 5 else SEEDS


# --- right answers ---


@pytest.mark.parametrize(("key", "number"), RIGHT)
def test_a_right_answer_passes_whatever_the_seed(key, number):
    for seed in seeds_of(key, number):
        card = CODE[key].judge(answers(key, "RIGHT")[number], seed)
        assert card.status == "right", f"seed {seed}\n{card}"


@pytest.mark.parametrize("key", CODE)
def test_the_solution_passes_whatever_the_seed(key):
    for seed in seeds_of(key, 0):
        card = CODE[key].judge(CODE[key].reference, seed)
        assert card.status == "right", f"seed {seed}\n{card}"


@pytest.mark.parametrize("key", CODE)
def test_every_question_has_five_differently_written_right_answers(key):
    sources = {_source(answer) for answer in answers(key, "RIGHT")}
    assert len(sources) >= 5


def _source(answer):
    """The bytecode of a function and of those it was made from; a thing that is no function counts as itself."""
    code = getattr(answer, "__code__", None)
    made_from = [cell.cell_contents for cell in getattr(answer, "__closure__", None) or ()]
    return (code.co_code, code.co_consts, code.co_names, *map(id, made_from)) if code else id(answer)


# --- wrong answers ---


@pytest.mark.parametrize(("key", "name", "number"), WRONG)
def test_a_wrong_answer_gets_its_name_and_no_other(key, name, number):
    for seed in SEEDS[::7]:
        card = CODE[key].judge(answers(key, "WRONG")[name][number], seed)
        assert card.status != "right" and card.misconception == name, f"seed {seed}\n{card}"


@pytest.mark.parametrize(("key", "name", "number"), VARIANTS)
def test_the_question_recognizes_its_own_wrong_implementations(key, name, number):
    question = CODE[key]
    (misconception,) = (m for m in question.misconceptions if m.name == name)
    card = question.judge(misconception.variants[number], seed=1)
    assert card.misconception == name, str(card)


def test_all_misconceptions_of_the_catalogue_are_named():
    catalogue = {" ".join(name.split()) for name in CATALOGUE.split("·")}
    known = {misconception.name for question in CODE.values() for misconception in question.misconceptions}
    # In every question at once: the engine compares all arguments before and after.
    assert catalogue - known == {"changed its input in place"}


@pytest.mark.parametrize("key", CODE)
def test_every_misconception_is_answered_by_hand_too(key):
    assert {m.name for m in CODE[key].misconceptions} <= set(answers(key, "WRONG"))


# --- predictions ---


@pytest.mark.parametrize("key", PREDICTIONS)
def test_what_a_prediction_measures_proves_its_right_choice(key):
    question = PREDICTIONS[key]
    assert question.right in question.choices and len(question.choices) >= 3
    measured = question.measure()
    if measured:
        assert answers(key, "MEASURED")(*measured.values())


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_asks_for_code_for_keras_and_for_a_prediction(unit):
    asked = questions(unit).values()
    assert {Code, Prediction} <= {type(question) for question in asked}
    # Unit 00 comes before the first network.
    assert unit == "start_here" or any(
        isinstance(question, Code) and "keras" in question.source() for question in asked
    )


# --- texts ---


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_both_languages_of_a_file_say_the_same(file):
    assert code_problems(file.read_text(encoding="utf-8")) == []


@cache
def cards(key):
    """The cards that a learner can see before the solution."""
    question = QUESTIONS[key]
    if isinstance(question, Prediction):
        return [question._task_card()]
    wrong = [answer for group in answers(key, "WRONG").values() for answer in group]
    return [question._task_card(), *(question.judge(answer) for answer in [*wrong, answers(key, "RIGHT")[0], None])]


def texts(card):
    return [*card.texts, *card.after_code, *(row.label for row in card.table)]


@pytest.mark.parametrize("key", QUESTIONS)
def test_what_is_said_says_the_same_in_both_languages(key):
    """Also what is put together while it runs: numbers, names and cases in a sentence."""
    question = QUESTIONS[key]
    said = {(text.en, text.zh) for card in cards(key) for text in texts(card)}
    said |= {(hint.en, hint.zh) for hint in question.hints} | {(question.analysis.en, question.analysis.zh)}
    problems = {en: code_problems(f"Bilingual({en!r}, {zh!r})") for en, zh in said if en != zh}
    assert {en: found for en, found in problems.items() if found} == {}


def giveaways(question):
    """What of a solution no other text may hold: what it assigns or returns, if that is more than a name, and not
    given with the question.
    """
    tree = ast.parse(question.source())
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign | ast.Return)]
    found = {ast.unparse(node.value) for node in statements if node.value is not None}
    found = {squeezed(code) for code in found if len(re.findall(r"\w+|[-+*/@<>=]+", code)) > 3}
    return {code for code in found if code not in squeezed(question.given)}


def squeezed(text):
    return re.sub(r"\s+", "", text).replace('"', "'")


@pytest.mark.parametrize("key", QUESTIONS)
def test_nothing_gives_the_solution_away(key):
    question = QUESTIONS[key]
    said = [str(card) for card in cards(key)] + [str(hint) for hint in question.hints]
    said += [f"{m.en}\n{m.zh}" for m in getattr(question, "misconceptions", [])]
    if isinstance(question, Code):
        for code in giveaways(question):
            assert not any(code in squeezed(text) for text in said), code
    else:
        # Neither the question nor a hint says which choice is right, nor why.
        for choice in question.choices.values():
            assert not any(choice.en_why in text or choice.zh_why in text for text in said)


@pytest.mark.parametrize("key", CODE)
def test_solutions_are_short_complete_and_explained(key):
    question = CODE[key]
    assert question.source().startswith(f"def {question.name}(")
    assert len(question.source().splitlines()) <= 40
    assert len(question.analysis.en.split()) >= 20
    assert len(question.hints) >= 2


# --- untouched starters ---


def raises_not_implemented(*arguments):
    # Your code here
    raise NotImplementedError


def only_pass(*arguments):
    pass


def only_dots(*arguments):
    """Return the answer."""
    ...


@pytest.mark.parametrize("stub", [raises_not_implemented, only_pass, only_dots, None, ...])
@pytest.mark.parametrize("key", CODE)
def test_an_untouched_starter_is_not_answered_yet(key, stub):
    card = CODE[key].judge(stub)
    assert card.status == "not answered"
    assert "Not answered yet" in str(card) and "尚未作答" in str(card)


@pytest.mark.parametrize("key", CODE)
def test_an_answer_that_only_fails_is_shown_its_own_line(key):
    def hopeless(*arguments):
        return undefined_name  # noqa: F821

    card = CODE[key].judge(hopeless)
    assert card.status == "raised"
    assert "return undefined_name" in card.code and "NameError" in card.code
    assert "site-packages" not in str(card) and "helpers" not in str(card)


def first_array(question):
    """Position and name of the first array that the question passes, or None."""
    given = question.cases[0].arguments(np.random.default_rng(0))
    names = inspect.signature(question.reference).parameters
    pairs = zip(names, given, strict=False)
    return next(((k, name) for k, (name, value) in enumerate(pairs) if isinstance(value, np.ndarray)), None)


@pytest.mark.parametrize("key", [key for key, question in CODE.items() if first_array(question)])
def test_an_answer_that_changes_what_it_was_given_is_told_so(key):
    question = CODE[key]
    position, name = first_array(question)

    def meddling(*arguments):
        result = question.reference(*arguments)
        arguments[position][...] = 0 if arguments[position].any() else 1
        return result

    card = question.judge(meddling)
    assert (card.status, card.misconception) == ("wrong", "changed its input in place")
    assert f"`{name}`" in str(card) and "in place" in str(card) and "原地" in str(card)
