"""Build notebooks from their sources: execute what is executed, keep only what belongs in git."""

import base64
import os
import re

import nbformat

from helpers.course import BUILD
from helpers.course.executors import run_all
from helpers.course.notebooks import code_cells, figures, records
from helpers.course.run import PASSED, Job
from helpers.course.sources import source_files, targets
from helpers.data import MIME_TYPE as DATA_RECORD
from helpers.data import default_source

# Run again in every fresh clone anyway: an untrusted notebook shows its output without style or buttons.
SWITCH_TAG = "language-switch"
KEPT_METADATA = ("tags", "nbgrader", "jupyter")


class BuildError(Exception):
    """A notebook that must not be kept: it failed, is noisy, or did not run on the real data."""


def build(notebooks, names=(), timeout=600):
    """Build the sources whose name begins with one of `names` (all for none); yield (path, Result or None).

    A notebook is written only when it ran without a failure, so a failed build leaves the old one.
    Raises BuildError, and ValueError for a name that matches no source.
    """
    if os.environ.get("COURSE_FAST") == "1":
        raise BuildError("COURSE_FAST=1 is set, but stored outputs come from full runs: unset it")
    for source in source_files(notebooks, names):
        for target in targets(source):
            yield target.path, _build_target(target, timeout)


def _build_target(target, timeout):
    result, notebook = None, target.notebook
    target.path.parent.mkdir(parents=True, exist_ok=True)
    if target.executed:
        result, notebook = _executed(target, timeout)
    fresh = target.path.with_suffix(".ipynb.new")
    nbformat.write(notebook, fresh)
    os.replace(fresh, target.path)
    _keep_picture(target.path, notebook)
    return result


def _keep_picture(path, notebook):
    """A lesson's last figure as a file of its own, for pages outside the notebook (README.md)."""
    shown = figures(code_cells(notebook))
    if shown and path.parent.name == "notebooks":
        picture = path.parent / "figures" / f"{path.stem}.png"
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(base64.b64decode(re.search(r"base64,([^\"]+)", shown[-1])[1]))


def _executed(target, timeout):
    folder = BUILD / "build" / target.path.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    blank, output = folder / f"{target.path.stem}.source.ipynb", folder / target.path.name
    nbformat.write(target.notebook, blank)
    (result,) = run_all([Job(target.path.stem, blank, output, timeout=timeout, folder=target.path.parent)])
    if result.status != PASSED:
        where = f"code cell {result.failure['cell']}"
        raise BuildError(f"{target.path.name}, {where}: {result.status}: {result.failure['message']}; see {output}")
    notebook = nbformat.read(output, as_version=4)
    _refuse_simulated_data(target.path.name, notebook)
    _refuse_noise(target.path.name, notebook)
    return result, _kept(notebook, target.notebook)


def _refuse_simulated_data(file, notebook):
    last = {record["name"]: record for record in records(code_cells(notebook), DATA_RECORD)}
    for name, record in last.items():
        if record["source"] == "simulated" != default_source(name):
            where = f"{file}, code cell {record['cell']}"
            raise BuildError(f"{where} ran on simulated data ({name}): set COURSE_DATA")


def _refuse_noise(name, notebook):
    for number, cell in enumerate(code_cells(notebook), start=1):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise BuildError(f"{name}, code cell {number} wrote to stderr: {output.text[:200]!r}")


def _kept(notebook, source):
    """The executed notebook without what changes from run to run and means nothing to a reader."""
    notebook.metadata = source.metadata
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA and v})
        if SWITCH_TAG in cell.metadata.get("tags", []):
            cell.outputs = []
    return notebook
