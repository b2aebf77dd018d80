"""From one source file to the notebooks it stands for, not yet executed."""

import copy
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config

from helpers.exercises import UNITS, questions

SOLUTION = "### BEGIN SOLUTION"
# A cell that explains: the solution has it, the exercise does not.
SOLUTION_TAG = "solution-only"
# `06_red_wine.md` is a lesson, `06_red_wine.exercise.md` an exercise with its solution inside,
# `08_one_run.template.md` a notebook that others run with their own parameters.
_NAME = re.compile(r"(?P<topic>\d\d_[a-z0-9_]+)(\.(?P<kind>exercise|template))?\.md")
# A line `{{ dense_layers.relu }}` stands for the task of that question, which is written in helpers/exercises alone.
_TASK = re.compile(r"^\{\{ *(\w+)\.(\w+) *\}\}$", re.MULTILINE)
_STUB = "# Your code here · 在这里写代码\nraise NotImplementedError"


@dataclass(frozen=True)
class Target:
    """One notebook to build: where it goes, what it holds, whether its outputs are kept."""

    path: Path
    notebook: nbformat.NotebookNode
    executed: bool


def source_files(notebooks, names=()):
    """The source files below `notebooks`/source whose name begins with one of `names` (all for none).

    Raises ValueError for a file that is no lesson, exercise or template, and for a name that matches nothing.
    """
    files = sorted((notebooks / "source").glob("*.md"))
    for file in files:
        if not _NAME.fullmatch(file.name):
            names = "NN_topic.md, NN_topic.exercise.md or NN_topic.template.md"
            raise ValueError(f"{file.name} is not a source: a source is called {names}")
    for name in names:
        if not any(file.name.startswith(name) for file in files):
            raise ValueError(f"no source begins with {name!r}; there are {', '.join(f.name for f in files) or 'none'}")
    return [file for file in files if not names or file.name.startswith(tuple(names))]


def targets(source):
    """The notebooks that a source file stands for: one lesson, one template, or an exercise and its solution."""
    name = _NAME.fullmatch(source.name)
    notebooks, file = source.parent.parent, f"{name['topic']}.ipynb"
    notebook = read_source(source)
    if name["kind"] != "exercise":
        folder = notebooks / "templates" if name["kind"] else notebooks
        return [Target(folder / file, notebook, executed=True)]
    return [
        Target(notebooks / "exercises" / file, without_solutions(notebook), executed=False),
        Target(notebooks / "solutions" / file, notebook, executed=True),
    ]


def read_source(source):
    """The notebook written in a Jupytext Markdown file, with metadata and ids that depend on its content alone.

    Raises ValueError for a `{{ unit.question }}` that does not exist.
    """
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    seen = set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _TASK.sub(lambda found: _task(source.name, *found.groups()), cell.source)
        cell.id = _content_id(cell.source, seen)
        if cell.cell_type == "code" and SOLUTION in cell.source:
            # nbgrader's own marks, so that it can hand out, collect and clear these notebooks.
            cell.metadata["nbgrader"] = {
                "schema_version": 3, "grade_id": cell.id, "solution": True,
                "grade": False, "locked": False, "task": False,
            }  # fmt: skip
    return notebook


def without_solutions(notebook):
    """A copy without the cells that explain, and with a stub between BEGIN SOLUTION and END SOLUTION, by nbgrader."""
    config = Config()
    config.ClearSolutions.code_stub = {"python": _STUB}
    config.TagRemovePreprocessor.remove_cell_tags = {SOLUTION_TAG}
    exercise = copy.deepcopy(notebook)
    for preprocessor in (TagRemovePreprocessor, ClearSolutions):
        exercise, _ = preprocessor(config=config).preprocess(exercise, {})
    return exercise


def _task(source, unit, name):
    """The task of a question as Markdown in both languages; that of a prediction with its choices."""
    known = questions(unit) if unit in UNITS else {}
    if name not in known:
        raise ValueError(f"{source} asks for a question {unit}.{name}, which is not in helpers/exercises")
    task, choices = known[name].task, getattr(known[name], "choices", {})
    blocks = []
    for language, colon in (("en", ": "), ("zh", "\uff1a")):
        chosen = "\n".join(f"- **{letter}**{colon}{getattr(choices[letter], language)}" for letter in choices)
        text = f"{getattr(task, language)}\n\n{chosen}".strip()
        blocks.append(f'<div lang="{language}">\n\n{text}\n\n</div>')
    return "\n".join(blocks)


def _content_id(text, seen):
    """An id that stays as long as the cell's text: rebuilding an unchanged cell changes nothing in git."""
    for attempt in range(len(seen) + 1):
        found = hashlib.sha256(f"{attempt}:{text}".encode()).hexdigest()[:12]
        if found not in seen:
            seen.add(found)
            return found
