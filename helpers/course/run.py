"""Run notebooks headlessly and say of each what happened: time, cells, claims, the first failure."""

import ast
import contextlib
import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellTimeoutError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from helpers import claims as claim_records
from helpers import data as data_records
from helpers.course.kernels import forked
from helpers.exercises.engine.progress import MEMORY

PASSED, FAILED, TIMED_OUT, DIED, BROKEN = "passed", "failed", "timed out", "kernel died", "claim broken"
_ENGINE = "course"
_PAPERMILL_TAGS = {"injected-parameters", "papermill-error-cell-tag"}
# Colours of a traceback, and what XML cannot hold.
_CONTROL_CODES = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b\x0c\x0e-\x1f]")

# It warns of parameters it cannot read or does not know; `check_parameters` knows better.
logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Job:
    """One notebook to run. `timeout` is the limit for each cell, in seconds.

    folder : where its kernel starts, so that relative paths mean what they mean in JupyterLab; None: beside `source`.
    """

    name: str
    source: Path
    output: Path
    parameters: dict = field(default_factory=dict)
    timeout: float = 600
    progress: dict | bool = False
    folder: Path | None = None


@dataclass
class Result:
    """What became of a job; plain values only, so that it can be written as JSON or sent to another process."""

    name: str
    status: str
    seconds: float
    cells: int
    cells_run: int
    output: str
    claims: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    failure: dict | None = None

    def as_dict(self):
        return asdict(self)


def find_notebooks(notebooks, names=()):
    """{name: path} of the built notebooks whose name begins with one of `names` (all for none).

    A lesson is named `06_red_wine`, its companions `exercises/06_red_wine` and `solutions/06_red_wine`,
    a template `templates/08_one_run`.
    Raises ValueError for a name that matches nothing, and when nothing is built.
    """
    folders = ("", "exercises", "solutions", "templates")
    found = {
        path.relative_to(notebooks).with_suffix("").as_posix(): path
        for folder in folders
        for path in sorted((notebooks / folder).glob("*.ipynb"))
    }
    if not found:
        raise ValueError(f"there is no notebook in {notebooks}: build them first")
    for name in names:
        if not any(_matches(known, name) for known in found):
            raise ValueError(f"no notebook begins with {name!r}; there are {', '.join(found)}")
    return {known: path for known, path in found.items() if not names or any(_matches(known, n) for n in names)}


def check_parameters(path, parameters):
    """Raise ValueError for a parameter that the notebook does not declare; papermill itself only warns."""
    known = _declared_parameters(nbformat.read(path, as_version=4))
    unknown = sorted(set(parameters) - known)
    if unknown:
        has = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{path.stem} has no parameter {', '.join(unknown)}; it has {has}")


def run_all(jobs, workers):
    """Run the jobs in `workers` threads and yield each Result as it comes.

    Threads are enough: every notebook has a process of its own, its kernel.
    """
    workers = max(1, min(workers, len(jobs)))
    with _kernel_environment(workers), forked(), ThreadPoolExecutor(workers) as executor:
        for future in as_completed([executor.submit(run_notebook, job) for job in jobs]):
            yield future.result()


def run_notebook(job):
    """Run one notebook and return its Result; whatever happens in it, the notebook so far is at `job.output`."""
    job.output.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    status, failure = _execute(job)
    seconds = time.monotonic() - started
    code = code_cells(nbformat.read(job.output, as_version=4))
    executed = sum(cell.execution_count is not None for cell in code)
    claims = records(code, claim_records.MIME_TYPE)
    data = {record["name"]: record["source"] for record in records(code, data_records.MIME_TYPE)}
    if failure:
        failure |= _where(code)
    elif broken := [claim for claim in claims if claim["status"] == "broken"]:
        status, number = BROKEN, broken[0]["cell"]
        failure = _failure("BrokenClaim", broken[0]["en"]) | {"cell": number, "source": code[number - 1].source}
    elif executed < len(code) or any(output.output_type == "error" for cell in code for output in cell.outputs):
        # papermill takes sys.exit() in a cell for a good end; what stands after it never ran.
        status, failure = FAILED, _failure("SystemExit", "the cell ended the notebook") | _where(code)
    return Result(job.name, status, seconds, len(code), executed, str(job.output), claims, data, failure)


