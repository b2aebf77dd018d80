"""What runs now: a live display on a terminal, plain lines anywhere else."""

import contextlib
import threading

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextlib.contextmanager
def progress(cells, console):
    """Yield (started, finished): to call when a cell starts, and with each Result.

    cells : {name of a job: number of its code cells}.
    """
    display = _Live(cells, console) if console.is_terminal else _Lines(cells, console)
    with display:
        yield display.cell_starts, display.finished


class _Display:
    """Keeps count: cells done of all, jobs done of all. Cells start in several threads."""

    def __init__(self, cells, console):
        self._console, self._cells, self._lock = console, cells, threading.Lock()
        self._done, self._over = dict.fromkeys(cells, 0), set()

    def cell_starts(self, name, cell, line):
        with self._lock:
            # From a cluster, news of the last cells may come after the result.
            if name in self._over:
                return
            first = self._done[name] == 0 and cell == 1
            # A job that is run a second time, its worker lost, begins again.
            self._done[name] = cell - 1
            self._show_cell(name, cell, line, first)

    def finished(self, result):
        with self._lock:
            self._over.add(result.name)
            self._done[result.name] = self._cells[result.name]
            again = f", from the run of {result.reused}" if result.reused else ""
            counts = f"{result.cells_run} of {result.cells} cells, {result.seconds:.1f} s{again}"
            self._show_result(result, f"{result.name}: {result.status}, {counts}")

    def _cells_done(self):
        return sum(self._done.values())


class _Lines(_Display):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _show_cell(self, name, cell, line, first):
        if first:
            self._print(f"{name}: started, {self._cells[name]} cells")

    def _show_result(self, result, said):
        self._print(f"{said} ({len(self._over)} of {len(self._cells)} notebooks done)")

    def _print(self, text):
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Live(_Display):
    """A bar over all cells, and below it a line for each notebook that runs."""

    def __init__(self, cells, console):
        super().__init__(cells, console)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._all = Progress(*columns, console=console)
        self._total = self._all.add_task("all cells", total=sum(cells.values()))
        now = TextColumn("{task.description}"), MofNCompleteColumn(), TextColumn("{task.fields[line]}", markup=False)
        self._now = Progress(*now, console=console)
        self._tasks = {}
        self._live = Live(Group(self._all, self._now), console=console, refresh_per_second=5)

    def __enter__(self):
        self._live.__enter__()
        return self

    def __exit__(self, *error):
        self._live.__exit__(*error)

    def _show_cell(self, name, cell, line, first):
        if name not in self._tasks:
            self._tasks[name] = self._now.add_task(name, total=self._cells[name], line="")
        self._now.update(self._tasks[name], completed=cell - 1, line=line[:40])
        self._all.update(self._total, completed=self._cells_done())

    def _show_result(self, result, said):
        if result.name in self._tasks:
            self._now.remove_task(self._tasks.pop(result.name))
        self._all.update(self._total, completed=self._cells_done())
        self._console.print(said, markup=False, highlight=False)
