"""Time `course run` against plain `jupyter nbconvert --execute` over the same lessons, in fast mode (`make bench`).

Both are run in turn, so that the ratio holds while the machine's speed drifts. Quote the ratio, not the seconds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from helpers.course import NOTEBOOKS

REPETITIONS = 3


def seconds(command):
    """Wall-clock seconds of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"COURSE_FAST": "1"})
    return time.perf_counter() - started


def main():
    lessons = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        ours = [sys.executable, "-m", "helpers.course.cli", "run", "--fast", "--jobs", "2", "--output", folder]
        theirs = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", folder]
        print(f"{len(lessons)} lessons, fast mode, {os.cpu_count()} cores, {REPETITIONS} repetitions in turn")
        for number in range(1, REPETITIONS + 1):
            a, b = seconds(ours), seconds([*theirs, *map(str, lessons)])
            ratios.append(b / a)
            print(f"{number}: course run --jobs 2 {a:.1f} s, nbconvert --execute {b:.1f} s, ratio {b / a:.2f}")
    print(f"nbconvert takes {statistics.median(ratios):.2f} times as long as course run (median)")


if __name__ == "__main__":
    main()
