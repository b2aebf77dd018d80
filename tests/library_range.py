"""Show that the course works on the lowest and on the newest libraries that pyproject.toml allows (`make range`).

The lock is not used. Each combination gets a virtual environment of its own in build/range/, and there the tests of
the scratch network, those of the exercise engine and the fast course. What failed is to be read in the logs beside it.
Named combinations, such as lowest-3.11, are tried alone.
"""

import json
import os
import shutil
import subprocess
import time
import tomllib
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import click
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from helpers.course import ROOT

PYTHONS = ("3.11", "3.12", "3.13")
# The lowest libraries have to work on the newest Python too: nothing keeps pip from taking them there.
COMBINATIONS = [f"lowest-{PYTHONS[0]}", f"lowest-{PYTHONS[-1]}", *(f"newest-{python}" for python in PYTHONS)]
TESTS = {
    "parity tests": ["tests/test_keras_parity.py", "tests/test_scratch.py", "tests/test_gradients.py"],
    "engine tests": ["tests/test_exercise_engine.py"],
}
VERSIONS = {"keras": ["keras"], "tensorflow": ["tensorflow-cpu", "tensorflow"], "numpy": ["numpy"]}
COLUMNS = ["combination", "Python", *VERSIONS, *TESTS, "fast course", "minutes", "result"]
FOLDER = ROOT / "build" / "range"
LONGEST = 2 * 60 * 60  # seconds for one command: one that hangs does not keep the others waiting for ever
# Tests and notebooks run two at a time, so each has one thread for its products.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


def lowest_releases(project):
    """Lines for pip's --constraint: of every dependency, the lowest release in its range."""
    for line in chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement = Requirement(line)
        (bound,) = (each.version for each in requirement.specifier if each.operator in (">=", "~=", "=="))
        yield f"{requirement.name}=={bound}" + (f" ; {requirement.marker}" if requirement.marker else "")


def find_python(version):
    """(command, full version) of an interpreter on PATH or beneath ~/.pyenv, (None, None) if there is none.

    Each is asked: pyenv's commands may stand for no interpreter, and Debian's may be unable to make environments.
    """
    on_path = (shutil.which(f"python{version}", path=folder) for folder in os.get_exec_path())
    for command in filter(None, chain(on_path, Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))):
        question = "import ensurepip, platform; print(platform.python_version())"
        answer = subprocess.run([command, "-c", question], capture_output=True, text=True).stdout.strip()
        if answer.startswith(f"{version}."):
            return command, answer
    return None, None


def passes(log, *command):
    """Whether a command succeeds; all that it says goes into the file `log`."""
    with log.open("wb") as file:
        settings = {"cwd": ROOT, "env": os.environ | ONE_THREAD, "stdout": file, "stderr": subprocess.STDOUT}
        try:
            return subprocess.run(command, timeout=LONGEST, **settings).returncode == 0
        except subprocess.TimeoutExpired:
            file.write(f"\nstopped after {LONGEST} seconds\n".encode())
            return False


def tests_of(report):
    """What pytest's JUnit file says: "430 passed, 0 failed", and whether any were skipped."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    tests, failed, errors, skipped = (int(suite.get(each)) for each in ("tests", "failures", "errors", "skipped"))
    counts = f"{tests - failed - errors - skipped} passed, {failed + errors} failed"
    return counts + (f", {skipped} SKIPPED" if skipped else "")


def notebooks_of(report):
    """What the report of `course run` says: "27 of 27"."""
    notebooks = json.loads(report.read_text(encoding="utf-8"))["notebooks"]
    return f"{sum(each['status'] == 'passed' for each in notebooks)} of {len(notebooks)}"


def install(folder, base):
    """Make the environment of a combination: its interpreter, or None where pip does not succeed."""
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if folder.name.startswith("lowest"):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (folder / "lowest.txt").write_text("\n".join(lowest_releases(project)) + "\n", encoding="utf-8")
        settings = ["--constraint", folder / "lowest.txt"]
    else:
        settings = ["--upgrade", "--upgrade-strategy", "eager"]
    # All extras: the engine's tests need the authors' libraries, and every range should at least install.
    pip = [python, "-m", "pip", "install", "--editable", ".[authors,dask,tests]", *settings]
    done = passes(folder / "venv.txt", base, "-m", "venv", folder / "venv") and passes(folder / "install.txt", *pip)
    return python if done else None


def tried(name):
    """Try one combination: its row of the table."""
    started, folder, version = time.monotonic(), FOLDER / name, name.partition("-")[2]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    base, full_version = find_python(version)
    row = dict.fromkeys(COLUMNS, "-") | {"combination": name, "Python": full_version or f"{version} NOT FOUND"}
    if python := base and install(folder, base):
        listed = subprocess.check_output([python, "-m", "pip", "list", "--format", "json"], text=True)
        (folder / "packages.json").write_text(listed, encoding="utf-8")
        found = {each["name"].replace("_", "-"): each["version"] for each in json.loads(listed)}
        row |= {library: found[next(name for name in names if name in found)] for library, names in VERSIONS.items()}
        failed = []
        for what, files in TESTS.items():
            report = folder / f"{what}.xml"
            pytest = ["-m", "pytest", "-n", "2", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
            failed += [] if passes(report.with_suffix(".txt"), python, *pytest) else [what]
            row[what] = tests_of(report) if report.exists() else "no result"
        course = ["-m", "helpers.course.cli", "run", "--fast", "--jobs", "2", "--output", folder / "run"]
        failed += [] if passes(folder / "fast course.txt", python, *course) else ["fast course"]
        report = folder / "run" / "report.json"
        row["fast course"] = notebooks_of(report) if report.exists() else "no result"
    else:
        failed = ["installation" if base else f"no Python {version}"]
    row["result"] = f"FAILED: {', '.join(failed)}" if failed else "passed"
    return row | {"minutes": f"{(time.monotonic() - started) / 60:.1f}"}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(COMBINATIONS))
@click.pass_context
def main(context, names):
    rows = []
    for name in names or COMBINATIONS:
        rows.append(tried(name))
        click.echo(f"{name}: {rows[-1]['result']}, {rows[-1]['minutes']} minutes")
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*row.values())
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(row.values() for row in rows)]
    (FOLDER / "summary.md").write_text("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")
    Console(width=170).print(table, f"This table and the logs: {FOLDER.relative_to(ROOT)}")
    context.exit(any(row["result"] != "passed" for row in rows))


if __name__ == "__main__":
    main()
