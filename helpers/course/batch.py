"""Many jobs as one run: alone in its folder, with its progress shown, to be stopped and taken up again."""

import contextlib
import os
import signal
import threading

import nbformat
from filelock import FileLock, Timeout

from helpers.course.executors import run_all
from helpers.course.notebooks import code_cells
from helpers.course.progress import progress
from helpers.course.resume import Record
from helpers.course.run import PASSED

_STOPPING = "stopping: what runs is ended, then the report is written (once more: at once, without a report)\n"


class BusyError(Exception):
    """Another run writes to the same folder."""


def run_batch(jobs, folder, console, *, workers=1, scheduler=None, resume=False, settled=(PASSED,)):
    """Run the jobs and return (results sorted by name, number of the signal that stopped the run or None).

    folder : where the record of earlier runs is; no other run may use it meanwhile.
    settled : the statuses that `resume` need not run again.

    Raises BusyError, OSError when the folder cannot be written to, and SchedulerError.
    """
    with _alone_in(folder):
        record = Record(folder, resume)
        for problem in record.problems:
            console.print(problem, markup=False, highlight=False, soft_wrap=True)
        reused = {job.name: found for job in jobs if resume and (found := record.find(job))}
        todo = {job.name: job for job in jobs if job.name not in reused}
        results, stopped, unrecorded = [], [], None
        with progress({job.name: _count_cells(job.source) for job in jobs}, console) as (cell_starts, finished):
            for result in reused.values():
                finished(result)
            with _signals(stopped) as on_start:
                for result in run_all(list(todo.values()), workers, scheduler, cell_starts, on_start):
                    results.append(result)
                    finished(result)
                    if result.status in settled:
                        try:
                            record.add(todo[result.name], result)
                        except OSError as error:
                            unrecorded = error
        if unrecorded:
            console.print(f"not all results are recorded for --resume: {unrecorded}", markup=False, soft_wrap=True)
    results += reused.values()
    return sorted(results, key=lambda result: result.name), stopped[0] if stopped else None


def _count_cells(path):
    return len(code_cells(nbformat.read(path, as_version=4)))


@contextlib.contextmanager
def _alone_in(folder):
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        message = f"another run writes to {folder}: wait until it has ended, or name another folder with --output"
        raise BusyError(message) from None


@contextlib.contextmanager
def _signals(stopped):
    """Yield a function that takes the run's `stop`, to be called on Ctrl-C or when the process is asked to end."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in numbers}

    def restore():
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_start(stop):
        def handle(number, _):
            stopped.append(number)
            restore()
            os.write(2, _STOPPING.encode())
            # Not here: what this thread was doing may hold a lock that stopping needs.
            threading.Thread(target=stop).start()

        for number in numbers:
            signal.signal(number, handle)

    try:
        yield on_start
    finally:
        restore()
