"""Is every built notebook what its source says, executed, quiet, comparable, counted, the same in both languages?"""

import nbformat

from helpers.course.build import KEPT_METADATA, SWITCH_TAG
from helpers.course.languages import notebook_problems
from helpers.course.notebooks import code_cells
from helpers.course.sources import source_files, targets
from helpers.course.sweep import table_problems

IGNORED_TAG = "nbval-ignore-output"


def check(notebooks, names=()):
    """Yield (notebook or source name, problem) for all that is wrong; nothing when all is well."""
    expected, sound = set(), {}
    if not source_files(notebooks):
        yield notebooks.name, "has no source: a lesson is written in source/NN_topic.md"
    for source in source_files(notebooks, names):
        built = targets(source)
        # The last notebook of a source holds everything, an exercise's solutions too.
        for number, problem in notebook_problems(built[-1].notebook):
            yield source.name, f"cell {number + 1}: {problem}"
        for target in built:
            expected.add(target.path)
            name = target.path.relative_to(notebooks).as_posix()
            problems = list(_target_problems(target))
            yield from ((name, problem) for problem in problems)
            if target.executed and not problems:
                sound[name.removesuffix(".ipynb")] = target.path
    yield from table_problems(notebooks, sound, whole=not names)
    if not names:
        for path in sorted(notebooks.rglob("*.ipynb")):
            if path not in expected and ".ipynb_checkpoints" not in path.parts:
                yield path.relative_to(notebooks).as_posix(), "no source builds this notebook: remove it"


def _target_problems(target):
    if not target.path.exists():
        yield "is not built: run `course build`"
        return
    try:
        built = nbformat.read(target.path, as_version=4)
        nbformat.validate(built)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        reason = str(error).partition("\n")[0][:80]
        yield f"cannot be read as a notebook ({reason}): run `course build`"
        return
    yield from _differences(target.notebook.cells, built.cells)
    if target.executed:
        yield from _execution_problems(code_cells(built))
    else:
        held = [number for number, cell in enumerate(code_cells(built), start=1) if cell.outputs]
        if held:
            yield f"an exercise holds no outputs, but its code cells {held} do: run `course build`"


def _differences(source, built):
    """What a reader would see changed: text, kind and tags of each cell, not ids or formatting of the file."""
    if len(source) != len(built):
        yield f"has {len(built)} cells, its source {len(source)}: run `course build`"
        return
    for number, (ours, theirs) in enumerate(zip(source, built, strict=True), start=1):
        if _content(ours) != _content(theirs):
            yield f"cell {number} is not what its source says ({_first_line(ours)!r}): run `course build`"


def _content(cell):
    return cell.cell_type, cell.source, {key: cell.metadata.get(key) or None for key in KEPT_METADATA}


def _execution_problems(code):
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        yield f"its code cells were not all executed once, from top to bottom (counts {counts}): run `course build`"
    for number, cell in enumerate(code, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"code cell {number} holds an exception: {output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                yield f"code cell {number} holds stderr output: {output.text[:80]!r}"
        if SWITCH_TAG in cell.metadata.get("tags", []) and cell.outputs:
            yield f"code cell {number} is the language switch and holds an output: run `course build`"
    with_output = [cell for cell in code if cell.outputs]
    compared = [cell for cell in with_output if IGNORED_TAG not in cell.metadata.get("tags", [])]
    if 2 * len(compared) < len(with_output):
        yield f"only {len(compared)} of {len(with_output)} cells with output are compared; at least half must be"


def _first_line(cell):
    return cell.source.partition("\n")[0][:60]
