"""Where jobs run: threads of this process, or a Dask cluster; the same jobs, the same function."""

import contextlib
import logging
import os
import uuid
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import replace

from helpers.course import kernels
from helpers.course.run import FAILED, not_run, run_notebook

_TOPIC = "course-cells"


class SchedulerError(Exception):
    """No Dask scheduler answers at the address."""


def run_all(jobs, workers=1, scheduler=None, tell=lambda name, cell, line: None, on_start=lambda stop: None):
    """Run the jobs, `workers` at a time or on the cluster of a Dask scheduler, and yield each Result as it comes.

    scheduler : address of a Dask scheduler, whose workers see this checkout and the folder of the outputs under the
        same paths. A kernel there has one core, as a thread of a worker has.
    tell : called with a job's name, the number of a code cell and its first line, whenever a cell starts.
    on_start : called once with a function that stops the run: what runs ends as "interrupted", the rest as "not run".

    Raises SchedulerError when no scheduler answers.
    """
    run = uuid.uuid4().hex
    workers = max(1, min(workers, len(jobs)))
    threads = 1 if scheduler else max(1, (os.cpu_count() or 1) // workers)
    jobs = [replace(job, run=run, threads=threads) for job in jobs]
    executor = _on_cluster(scheduler, tell) if scheduler else _in_threads(workers, threads, tell)
    with executor as (submit, stop, is_alive):
        on_start(lambda: stop(run))
        futures = {submit(job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield _result(future, futures[future], is_alive)
        except (KeyboardInterrupt, GeneratorExit):
            # Nobody waits for the rest.
            stop(run)
            raise


def _result(future, job, is_alive):
    try:
        return future.result()
    except CancelledError:
        reason = "the run was stopped" if is_alive() else "the Dask scheduler is gone"
        return not_run(job, reason)
    # Whatever went wrong around a notebook, the others go on, and the report says what it was.
    except Exception as error:
        return not_run(job, f"{type(error).__name__}: {error}", status=FAILED)


@contextlib.contextmanager
def _in_threads(workers, threads, tell):
    """Threads are enough: every notebook has a process of its own, its kernel."""
    with kernels.forked(threads), ThreadPoolExecutor(workers) as executor:
        yield lambda job: executor.submit(run_notebook, job, tell), kernels.stop, lambda: True


@contextlib.contextmanager
def _on_cluster(address, tell):
    from distributed import Client

    # They log, with tracebacks, what the report says in a sentence; each has a level of its own.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SchedulerError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        client.subscribe_topic(_TOPIC, lambda event: tell(*event[1]))
        # Not pure: a notebook that is run twice is run twice.
        executor = client.get_executor(pure=False)
        yield (
            lambda job: executor.submit(_run_on_worker, job),
            lambda run: client.run(kernels.stop, run),
            lambda: client.status == "running",
        )


def _run_on_worker(job):
    from distributed import get_worker

    worker = get_worker()
    return run_notebook(job, lambda *said: worker.log_event(_TOPIC, said))
