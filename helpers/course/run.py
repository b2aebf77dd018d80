"""Run one notebook headlessly and say what happened: time, memory, cells, claims, the first failure."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellTimeoutError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from helpers import claims as claim_records
from helpers import data as data_records
from helpers.course import kernels
from helpers.course.notebooks import code_cells, records, sections

PASSED, FAILED, BROKEN = "passed", "failed", "claim broken"
TIMED_OUT, DIED, OUT_OF_MEMORY = "timed out", "kernel died", "out of memory"
INTERRUPTED, NOT_RUN = "interrupted", "not run"
_ENGINE = "course"
# Colours of a traceback, and what XML cannot hold.
_CONTROL_CODES = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b\x0c\x0e-\x1f]")

# It warns of parameters it cannot read or does not know; `check_parameters` knows better.
logging.getLogger("papermill").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Job:
    """One notebook to run; plain values only, so that it can be sent to another process.

    timeout : limit for each cell, in seconds.
    memory : limit for the kernel and all it starts, in bytes of resident memory.
    threads : cores for this kernel.
    folder : where its kernel starts, so that relative paths mean what they mean in JupyterLab; None: beside `source`.
    run : what `kernels.stop` calls the run to which the job belongs.
    """

    name: str
    source: Path
    output: Path
    parameters: dict = field(default_factory=dict)
    timeout: float = 600
    memory: float = 4e9
    threads: int = 1
    folder: Path | None = None
    run: str = ""


@dataclass
class Result:
    """What became of a job; plain values only, so that it can be written as JSON or sent to another process.

    peak_memory : bytes, of the kernel and all it started; 0 where no kernel ran.
    claims : the records of `helpers.claims`, each with its code cell (from 1) and the heading above it.
    data : {name of a data set: "real" or "simulated"}.
    failure : what stopped it (error, message, traceback) and where (cell, section, source; cell 0: in no cell).
    reused : when the result was recorded, if it is that of an earlier run.
    """

    name: str
    status: str
    seconds: float
    cells: int
    cells_run: int
    output: str
    parameters: dict = field(default_factory=dict)
    peak_memory: int = 0
    claims: list = field(default_factory=list)
    data: dict = field(default_factory=dict)
    failure: dict | None = None
    reused: str | None = None

    def as_dict(self):
        return asdict(self)


def run_notebook(job, tell=lambda name, cell, line: None):
    """Run one notebook and return its Result; whatever happens in it, the notebook so far is at `job.output`.

    tell : called with the job's name, the number of each code cell when it starts, and the cell's first line.
    """
    if kernels.is_stopped(job.run):
        return not_run(job, "the run was stopped before this notebook began")
    execution = _Execution(job, tell)
    started = time.monotonic()
    status, failure = _execute(job, execution)
    seconds = time.monotonic() - started
    notebook = execution.notebook
    code, headings = code_cells(notebook), sections(notebook)
    executed = sum(cell.execution_count is not None for cell in code)
    claims = [{"section": headings[record["cell"] - 1], **record} for record in records(code, claim_records.MIME_TYPE)]
    data = {record["name"]: record["source"] for record in records(code, data_records.MIME_TYPE)}
    if failure:
        failure |= _where(notebook, _reached(code))
    elif executed < len(code) or any(output.output_type == "error" for cell in code for output in cell.outputs):
        # papermill takes sys.exit() in a cell for a good end; what stands after it never ran.
        status, failure = FAILED, _failure("SystemExit", "the cell ended the notebook")
        failure |= _where(notebook, _reached(code))
    elif broken := [claim for claim in claims if claim["status"] == "broken"]:
        status, failure = BROKEN, _failure("BrokenClaim", broken[0]["en"]) | _where(notebook, broken[0]["cell"])
    if error := execution.save():
        status, failure = FAILED, _failure(type(error).__name__, f"the notebook cannot be saved: {error}") | _NOWHERE
    return Result(
        job.name, status, seconds, len(code), executed, str(job.output), job.parameters, execution.peak_memory,
        claims, data, failure,
    )  # fmt: skip


def not_run(job, reason, status=NOT_RUN):
    """The Result of a job that never came to its first cell."""
    cells = len(code_cells(nbformat.read(job.source, as_version=4)))
    failure = _failure("NotRun", reason) | _NOWHERE
    return Result(job.name, status, 0, cells, 0, str(job.output), job.parameters, failure=failure)


class _Execution:
    """A notebook while it runs: its cells as they are now, its kernel's memory, its file."""

    def __init__(self, job, tell):
        self.notebook = nbformat.read(job.source, as_version=4)
        self._job, self._tell = job, tell
        self._watch, self._saved = None, time.monotonic()

    def cell_starts(self, client, cell):
        if self._watch is None:
            self._watch = kernels.Watch(client.km.provisioner.pid, self._job.memory, self._job.run)
            self._watch.start()
        if own := [number for number, other in enumerate(code_cells(self.notebook), start=1) if other is cell]:
            self._tell(self._job.name, own[0], first_line(cell.source))

    def save_now_and_then(self, **_):
        """Writing a notebook with its figures before and after every cell takes its time. The end tells of failures."""
        if time.monotonic() - self._saved > 1:
            self.save()
            self._saved = time.monotonic()

    def save(self):
        """Write the notebook so far in one move; return the OSError that prevented it, or None."""
        output = self._job.output
        fresh = output.with_suffix(".ipynb.new")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(self.notebook, fresh)
            os.replace(fresh, output)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            return error
        return None

    def over(self):
        if self._watch:
            self._watch.end()

    @property
    def peak_memory(self):
        return self._watch.peak if self._watch else 0

    @property
    def killed_because(self):
        return self._watch.reason if self._watch else None


