"""The notebooks as a set: every question has its place and its solution, an untouched exercise waits quietly."""

import re
import warnings

import matplotlib.pyplot as plt
import nbformat
import pytest

import helpers.language
from helpers.course import NOTEBOOKS, ROOT
from helpers.course.notebooks import code_cells, figures, records
from helpers.exercises import UNITS, questions
from helpers.exercises.engine.feedback import MIME_TYPE
from helpers.exercises.engine.question import Prediction

STARTER_LINES = 9
FIGURES = 3

EXERCISES = sorted(path.stem for path in (NOTEBOOKS / "exercises").glob("*.ipynb"))


def code_of(folder, name):
    return code_cells(nbformat.read(NOTEBOOKS / folder / f"{name}.ipynb", as_version=4))


def asked_in(code, way):
    """The names of the questions on which the cells call a method, in their order."""
    return [name for cell in code for name in re.findall(rf"^ask\.(\w+)\.{way}\(", cell.source, re.MULTILINE)]


def of_kind(name, wanted):
    """The names of a unit's questions that are predictions, or that are not."""
    asked = questions(name.partition("_")[2])
    return [key for key, question in asked.items() if isinstance(question, Prediction) == wanted]


def test_there_are_exercises():
    assert EXERCISES and {name.partition("_")[2] for name in EXERCISES} <= set(UNITS)


@pytest.mark.parametrize("name", EXERCISES)
def test_every_question_of_the_unit_is_asked_once(name):
    """A prediction before the lesson tells, everything else in the exercise."""
    assert asked_in(code_of("", name), "predict") == of_kind(name, True)
    assert sorted(asked_in(code_of("exercises", name), "check")) == sorted(of_kind(name, False))


@pytest.mark.parametrize("name", EXERCISES)
def test_a_starter_is_short_and_one_cell_asks_one_question(name):
    for cell in code_of("exercises", name):
        asked = asked_in([cell], "check")
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(asked) <= 1 and (not asked or len(lines) <= STARTER_LINES), cell.source


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_and_explained(name):
    code = code_of("solutions", name)
    answers = {record["question"]: record["status"] for record in records(code, MIME_TYPE)}
    unit = name.partition("_")[2]
    assert answers == {f"{unit}.{question}": "right" for question in of_kind(name, False)}
    explained = [found for cell in code for found in re.findall(r"^ask\.(\w+)\.analysis$", cell.source, re.MULTILINE)]
    assert sorted(explained) == sorted(of_kind(name, False))
    assert figures(code), "nothing to look at"


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_the_one_that_the_question_shows(name):
    """What `.solution()` shows and what the notebook holds are written down twice; here they are held together."""
    unit = questions(name.partition("_")[2])
    for cell in code_of("solutions", name):
        for question in asked_in([cell], "check"):
            shown = [line.strip() for line in unit[question].source().splitlines()]
            solution = cell.source.partition("### BEGIN SOLUTION")[2].partition("### END SOLUTION")[0]
            lines = [line.strip() for line in solution.splitlines() if line.strip()]
            assert lines and [line for line in lines if line not in shown] == [], f"{question} is solved differently"


@pytest.mark.parametrize("name", EXERCISES)
def test_an_untouched_exercise_runs_and_says_that_nothing_is_answered(name, monkeypatch):
    shown = []
    monkeypatch.setattr(helpers.language, "display", lambda shown_: shown.append(shown_._repr_mimebundle_()))
    monkeypatch.setenv("COURSE_PROGRESS", "memory")
    namespace = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cell in code_of("exercises", name):
            exec(compile(cell.source, name, "exec"), namespace)
    plt.close("all")
    answers = [bundle[MIME_TYPE] for bundle in shown if MIME_TYPE in bundle]
    unit = name.partition("_")[2]
    assert {answer["question"]: answer["status"] for answer in answers} == {
        f"{unit}.{question}": "not answered" for question in of_kind(name, False)
    }
    waiting = [bundle for bundle in shown if "Nothing to look at yet" in bundle["text/plain"]]
    looks = sum(cell.source.count("with look():") for cell in code_of("exercises", name))
    assert len(waiting) == looks > 0


@pytest.mark.parametrize("name", EXERCISES)
def test_the_lesson_has_figures_and_one_of_them_moves(name):
    shown = figures(code_of("", name))
    assert len(shown) >= FIGURES and any("course-frames" in markup for markup in shown)


def test_the_readme_lists_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((notebooks/[\w/]+\.ipynb)\)", readme))
    built = [path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    assert linked == {path.relative_to(ROOT).as_posix() for path in built}
