"""What a run shows while it runs: plain lines in a log, a live display on a terminal."""

import io

from rich.console import Console

from helpers.course.progress import progress
from helpers.course.run import Result

CELLS = {"01_first": 3, "02_second": 2}


def shown(terminal, *, width=100):
    """What is written while the first notebook runs to its end and the second begins."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    with progress(CELLS, console) as (cell_starts, finished):
        cell_starts("01_first", 1, "seed = 0")
        cell_starts("02_second", 1, "import [bold]")
        cell_starts("01_first", 2, "x = 1")
        finished(Result("01_first", "passed", 1.25, 3, 3, "out.ipynb"))
        # News that comes late, as from a cluster.
        cell_starts("01_first", 3, "late")
    return text.getvalue()


def test_a_log_has_a_line_for_each_start_and_end():
    assert shown(terminal=False).splitlines() == [
        "01_first: started, 3 cells",
        "02_second: started, 2 cells",
        "01_first: passed, 3 of 3 cells, 1.2 s (1 of 2 notebooks done)",
    ]


def test_a_terminal_shows_all_cells_and_what_runs_now():
    text = shown(terminal=True)
    assert "01_first: passed, 3 of 3 cells, 1.2 s" in text
    last = text[text.rindex("all cells") :]
    assert "3/5" in last and "02_second 0/2 import [bold]" in last
    assert "01_first" not in last and "late" not in last
