"""The comparison of stored outputs (nbval, as `make test` runs it) notices what it must."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest
from click.testing import CliRunner
from nbval.plugin import get_sanitize_patterns

from helpers.course import NOTEBOOKS, ROOT
from helpers.course.check import IGNORED_TAG
from helpers.course.cli import main
from helpers.data import DataError, load_dataset

LESSON = "01_dense_layers"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RULES = (ROOT / "tests/nbval_sanitize.cfg").read_text(encoding="utf-8")


def nbval_options():
    """The options of the line in the Makefile, without the folder they are applied to."""
    line = next(line for line in MAKEFILE.replace("\\\n", " ").splitlines() if "--nbval " in line)
    options = shlex.split(line.partition("-m pytest ")[2])
    assert options.pop() == "notebooks" and "--nbval-sanitize-with=tests/nbval_sanitize.cfg" in options
    return options


def change_one_digit(notebook):
    """Raise one printed digit by one; return the number, from 0, of the code cell."""
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        for output in cell.outputs if IGNORED_TAG not in cell.metadata.get("tags", []) else []:
            digit = re.search(r"\d", output.get("text", ""))
            if digit:
                raised = str((int(digit[0]) + 1) % 10)
                output.text = output.text[: digit.start()] + raised + output.text[digit.end() :]
                return number
    raise AssertionError("no compared output holds a digit")


def test_a_changed_digit_fails_in_its_cell_and_nowhere_else(tmp_path):
    """The mutation and its control in one run: every other cell passes."""
    try:
        load_dataset("red-wine", source="real", show=False)
    except DataError:
        pytest.skip("stored outputs are those of the real data, which cannot be had: name their folder in COURSE_DATA")
    notebook = nbformat.read(NOTEBOOKS / f"{LESSON}.ipynb", as_version=4)
    mutated = change_one_digit(notebook)
    nbformat.write(notebook, tmp_path / f"{LESSON}.ipynb")
    report = tmp_path / "report.xml"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *nbval_options(), f"--junit-xml={report}", tmp_path],
        cwd=ROOT, env=environment | {"COURSE_FAST": "1", "COURSE_CLAIMS": "raise"},
        capture_output=True, text=True, encoding="utf-8", timeout=900,
    )  # fmt: skip
    assert report.exists(), finished.stdout + finished.stderr
    cases = {case.get("name"): [result.tag for result in case] for case in ElementTree.parse(report).iter("testcase")}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    expected = {f"Cell {number}": ["failure"] if number == mutated else [] for number in range(len(code))}
    assert cases == expected, finished.stdout
    assert finished.returncode == pytest.ExitCode.TESTS_FAILED


def test_cleared_outputs_are_caught_by_course_check(tmp_path):
    """nbval has nothing to compare in such a notebook and passes it."""
    (tmp_path / "source").mkdir()
    shutil.copy(NOTEBOOKS / "source" / f"{LESSON}.md", tmp_path / "source")
    notebook = nbformat.read(NOTEBOOKS / f"{LESSON}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, tmp_path / f"{LESSON}.ipynb")
    result = CliRunner().invoke(main, ["--notebooks", str(tmp_path), "check", LESSON])
    assert result.exit_code == 1
    assert (
        f"{LESSON}.ipynb: its code cells were not all executed once, from top to bottom (counts [None," in result.output
    )


# --- what the comparison overlooks ---


def sanitized(text):
    for regex, replacement in get_sanitize_patterns(RULES):
        text = re.sub(regex, replacement, text)
    return text


def test_nbval_understands_every_rule():
    """It skips, without a word, a rule whose `replace:` has no blank after the colon."""
    headings = re.findall(r"^\[(.+)\]$", RULES, re.MULTILINE)
    assert len(headings) == len(get_sanitize_patterns(RULES))


@pytest.mark.parametrize(
    ("stored", "changed"),
    [
        ("0.431", "0.432"),
        ("mean absolute error 0.431", "mean absolute error 0.531"),
        ("0.431 s of training", "0.432 s of training"),
        ("1599 wines, 11 features", "1598 wines, 11 features"),
        ("1e-05", "1e-06"),
        ("-0.25", "0.25"),
        ("     rows\n0   0.431  ", "     rows\n0   0.432  "),
        ("<td>0.431</td>", "<td>0.432</td>"),
        ("<th>12345</th>", "<th>12346</th>"),
        ("after 100 epochs (500 steps): 0.66%", "after 100 epochs (501 steps): 0.66%"),
        ("tensor([0.1, 0.2])", "tensor([0.1, 0.3])"),
        ("0x10 units", "0x11 units"),
    ],
)
def test_rules_do_not_hide_a_changed_number(stored, changed):
    assert sanitized(stored) != sanitized(changed)


@pytest.mark.parametrize(
    ("stored", "changed"),
    [
        (
            '<img src="data:image/png;base64,iVBORw0KGgo=" alt="A">',
            '<img src="data:image/png;base64,iVBORAAA/+==" alt="A">',
        ),
        ("<keras.Sequential at 0x7f0000aa10>", "<keras.Sequential at 0x7f1111bb20>"),
        ("File ipykernel_123/1.py", "File ipykernel_4567/1.py"),
        ('<table id="T_0a1b2">', '<table id="T_c3d4e">'),
        ("4/4 - 12ms/step - loss: 0.5", "4/4 - 3ms/step - loss: 0.5"),
    ],
)
def test_rules_hide_what_means_nothing(stored, changed):
    assert sanitized(stored) == sanitized(changed)


def test_rules_leave_the_alternative_text_of_a_figure():
    figure = '<img src="data:image/png;base64,iVBORw0KGgo=" alt="{}">'
    assert sanitized(figure.format("rises")) != sanitized(figure.format("falls"))
