"""The command `course`: build, check and run the notebooks."""

import re
import sys
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from helpers.course import BUILD, NOTEBOOKS

# What rich takes for the width of a terminal where there is none; a log deserves whole sentences.
_CONSOLE = Console(width=None if sys.stdout.isatty() else 140, soft_wrap=False)
_POWER_OF_TEN = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_COUNTS = ("cells", "seconds", "peak MB", "claims held", "not checked")


@click.group()
@click.option("--notebooks", type=click.Path(path_type=Path, file_okay=False, exists=True), default=NOTEBOOKS,
              help="The folder of the notebooks.", show_default="notebooks/")  # fmt: skip
@click.pass_context
def main(context, notebooks):
    """Build, check and run the course's notebooks."""
    context.obj = notebooks.resolve()


@main.command()
@click.argument("names", nargs=-1)
@click.option("--timeout", default=600.0, show_default=True, help="Limit for one cell, in seconds.")
@click.pass_obj
def build(notebooks, names, timeout):
    """Build and execute the notebooks of all sources, or of those that begin with NAMES."""
    from helpers.course.build import BuildError
    from helpers.course.build import build as build_all

    try:
        for path, result in build_all(notebooks, names, timeout):
            said = f"executed in {result.seconds:.1f} s, {len(result.claims)} claims" if result else "not executed"
            click.echo(f"{path.relative_to(notebooks)}: built, {said}")
    except (BuildError, ValueError) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("names", nargs=-1)
@click.pass_obj
def check(notebooks, names):
    """Check that built notebooks are what their sources say, and that both languages agree."""
    from helpers.course.check import check as check_all

    try:
        problems = list(check_all(notebooks, names))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    for name, problem in problems:
        click.echo(f"{name}: {problem}")
    if problems:
        raise click.ClickException(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
    click.echo("all notebooks are what their sources say, in both languages")


def _running(command):
    """The options of a command that runs notebooks."""
    options = [
        click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Notebooks at a time."),
        click.option("--scheduler", metavar="ADDRESS",
                     help="Run on the workers of this Dask scheduler, such as tcp://127.0.0.1:8786, instead of here."),
        click.option("--resume", is_flag=True,
                     help="Skip what an earlier run in the same folder has settled and nothing has changed since."),
        click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(0, min_open=True),
                     help="Limit for one cell, in seconds."),
        click.option("--memory", default=4.0, show_default=True, type=click.FloatRange(0, min_open=True),
                     help="Limit for one kernel and all it starts, in GB."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("names", nargs=-1)
@click.option("--fast", is_flag=True, help="Fewer epochs and seeds: for a first look and for tests.")
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE",
              help="Set a notebook's parameter; VALUE is read as YAML. May be repeated.")  # fmt: skip
@_running
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=BUILD / "run",
              help="Where the executed notebooks and the report go.", show_default="build/run")  # fmt: skip
@click.pass_obj
def run(notebooks, names, fast, parameters, output, jobs, scheduler, resume, timeout, memory):
    """Run all notebooks headlessly, or those that begin with NAMES, and check every claim.

    Exit status: 0 when all passed, 1 when one did not, 2 for a wrong argument, 130 after Ctrl-C.
    """
    from helpers.course import report
    from helpers.course.notebooks import check_parameters, find_notebooks
    from helpers.course.run import PASSED, Job

    values = {name: _value(name, text) for name, text in parameters} | ({"fast": True} if fast else {})
    try:
        found = find_notebooks(notebooks, names)
        for path in found.values():
            check_parameters(path, values)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    output = output.resolve()
    queue = [Job(name, path, output / f"{name}.ipynb", values, timeout, memory * 1e9) for name, path in found.items()]
    results, signal = _run_batch(queue, output, workers=jobs, scheduler=scheduler, resume=resume)
    _CONSOLE.print(_table(results))
    for result in results:
        if result.failure:
            click.echo(report.sentence(result))
            if Path(result.output).exists():
                click.echo(f"  the notebook so far: {_near(result.output)}")
    try:
        click.echo(f"report: {_near(report.write(results, found, output))}")
    except OSError as error:
        raise click.ClickException(f"the report cannot be written: {error}") from None
    _exit(signal, any(result.status != PASSED for result in results))


class _Seeds(click.ParamType):
    """Seeds and ranges of seeds: 0-19 or 0,3,7-9."""

    name = "seeds"

    def convert(self, value, param, ctx):
        if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", value):
            self.fail(f"{value!r} is not a list of seeds such as 0-19 or 0,3,7-9", param, ctx)
        found = []
        for part in value.split(","):
            first, _, last = part.partition("-")
            if int(last or first) < int(first):
                self.fail(f"{part!r} runs backwards", param, ctx)
            found += range(int(first), int(last or first) + 1)
        return sorted(set(found))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--seeds", type=_Seeds(), default="0-19", show_default=True, help="Seeds, such as 0-19 or 0,3,7-9.")
