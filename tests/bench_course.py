"""Time `course run` against `jupyter nbconvert --execute`, and say where the time goes (`make bench`).

All notebooks of the course, in fast mode: with nbconvert one after another, with --jobs 1, with --jobs 2. They are run
in turn, so that the ratio holds while the machine's speed drifts. Quote the ratio, not the seconds.
"""

import builtins
import contextlib
import functools
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel

from helpers.course import NOTEBOOKS, kernels
from helpers.course.notebooks import code_cells, find_notebooks

REPETITIONS = 2
FAST = os.environ | {"COURSE_FAST": "1", "COURSE_PROGRESS": "memory"}
COURSE = [sys.executable, "-m", "helpers.course.cli", "run", "--fast"]
NBCONVERT = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]


def seconds(command, **options):
    """Wall-clock seconds of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=FAST, **options)
    return time.perf_counter() - started


def with_nbconvert(found, folder):
    """One notebook after another, each in its own folder as JupyterLab has it."""
    return sum(
        seconds([*NBCONVERT, "--output-dir", f"{folder}/{path.parent.name}", path.name], cwd=path.parent)
        for path in found.values()
    )


def compare(found):
    ratios = []
    for number in range(1, REPETITIONS + 1):
        with tempfile.TemporaryDirectory() as folder:
            theirs = with_nbconvert(found, folder)
            one, two = (seconds([*COURSE, "--jobs", str(jobs), "--output", f"{folder}/{jobs}"]) for jobs in (1, 2))
        ratios.append((theirs / two, one / two))
        print(f"{number}: nbconvert {theirs:.1f} s, course run --jobs 1 {one:.1f} s, --jobs 2 {two:.1f} s", flush=True)
    for name, found_ratios in zip(("nbconvert", "course run --jobs 1"), zip(*ratios, strict=True), strict=True):
        print(f"{name} takes {statistics.median(found_ratios):.2f} times as long as course run --jobs 2 (median)")


# --- where the time goes ---


class Clock:
    """Seconds by kind, each counted once: what happens inside something of another kind belongs to the inner one."""

    def __init__(self):
        self.seconds, self._stack, self._since = Counter(), ["other"], time.perf_counter()

    def _switch(self):
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def counting(self, kind):
        self._switch()
        self._stack.append(kind)
        try:
            yield
        finally:
            self._switch()
            self._stack.pop()

    def wrap(self, owner, name, kind):
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args, **kwargs):
            with self.counting(kind):
                return function(*args, **kwargs)

        setattr(owner, name, timed)

    def total(self):
        self._switch()
        return self.seconds


def measure(path):
    """Run the cells of a notebook in this process and print the Clock's seconds as JSON."""
    clock = Clock()
    # Before anything of the course is imported: that is what is to be measured.
    clock.wrap(builtins, "__import__", "imports")
    import keras
    import matplotlib.figure
    from IPython.core.interactiveshell import InteractiveShell

    import helpers.plotting
    import helpers.scratch

    for owner in (keras.Model, helpers.scratch.Sequential):
        for name in ("fit", "evaluate", "predict"):
            clock.wrap(owner, name, "fit, evaluate, predict")
    clock.wrap(matplotlib.figure.Figure, "savefig", "figures")
    for name in ("subplots", "figure"):
        clock.wrap(helpers.plotting.plt, name, "figures")
    shell = InteractiveShell.instance()
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in code_cells(nbformat.read(path, as_version=4)):
            shell.run_cell(cell.source).raise_error()
    print(json.dumps(clock.total()))


def kernel_start():
    """Seconds until an ordinary and a forked kernel answer, medians of five; the first forked one is not counted."""
    found = {}
    for kind in ("ordinary", "forked"):
        with kernels.forked(1) if kind == "forked" else contextlib.nullcontext():
            times = []
            for _ in range(6):
                started = time.perf_counter()
                manager, client = start_new_kernel(env=kernels.environment(1), extra_arguments=["--log-level=ERROR"])
                times.append(time.perf_counter() - started)
                client.stop_channels()
                manager.shutdown_kernel(now=True)
        found[kind] = statistics.median(times[1:])
    return found


def breakdown(found):
    total, places = Counter(), {}
    for name, path in found.items():
        command = [sys.executable, __file__, "--measure", path.name]
        answer = subprocess.run(command, cwd=path.parent, env=FAST, check=True, capture_output=True, text=True)
        places[name] = Counter(json.loads(answer.stdout.splitlines()[-1]))
        total += places[name]
    starts = kernel_start()
    print(f"\nwhere the time goes, {len(found)} notebooks one after another, each in a process of its own:")
    print(f"  {len(found) * starts['ordinary']:6.1f} s  kernel start ({starts['ordinary']:.2f} s each)")
    for kind, spent in total.most_common():
        slowest = max(places, key=lambda name: places[name][kind])
        print(f"  {spent:6.1f} s  {kind} (most: {slowest}, {places[slowest][kind]:.1f} s)")
    print(f"  a forked kernel starts in {starts['forked']:.2f} s and has the imports already")


def main():
    if sys.argv[1:2] == ["--measure"]:
        return measure(Path(sys.argv[2]))
    found = find_notebooks(NOTEBOOKS)
    print(f"{len(found)} notebooks, fast mode, {os.cpu_count()} cores, {REPETITIONS} repetitions in turn")
    compare(found)
    return breakdown(found)


if __name__ == "__main__":
    main()