def code_cells(notebook):
    """The notebook's own code cells: none that is empty, none that papermill put in."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and cell.source.strip()
        and not _PAPERMILL_TAGS.intersection(cell.metadata.get("tags", []))
    ]


def records(code, mime_type):
    """What the helpers left for programs in the cells' outputs, each record with its cell's number from 1."""
    return [
        {"cell": number, **output.data[mime_type]}
        for number, cell in enumerate(code, start=1)
        for output in cell.outputs
        if mime_type in output.get("data", {})
    ]


def figures(code):
    """The figures that the cells displayed, as HTML."""
    markup = ("".join(output.get("data", {}).get("text/html", "")) for cell in code for output in cell.outputs)
    return [html for html in markup if html.startswith("<figure")]


def _declared_parameters(notebook):
    """The names that the cell tagged `parameters` sets; papermill's own reader stumbles over `a = b == c`."""
    return {
        node.id
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
        for statement in ast.parse(cell.source).body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _execute(job):
    """Let papermill run the job; return (status, failure or None)."""
    try:
        papermill.execute_notebook(
            job.source,
            job.output,
            parameters=job.parameters,
            engine_name=_ENGINE,
            progress_bar=job.progress,
            execution_timeout=job.timeout,
            start_timeout=120,
            autosave_cell_every=0,
            # For nbclient, and for this kernel alone: papermill's own `cwd` moves the whole process, with all threads.
            resources={"metadata": {"path": str(job.folder or job.source.parent)}},
            # No warning that it listens on this machine without encryption.
            extra_arguments=["--log-level=ERROR"],
            # All outputs are in; waiting for TensorFlow to tidy up takes seconds a notebook.
            shutdown_kernel="immediate",
        )
    except PapermillExecutionError as error:
        return FAILED, _failure(error.ename, error.evalue, error.traceback)
    # A notebook that ran out of time or lost its kernel is saved as "completed": the exception tells the truth.
    except CellTimeoutError:
        return TIMED_OUT, _failure("TimeoutError", f"the cell ran for more than {job.timeout:g} seconds")
    # A kernel that dies while it starts is a plain RuntimeError, one that dies later a DeadKernelError.
    except (RuntimeError, NoSuchKernel) as error:
        return DIED, _failure(type(error).__name__, str(error))
    return PASSED, None


class _SaveOnceASecond(NBClientEngine):
    """papermill's own engine; but writing a notebook with its figures before and after every cell takes its time."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
        save, saved = nb_man.save, time.monotonic()

        def save_now_and_then(**arguments):
            nonlocal saved
            if time.monotonic() - saved > 1:
                save(**arguments)
                saved = time.monotonic()

        nb_man.save = save_now_and_then
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        finally:
            save()


papermill_engines.register(_ENGINE, _SaveOnceASecond)


def _matches(known, name):
    return known.startswith(name) or known.rpartition("/")[2].startswith(name)


@contextlib.contextmanager
def _kernel_environment(workers):
    """Give each kernel its share of the cores and keep it from the learner's record; it inherits our environment."""
    share = str(max(1, (os.cpu_count() or 1) // workers))
    settings = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), share)
    settings["COURSE_PROGRESS"] = MEMORY
    # As a kernel sets it; but matplotlib reads it once, when it is imported, and in a forked kernel that was before.
    settings["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _failure(error, message, traceback=()):
    text = _CONTROL_CODES.sub("", "\n".join(traceback))
    return {"error": error, "message": _CONTROL_CODES.sub("", str(message)), "traceback": text}


def _where(code):
    """The number (from 1) and text of the cell that failed, or that was running when the kernel stopped answering."""
    states = [cell.metadata.get("papermill", {}) for cell in code]
    reached = [number for number, state in enumerate(states, start=1) if state.get("start_time")]
    number = reached[-1] if reached else 1
    return {"cell": number, "source": code[number - 1].source}