class _CourseEngine(Engine):
    """Runs the cells as papermill's own engine does, for an _Execution that follows them."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, execution, environment, client, **_):
        execution.notebook = nb_man.nb
        nb_man.save = execution.save_now_and_then
        client = PapermillNotebookClient(nb_man, kernel_name=kernel_name, **client)
        client.on_cell_start = lambda cell, cell_index: execution.cell_starts(client, cell)
        with tempfile.TemporaryDirectory(prefix="course-") as folder:
            if sys.platform != "win32":
                # Files, not ports: a port that was free when it was looked for may be taken when the kernel wants it.
                manager = client.create_kernel_manager()
                manager.transport, manager.ip = "ipc", f"{folder}/kernel"
            try:
                client.execute(env=environment)
            finally:
                execution.over()


papermill_engines.register(_ENGINE, _CourseEngine)


def _execute(job, execution):
    """Let papermill run the job; return (status, failure or None)."""
    client = {
        "timeout": job.timeout,
        "startup_timeout": 120,
        # For this kernel alone: papermill's own `cwd` moves the whole process, with all threads.
        "resources": {"metadata": {"path": str(job.folder or job.source.parent)}},
        # No warning that it listens on this machine without encryption.
        "extra_arguments": ["--log-level=ERROR"],
        # All outputs are in; waiting for TensorFlow to tidy up takes seconds a notebook.
        "shutdown_kernel": "immediate",
    }
    try:
        papermill.execute_notebook(
            job.source,
            None,
            parameters=job.parameters,
            engine_name=_ENGINE,
            progress_bar=False,
            autosave_cell_every=0,
            execution=execution,
            environment=kernels.environment(job.threads),
            client=client,
        )
    except PapermillExecutionError as error:
        return FAILED, _failure(error.ename, error.evalue, error.traceback)
    except CellTimeoutError:
        return TIMED_OUT, _failure("TimeoutError", f"the cell ran for more than {job.timeout:g} seconds")
    # A kernel that dies while it starts is a plain RuntimeError, one that dies later a DeadKernelError.
    except (RuntimeError, NoSuchKernel) as error:
        if execution.killed_because == kernels.OUT_OF_MEMORY:
            peak, limit = execution.peak_memory / 1e9, job.memory / 1e9
            message = f"its kernel took {peak:.2f} GB, more than its limit of {limit:.2f} GB, and was ended"
            return OUT_OF_MEMORY, _failure("MemoryError", message)
        if execution.killed_because == kernels.STOPPED:
            return INTERRUPTED, _failure("KeyboardInterrupt", "the run was stopped while this cell ran")
        return DIED, _failure(type(error).__name__, str(error))
    return PASSED, None


def first_line(source):
    return source.partition("\n")[0][:80]


def _failure(error, message, traceback=()):
    text = _CONTROL_CODES.sub("", "\n".join(traceback))
    return {"error": error, "message": _CONTROL_CODES.sub("", str(message)), "traceback": text}


_NOWHERE = {"cell": 0, "section": "", "source": ""}


def _reached(code):
    """The number (from 1) of the cell that failed, or that was running when the kernel stopped answering."""
    states = [cell.metadata.get("papermill", {}) for cell in code]
    reached = [number for number, state in enumerate(states, start=1) if state.get("start_time")]
    return reached[-1] if reached else 1


def _where(notebook, cell):
    """The section and the text of a code cell, with its number."""
    source = code_cells(notebook)[cell - 1].source
    return {"cell": cell, "section": sections(notebook)[cell - 1], "source": source}
