"""Time how long a learner waits for an answer to an answer (`make bench`): right ones and wrong ones, every question.

Everything is timed that stands between running the cell and the card: judging, diagnosing, recording. The first check
of a question, which also runs the reference and all wrong implementations, is reported on its own.
"""

import contextlib
import io
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from helpers.exercises import UNITS, questions
from helpers.exercises.engine.question import Code

REPETITIONS = 5


def milliseconds(question, answer):
    """Of one check, its card written to nowhere."""
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        question.check(answer)
    return 1000 * (time.perf_counter() - started)


def times(question):
    """Milliseconds of the first check of a wrong answer, and of later ones of a wrong and of a right answer."""
    # The last misconception is found last.
    wrong = question.misconceptions[-1].variants[-1] if question.misconceptions else lambda *arguments: 0
    first = milliseconds(question, wrong)
    later = [[milliseconds(question, answer) for answer in (wrong, question.reference)] for _ in range(REPETITIONS)]
    return first, *(statistics.median(column) for column in zip(*later, strict=True))


def main():
    import keras  # noqa: F401  importing it is not what is timed

    table = Table(title="Milliseconds until the card, per question", title_justify="left")
    for column in ("question", "kind", "first check", "wrong answer", "right answer"):
        table.add_column(column, justify="left" if column in ("question", "kind") else "right")
    medians = {"scratch": [], "Keras": []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_PROGRESS"] = str(Path(folder) / "progress.json")
        for question in (question for unit in UNITS for question in questions(unit).values()):
            if isinstance(question, Code):
                kind = "Keras" if re.search(r"keras|model\.", question.source()) else "scratch"
                measured = times(question)
                medians[kind].append(measured)
                table.add_row(question.key, kind, *(f"{ms:.0f}" for ms in measured))
    console = Console(width=120)
    console.print(table)
    for kind, measured in medians.items():
        first, wrong, right = (statistics.median(column) for column in zip(*measured, strict=True))
        slowest = max(map(max, measured))
        console.print(
            f"{kind}: {len(measured)} questions on {os.cpu_count()} cores, medians: first check {first:.0f} ms, "
            f"wrong answer {wrong:.0f} ms, right answer {right:.0f} ms; slowest check {slowest:.0f} ms"
        )


if __name__ == "__main__":
    main()
