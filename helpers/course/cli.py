"""The command `course`: build, check and run the notebooks."""

import re
import sys
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.table import Column, Table

from helpers.course import BUILD, NOTEBOOKS

# What rich takes for the width of a terminal where there is none; a log deserves whole sentences.
_CONSOLE = Console(width=None if sys.stdout.isatty() else 140, soft_wrap=False)
_POWER_OF_TEN = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_COUNTS = ("cells", "seconds", "claims held", "not checked")


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


@main.command()
@click.argument("names", nargs=-1)
@click.option("--fast", is_flag=True, help="Fewer epochs and seeds: for a first look and for tests.")
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE",
              help="Set a notebook's parameter; VALUE is read as YAML. May be repeated.")  # fmt: skip
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Notebooks at a time.")
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(0, min_open=True),
              help="Limit for one cell, in seconds.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=BUILD / "run",
              help="Where the executed notebooks and the report go.", show_default="build/run")  # fmt: skip
@click.pass_obj
def run(notebooks, names, fast, parameters, jobs, timeout, output):
    """Run all notebooks headlessly, or those that begin with NAMES, and check every claim.

    Exit status: 0 when all passed, 1 when one did not, 2 for a wrong argument.
    """
    from helpers.course import report
    from helpers.course.run import PASSED, Job, check_parameters, find_notebooks, run_all

    values = {name: _value(name, text) for name, text in parameters} | ({"fast": True} if fast else {})
    try:
        found = find_notebooks(notebooks, names)
        for path in found.values():
            check_parameters(path, values)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    queue = [
        Job(name, path, output / f"{name}.ipynb", values, timeout, _progress(place, name))
        for place, (name, path) in enumerate(found.items())
    ]
    results = []
    for result in run_all(queue, jobs):
        results.append(result)
        if not sys.stderr.isatty():
            click.echo(
                f"{result.name}: {result.status}, {result.cells_run} of {result.cells} cells, {result.seconds:.1f} s"
            )
    results.sort(key=lambda result: result.name)
    page = report.write(results, output)
    _CONSOLE.print(_table(results))
    for result in results:
        if result.failure:
            click.echo(report.sentence(result))
            click.echo(f"  the notebook so far: {_near(result.output)}")
    click.echo(f"report: {_near(page)}")
    if any(result.status != PASSED for result in results):
        sys.exit(1)


def _value(name, text):
    try:
        # YAML takes 1e-3 for a text, because it has no point.
        return float(text) if _POWER_OF_TEN.fullmatch(text) else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"{text!r} is not a value for {name!r} (read as YAML): {error}") from None


def _progress(place, name):
    # `disable=None` shows the bar on a terminal only.
    return {"desc": name, "position": place, "leave": True, "disable": None}


def _table(results):
    table = Table("notebook", "status", *(Column(heading, justify="right") for heading in _COUNTS), "data")
    for result in results:
        states = [claim["status"] for claim in result.claims]
        cells, seconds = f"{result.cells_run}/{result.cells}", f"{result.seconds:.1f}"
        held, unchecked = f"{states.count('held')}/{len(states)}", str(states.count("not checked"))
        data = ", ".join(f"{name} ({source})" for name, source in sorted(result.data.items()))
        table.add_row(result.name, result.status, cells, seconds, held, unchecked, data)
    return table


def _near(path):
    """A path as short as it can be from here."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