@click.option("--source", type=click.Choice(["real", "simulated"]), default="real", show_default=True,
              help="The data that every run insists on.")  # fmt: skip
@click.option("-p", "--p", "grid", multiple=True, metavar="NAME=V1,V2",
              help="A parameter and its values (YAML); all combinations are run. May be repeated.")  # fmt: skip
@click.option("--fast", is_flag=True, help="Fewer epochs: for a first look; most claims are not checked then.")
@_running
@click.option("--keep", is_flag=True, help="Write the counts into source/claims.csv, which is committed.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=BUILD / "sweep",
              help="Where the executed notebooks and the tables go.", show_default="build/sweep")  # fmt: skip
@click.pass_obj
def sweep(notebooks, names, seeds, source, grid, fast, keep, output, jobs, scheduler, resume, timeout, memory):
    """Count over seeds how often each claim holds, in all notebooks or in those that begin with NAMES.

    Exit status: 0 when every claim held at nine of ten seeds or more and every run came to its end, else as for `run`.
    """
    from helpers.course import sweep as sweeps
    from helpers.course.notebooks import find_notebooks
    from helpers.course.report import sentence

    values = dict(_grid(text) for text in grid)
    if keep and (values or fast or len(seeds) < sweeps.SEEDS[source]):
        raise click.UsageError(f"--keep wants full runs at {sweeps.SEEDS[source]} seeds or more, no --p, no --fast")
    output = output.resolve()
    try:
        found = find_notebooks(notebooks, names)
        planned = sweeps.points(found, seeds, source, values, fast, output, timeout, memory * 1e9)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    queue = [point.job for point in planned]
    results, signal = _run_batch(
        queue, output, workers=jobs, scheduler=scheduler, resume=resume, settled=sweeps.SETTLED
    )
    counts = sweeps.count(planned, results, source)
    _CONSOLE.print(_counts_table(counts, sweeps.spread))
    unfinished = [result for result in results if result.status not in sweeps.SETTLED]
    for result in unfinished:
        click.echo(sentence(result))
    try:
        click.echo(f"table and figures: {_near(sweeps.write(counts, results, source, output))}")
        if keep and not unfinished:
            click.echo(f"kept: {_near(sweeps.update_table(notebooks, counts))}")
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the table cannot be written: {error}") from None
    _exit(signal, unfinished or not all(each.holds for each in counts))


def _grid(text):
    name, equals, values = text.partition("=")
    if not (name.isidentifier() and equals and values):
        raise click.BadParameter(f"{text!r} is not NAME=V1,V2", param_hint="--p")
    return name, [_value(name, value) for value in values.split(",")]


def _counts_table(counts, spread):
    table = Table("notebook", "claim", Column("held", justify="right"), "not at seed", "least … middle … largest")
    for each in counts:
        values = "\n".join(f"{name} {spread(numbers)}".strip() for name, numbers in each.values.items())
        extra = ", ".join(f"{name}={value}" for name, value in each.parameters.items())
        claim = f"{each.claim} [{extra}]" if extra else each.claim
        held = f"{each.held}/{each.of}" if each.of else "not checked"
        mark = "" if each.holds else "✗ "
        table.add_row(each.notebook, Text(claim), f"{mark}{held}", " ".join(map(str, each.missed)), Text(values))
    return table


def _run_batch(queue, output, **options):
    from helpers.course.batch import BusyError, run_batch
    from helpers.course.executors import SchedulerError

    try:
        return run_batch(queue, output, _CONSOLE, **options)
    except BusyError as error:
        raise click.UsageError(str(error)) from None
    except SchedulerError as error:
        raise click.BadParameter(str(error), param_hint="--scheduler") from None
    except OSError as error:
        raise click.ClickException(f"{_near(output)} cannot be written to: {error}") from None


def _exit(signal, failed):
    """As a shell counts: 128 and its number for a signal."""
    if signal:
        sys.exit(128 + signal)
    if failed:
        sys.exit(1)


def _value(name, text):
    try:
        # YAML takes 1e-3 for a text, because it has no point.
        return float(text) if _POWER_OF_TEN.fullmatch(text) else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"{text!r} is not a value for {name!r} (read as YAML): {error}") from None


def _table(results):
    table = Table(
        Column("notebook", no_wrap=True, min_width=22),
        "status",
        *(Column(heading, justify="right") for heading in _COUNTS),
        "data",
    )
    for result in results:
        states = [claim["status"] for claim in result.claims]
        cells, seconds = f"{result.cells_run}/{result.cells}", f"{result.seconds:.1f}"
        held, unchecked = f"{states.count('held')}/{len(states)}", str(states.count("not checked"))
        data = ", ".join(f"{name} ({source})" for name, source in sorted(result.data.items()))
        memory = f"{result.peak_memory / 1e6:.0f}"
        table.add_row(result.name, result.status, cells, seconds, memory, held, unchecked, data)
    return table


def _near(path):
    """A path as short as it can be from here."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
