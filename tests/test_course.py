"""The command `course`: build, check and run, on tiny courses whose kernels know no TensorFlow."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import nbformat
import pytest
from tiny import CLAIM, course, printed, read, write_notebook

import helpers.course.build
from helpers.course import ROOT
from helpers.course.languages import markdown_problems
from helpers.course.notebooks import code_cells
from helpers.course.sources import targets
from helpers.exercises import start_here

LESSON = """\
# Tiny lesson · 小课

<div lang="en">

There are 3 numbers.

</div>
<div lang="zh">

共有 3 个数。

</div>

```python tags=["language-switch", "nbval-ignore-output"]
from helpers import language_switch

language_switch()
```

```python tags=["parameters"]
import os

seed = 0
fast = os.environ.get("COURSE_FAST") == "1"  # fewer epochs
```

```python
numbers = [1, 2, 3]
print("their sum is", sum(numbers))
```

```python
max(numbers)
```
"""

EXERCISE = """\
# Tiny exercise · 小练习

<div lang="en">

Double a number.

</div>
<div lang="zh">

把一个数加倍。

</div>

```python tags=["parameters"]
seed = 0
```

```python
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
```

```python
from helpers import show_text

try:
    print("the double of 3 is", double(3))
except NotImplementedError:
    show_text(en="not answered yet", zh="尚未作答")
```
"""

# The last code cell of a lesson that must not be built, and what the message says of it.
REFUSED = {
    "failing cell": ("1 / 0", "failed: division by zero"),
    "broken claim": (CLAIM.format(holds=False), "claim broken: Water is wet."),
    "noise": ("import sys\n\nprint('careful', file=sys.stderr)", "wrote to stderr: 'careful"),
    "simulated data": (
        'from helpers import load_dataset\n\nwine = load_dataset("red-wine", source="simulated")',
        "simulated data (red-wine): set COURSE_DATA",
    ),
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Nothing of these tests is written into the checkout, and no variable of the caller's shell decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helpers.course.build, "BUILD", tmp_path_factory.mktemp("build"))
        for name in ("COURSE_FAST", "COURSE_CLAIMS", "OMP_NUM_THREADS"):
            patch.delenv(name, raising=False)
        yield


def write_sources(notebooks, **sources):
    (notebooks / "source").mkdir(parents=True, exist_ok=True)
    for name, text in sources.items():
        (notebooks / "source" / f"{name}.md").write_text(text, encoding="utf-8")
    return notebooks


def bytes_of(notebooks):
    return {path.relative_to(notebooks): path.read_bytes() for path in notebooks.rglob("*.ipynb*")}


# --- build ---


@pytest.fixture(scope="module")
def built(elsewhere, tmp_path_factory):
    notebooks = tmp_path_factory.mktemp("course") / "notebooks"
    write_sources(notebooks, **{"01_tiny": LESSON, "01_tiny.exercise": EXERCISE})
    status, said = course(notebooks, "build")
    assert status == 0, said
    return notebooks


def test_build_makes_lesson_exercise_and_solution(built):
    made = {path.as_posix() for path in bytes_of(built)}
    assert made == {"01_tiny.ipynb", "exercises/01_tiny.ipynb", "solutions/01_tiny.ipynb"}


def test_build_executes_the_lesson(built):
    code = code_cells(read(built / "01_tiny.ipynb"))
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert code[0].metadata.tags == ["language-switch", "nbval-ignore-output"]
    assert code[0].outputs == []
    assert printed(code[2]) == "their sum is 6\n"
    assert code[3].outputs[0].data["text/plain"] == "3"


def test_build_clears_the_exercise(built):
    exercise = read(built / "exercises/01_tiny.ipynb")
    code = code_cells(exercise)
    assert "SOLUTION" not in nbformat.writes(exercise) and "2 * x" not in nbformat.writes(exercise)
    assert code[1].source.endswith("    raise NotImplementedError")
    assert code[1].metadata.nbgrader.solution and not code[1].metadata.nbgrader.grade
    assert "nbgrader" not in code[2].metadata
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_build_executes_the_solution(built):
    code = code_cells(read(built / "solutions/01_tiny.ipynb"))
    assert [cell.execution_count for cell in code] == [1, 2, 3]
    assert "return 2 * x" in code[1].source and code[1].metadata.nbgrader.solution
    assert printed(code[2]) == "the double of 3 is 6\n"


def test_build_keeps_nothing_that_changes_from_run_to_run(built):
    before = bytes_of(built)
    status, said = course(built, "build", "01")
    assert status == 0, said
    assert bytes_of(built) == before


PLACE = "```python\nfrom pathlib import Path\n\nprint(Path.cwd().name)\n```\n"


def test_a_template_has_its_folder_and_every_kernel_starts_beside_its_notebook(elsewhere, tmp_path):
    """Relative paths mean the same headlessly and in JupyterLab; two at a time, so that no thread moves another."""
    sources = {"01_tiny": PLACE, "01_tiny.exercise": PLACE, "01_run.template": PLACE}
    notebooks = write_sources(tmp_path / "notebooks", **sources)
    folders = {"01_tiny": "notebooks", "solutions/01_tiny": "solutions", "templates/01_run": "templates"}
    status, said = course(notebooks, "build")
    assert status == 0, said
    for name, folder in folders.items():
        assert printed(code_cells(read(notebooks / f"{name}.ipynb"))[0]) == f"{folder}\n"
    status, said = course(notebooks, "run", "--jobs", 2, "--output", tmp_path / "run")
    assert status == 0, said
    for name, folder in (folders | {"exercises/01_tiny": "exercises"}).items():
        assert printed(code_cells(read(tmp_path / f"run/{name}.ipynb"))[0]) == f"{folder}\n"


@pytest.mark.parametrize("case", REFUSED)
def test_build_refuses_and_keeps_the_old_notebook(case, elsewhere, tmp_path):
    source, message = REFUSED[case]
    notebooks = write_sources(
        tmp_path / "notebooks", **{"01_tiny": f"```python\nseed = 0\n```\n\n```python\n{source}\n```\n"}
    )
    (notebooks / "01_tiny.ipynb").write_text("the old notebook", encoding="utf-8")
    status, said = course(notebooks, "build")
    assert status == 1
    assert "01_tiny.ipynb, code cell 2" in said and message in said
    assert bytes_of(notebooks) == {Path("01_tiny.ipynb"): b"the old notebook"}


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("01_tiny", ["07"], "no source begins with '07'; there are 01_tiny.md"),
        ("notes", [], "notes.md is not a source"),
    ],
)
def test_wrong_names_of_sources(command, source, arguments, message, elsewhere, tmp_path):
    status, said = course(write_sources(tmp_path, **{source: LESSON}), command, *arguments)
    assert status == 1 and message in said


def test_build_refuses_fast_mode(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_FAST", "1")
    status, said = course(write_sources(tmp_path, **{"01_tiny": LESSON}), "build")
    assert status == 1 and "COURSE_FAST=1 is set" in said
    assert bytes_of(tmp_path) == {}


MARKED = """\
# Tiny exercise · 小练习

{{ start_here.sum_after_centering }}

```python
for_all = 1
```

```python tags=["solution-only"]
for_readers = 1
```
"""


def test_a_cell_may_stand_in_the_solution_alone(tmp_path):
    write_sources(tmp_path, **{"01_tiny.exercise": MARKED})
    exercise, solution = (
        [cell.source for cell in target.notebook.cells if cell.cell_type == "code"]
        for target in targets(tmp_path / "source/01_tiny.exercise.md")
    )
    assert exercise == ["for_all = 1"] and solution == ["for_all = 1", "for_readers = 1"]


def test_a_name_in_braces_becomes_the_task_and_its_choices_in_both_languages(tmp_path):
    write_sources(tmp_path, **{"01_tiny.exercise": MARKED})
    for target in targets(tmp_path / "source/01_tiny.exercise.md"):
        text = target.notebook.cells[0].source
        question = start_here.sum_after_centering
        assert "{" not in text and question.task.en in text and question.task.zh in text
        for letter, choice in question.choices.items():
            assert f"- **{letter}**: {choice.en}\n" in text and f"- **{letter}**：{choice.zh}\n" in text
        assert markdown_problems(text) == []


@pytest.mark.parametrize("name", ["start_here.centre", "start.center"])
def test_a_task_that_does_not_exist_is_refused(name, elsewhere, tmp_path):
    write_sources(tmp_path, **{"01_tiny": LESSON + "\n{{ " + name + " }}\n"})
    for command in ("build", "check"):
        status, said = course(tmp_path, command)
        assert status == 1 and f"01_tiny.md asks for a question {name}, which is not in helpers/exercises" in said


# --- check ---


def edit(file, number, change):
    """An edit of one code cell (`number` from 1, as messages count) of a built notebook."""

    def apply(notebooks):
        notebook = read(notebooks / file)
        change(code_cells(notebook)[number - 1])
        nbformat.write(notebook, notebooks / file)

    return apply


def set_count(count):
    return lambda cell: cell.update(execution_count=count)


def add_output(output_type, **content):
    return lambda cell: cell.outputs.append(nbformat.v4.new_output(output_type, **content))


def change_text(file, old, new):
    def apply(notebooks):
        text = (notebooks / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (notebooks / file).write_text(text.replace(old, new), encoding="utf-8")

    return apply


def ignore_outputs(cell):
    cell.metadata["tags"] = ["nbval-ignore-output"]


def ignore_all_outputs(notebooks):
    for number in (3, 4):
        edit("01_tiny.ipynb", number, ignore_outputs)(notebooks)
    source = notebooks / "source/01_tiny.md"
    marked = '```python tags=["nbval-ignore-output"]\n'
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("```python\n", marked), encoding="utf-8")


STDERR = add_output("stream", name="stderr", text="careful")
EXCEPTION = add_output("error", ename="ValueError", evalue="no", traceback=[])
# What goes wrong with a built course, and what `course check` says, the notebook's name first.
WRONG = {
    "Markdown": (
        change_text("01_tiny.ipynb", "There are 3 numbers.", "There are 3 numbers!"),
        "01_tiny.ipynb: cell 1 is not what its source says",
    ),
    "code": (
        change_text("01_tiny.ipynb", "numbers = [1, 2, 3]", "numbers = [1, 2, 4]"),
        "01_tiny.ipynb: cell 4 is not what its source says ('numbers = [1, 2, 3]')",
    ),
    "tag": (
        change_text("01_tiny.ipynb", '"parameters"', '"parameter"'),
        "01_tiny.ipynb: cell 3 is not what its source says",
    ),
    "nbgrader's mark": (
        edit("exercises/01_tiny.ipynb", 2, lambda cell: cell.metadata.pop("nbgrader")),
        "exercises/01_tiny.ipynb: cell 3 is not what its source says",
    ),
    "never executed": (
        edit("01_tiny.ipynb", 3, set_count(None)),
        "01_tiny.ipynb: its code cells were not all executed once",
    ),
    "counts out of order": (edit("01_tiny.ipynb", 3, set_count(5)), "from top to bottom (counts [1, 2, 5, 4])"),
    "exception": (edit("01_tiny.ipynb", 4, EXCEPTION), "01_tiny.ipynb: code cell 4 holds an exception: ValueError: no"),
    "stderr": (
        edit("solutions/01_tiny.ipynb", 3, STDERR),
        "solutions/01_tiny.ipynb: code cell 3 holds stderr output: 'careful'",
    ),
    "switch": (
        edit("01_tiny.ipynb", 1, add_output("display_data", data={"text/plain": "switch"})),
        "01_tiny.ipynb: code cell 1 is the language switch and holds an output",
    ),
    "exercise with output": (
        edit("exercises/01_tiny.ipynb", 3, add_output("stream", name="stdout", text="6")),
        "exercises/01_tiny.ipynb: an exercise holds no outputs, but its code cells [3] do",
    ),
    "no source": (
        lambda notebooks: shutil.copy(notebooks / "01_tiny.ipynb", notebooks / "exercises/02_stale.ipynb"),
        "exercises/02_stale.ipynb: no source builds this notebook",
    ),
    "not built": (
        lambda notebooks: (notebooks / "solutions/01_tiny.ipynb").unlink(),
        "solutions/01_tiny.ipynb: is not built",
    ),
    "no notebook": (
        change_text("01_tiny.ipynb", '"nbformat": 4,', "<<<<<<< ours"),
        "01_tiny.ipynb: cannot be read as a notebook",
    ),
    "languages": (
        change_text("source/01_tiny.md", "共有 3 个数。", "共有 4 个数。"),
        "01_tiny.md: cell 1: line 3: numbers differ: 3 in English, 4 in Chinese",
    ),
    "little compared": (ignore_all_outputs, "01_tiny.ipynb: only 0 of 2 cells with output are compared"),
}


def test_check_is_content_with_a_built_course(built):
    status, said = course(built, "check")
    assert status == 0 and "all notebooks are what their sources say" in said


@pytest.mark.parametrize("case", WRONG)
def test_check_names_what_is_wrong(case, built, tmp_path):
    spoil, message = WRONG[case]
    notebooks = shutil.copytree(built, tmp_path / "notebooks")
    spoil(notebooks)
    status, said = course(notebooks, "check")
    assert status == 1
    assert message in said


def test_check_goes_on_after_a_notebook_that_cannot_be_read(built, tmp_path):
    notebooks = shutil.copytree(built, tmp_path / "notebooks")
    (notebooks / "01_tiny.ipynb").write_text("", encoding="utf-8")
    edit("solutions/01_tiny.ipynb", 3, STDERR)(notebooks)
    status, said = course(notebooks, "check")
    assert status == 1 and "2 problems" in said and "solutions/01_tiny.ipynb: code cell 3" in said


# --- run ---


BELL_AND_COLOUR = "raise ValueError('\\x1b[31mred\\x1b[0m, a bell \\x07 & <b>')"
# Cells of a notebook after its parameters, the status, the number of the cell at fault, the failure in its sentence.
FAILURES = {
    "02_exception": (["total = 1\ntotal / 0", "1"], "failed", 2, "ZeroDivisionError: division by zero"),
    "03_broken_claim": ([CLAIM.format(holds=False), "1"], "claim broken", 2, "BrokenClaim: Water is wet."),
    "04_killed": (["1", "import os\n\nos.kill(os.getpid(), 9)", "1"], "kernel died", 3, "DeadKernelError: "),
    "05_exit": (["import sys\n\nsys.exit()", "1"], "failed", 2, "SystemExit: "),
    "06_exit_at_the_end": (["raise SystemExit"], "failed", 2, "SystemExit: "),
    "07_control_characters": ([BELL_AND_COLOUR], "failed", 2, "ValueError: red, a bell"),
    "08_claim_then_exception": (
        [CLAIM.format(holds=False), "1 / 0"],
        "failed",
        3,
        "ZeroDivisionError: division by zero",
    ),
}
THREADS = "import os\n\nprint(os.environ['OMP_NUM_THREADS'])"
TWIN = """\
from helpers import claim, load_dataset

wine = load_dataset("red-wine", source="simulated")
claim(False, en="Fine structure.", zh="细微结构。", only_on="real")
claim(None, en="Too short to tell.", zh="运行太短，看不出来。")
claim(True, en="It diverges.", zh="它发散。", value=float("inf"))
"""
PASSES = {"01_fine": [THREADS, CLAIM.format(holds=True)], "09_fine_too": [THREADS, TWIN]}


@pytest.fixture(scope="module")
def everything(elsewhere, tmp_path_factory):
    """One run of two good notebooks and of one for every way to fail, two at a time."""
    notebooks, output = (tmp_path_factory.mktemp(name) for name in ("notebooks", "run"))
    for name, cells in PASSES.items():
        write_notebook(notebooks / f"{name}.ipynb", *cells)
    for name, (cells, *_) in FAILURES.items():
        write_notebook(notebooks / f"{name}.ipynb", *cells)
    status, said = course(notebooks, "run", "--jobs", 2, "--output", output)
    facts = json.loads((output / "report.json").read_text(encoding="utf-8"))
    suites = ElementTree.parse(output / "report.xml").getroot()
    return SimpleNamespace(
        status=status,
        said=said,
        output=output,
        facts=facts,
        notebooks={notebook["name"]: notebook for notebook in facts["notebooks"]},
        suites={suite.get("name"): suite for suite in suites},
        page=(output / "report.html").read_text(encoding="utf-8"),
    )


def test_run_fails_when_one_notebook_fails_and_reports_all(everything):
    assert everything.status == 1 and everything.facts["passed"] is False
    assert list(everything.notebooks) == list(everything.suites) == sorted([*PASSES, *FAILURES])
    assert all(name in everything.page and name in everything.said for name in everything.notebooks)


@pytest.mark.parametrize("name", FAILURES)
def test_run_names_notebook_cell_and_failure(name, everything):
    cells, status, number, failure = FAILURES[name]
    facts, suite = everything.notebooks[name], everything.suites[name]
    source = ["seed = 0", *cells][number - 1]
    assert (facts["status"], facts["failure"]["cell"], facts["failure"]["source"]) == (status, number, source)
    first = source.partition("\n")[0]
    sentence = next(line for line in everything.said.splitlines() if line.startswith(f"{name}, "))
    assert sentence.startswith(f"{name}, code cell {number} ({first[:80]}): {status}: ")
    assert failure in sentence and "\x1b" not in sentence
    assert suite.findall("testcase/failure") + suite.findall("testcase/error")


@pytest.mark.parametrize("name", FAILURES)
def test_run_keeps_the_notebook_so_far(name, everything):
    facts = everything.notebooks[name]
    code = code_cells(read(facts["output"]))
    assert Path(facts["output"]) == everything.output / f"{name}.ipynb"
    assert code[0].execution_count == 1
    assert facts["cells"] == len(code)
    assert facts["cells_run"] == sum(cell.execution_count is not None for cell in code)


@pytest.mark.parametrize("name", PASSES)
def test_run_finishes_the_good_notebooks_beside_the_failing(name, everything):
    facts, suite = everything.notebooks[name], everything.suites[name]
    assert facts["status"] == "passed" and facts["failure"] is None
    assert facts["cells_run"] == facts["cells"] == 3
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("01_fine", ["held"]),
        ("03_broken_claim", ["broken"]),
        ("08_claim_then_exception", ["broken"]),
        ("09_fine_too", ["not checked", "not checked", "held"]),
    ],
)
def test_run_counts_claims(name, states, everything):
    facts, suite = everything.notebooks[name], everything.suites[name]
    assert [claim["status"] for claim in facts["claims"]] == states
    row = next(line for line in everything.said.splitlines() if line.startswith("│") and name in line)
    columns = [column.strip() for column in row.strip("│").split("│")]
    assert columns[5:7] == [f"{states.count('held')}/{len(states)}", str(states.count("not checked"))]
    results = [[result.tag for result in case] for case in suite.findall("testcase")[1:]]
    assert results == [
        {"held": ["system-out"], "broken": ["failure"], "not checked": ["skipped"]}[state] for state in states
    ]
    assert suite.get("skipped") == str(states.count("not checked"))
    assert suite.get("tests") == str(1 + len(states))


@pytest.mark.parametrize("name", [*PASSES, *FAILURES])
def test_junit_says_whether_a_notebook_ran_to_its_end(name, everything):
    first = everything.suites[name].find("testcase")
    ran = everything.notebooks[name]["status"] in ("passed", "claim broken")
    assert first.get("name") == "runs to its last cell"
    assert (len(first) == 0) == ran


def test_run_says_which_data_it_used(everything):
    assert everything.notebooks["09_fine_too"]["data"] == {"red-wine": "simulated"}
    assert "red-wine (simulated)" in everything.said
    assert "（模拟）" in everything.page


def test_report_shows_numbers_and_escapes_text(everything):
    infinite = everything.notebooks["09_fine_too"]["claims"][2]
    assert infinite["value"] == {"": "inf"}
    assert "&lt;b&gt;" in everything.page and "<b>" not in everything.page


def test_two_jobs_share_the_cores(everything):
    share = max(1, (os.cpu_count() or 1) // 2)
    for name in PASSES:
        assert printed(code_cells(read(everything.notebooks[name]["output"]))[1]) == f"{share}\n"


def test_run_passes_types_parameters_and_gives_one_notebook_all_cores(elsewhere, tmp_path, caplog):
    declared = "seed = 0\nfast = 1 == 2  # no\nrate = 0.0\ntiny = 0.0\nflag = True\nword = 'old'\nuntouched = 'same'"
    names = "seed, fast, rate, tiny, flag, word, untouched"
    write_notebook(tmp_path / "01_tiny.ipynb", f"print([{names}])", THREADS, parameters=declared)
    given = {"seed": "7", "rate": "0.5", "tiny": "1e-3", "flag": "false", "word": "real"}
    options = [text for item in given.items() for text in ("-p", *item)]
    status, said = course(tmp_path, "run", "01", "--fast", "--jobs", 2, "--output", tmp_path / "run", *options)
    assert status == 0, said
    code = code_cells(read(tmp_path / "run/01_tiny.ipynb"))
    assert printed(code[1]) == "[7, True, 0.5, 0.001, False, 'real', 'same']\n"
    assert printed(code[2]) == f"{os.cpu_count()}\n"
    assert "OMP_NUM_THREADS" not in os.environ
    assert [message for message in caplog.messages if "arameter" in message or "parse" in message] == []
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        ".lock", "01_tiny.ipynb", "record.jsonl", "report.html", "report.json", "report.xml",
    }  # fmt: skip
    facts = json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))
    assert facts["passed"] is True and facts["notebooks"][0]["cells_run"] == 3
    assert "✓" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_an_untouched_exercise_runs_to_its_end(built, tmp_path):
    status, said = course(built, "run", "exercises/01", "--output", tmp_path)
    assert status == 0, said
    last = code_cells(read(tmp_path / "exercises/01_tiny.ipynb"))[-1]
    assert last.outputs[0].data["text/plain"] == "not answered yet\n尚未作答"


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["-p", "sed", "1"], ["01_tiny has no parameter sed", "it has fast, seed"]),
        (["07"], ["no notebook begins with '07'", "there are 01_tiny, exercises/01_tiny, solutions/01_tiny"]),
        (["-p", "seed", "[1"], ["'[1' is not a value for 'seed'"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--timeout", "0"], ["--timeout"]),
    ],
)
def test_run_refuses_wrong_arguments(arguments, messages, built, tmp_path):
    status, said = course(built, "run", *arguments, "--output", tmp_path / "run")
    assert status == 2
    said = " ".join(said.split())
    assert all(message in said for message in messages), said
    assert not (tmp_path / "run").exists()


def test_run_stops_a_cell_that_takes_too_long(elsewhere, tmp_path):
    write_notebook(tmp_path / "01_slow.ipynb", "import time\n\ntime.sleep(60)", "1")
    write_notebook(tmp_path / "02_fine.ipynb", "1")
    status, said = course(tmp_path, "run", "--timeout", 2, "--output", tmp_path / "run")
    assert status == 1
    assert "01_slow, code cell 2 (import time): timed out: TimeoutError: the cell ran for more than 2 seconds" in said
    slow, fine = json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))["notebooks"]
    assert (slow["status"], fine["status"]) == ("timed out", "passed")
    assert slow["seconds"] < 50
    assert code_cells(read(slow["output"]))[0].execution_count == 1
    suite = ElementTree.parse(tmp_path / "run/report.xml").find("testsuite")
    assert suite.get("errors") == "1" and suite.get("failures") == "0"


def test_run_reports_kernels_that_do_not_start(tmp_path, monkeypatch):
    spec = tmp_path / "share/kernels/stillborn/kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "stillborn", "language": "python"}), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    for number, kernel in enumerate(("stillborn", "unheard_of"), start=1):
        write_notebook(tmp_path / f"0{number}_{kernel}.ipynb", kernel=kernel)
    status, said = course(tmp_path, "run", "--output", tmp_path / "run")
    assert status == 1
    for name in ("01_stillborn", "02_unheard_of"):
        assert f"{name}, code cell 1 (seed = 0): kernel died: " in said


FORKED = """\
import sys

print(*(name in sys.modules for name in ("keras", "sklearn.ensemble")))
import multiprocessing, matplotlib

print(multiprocessing.get_start_method(), matplotlib.get_backend())
"""


def test_kernels_are_forked_from_a_process_that_has_the_imports(elsewhere, tmp_path):
    """Only on Linux; and what a cell sees and starts is otherwise as in any kernel."""
    write_notebook(tmp_path / "01_forked.ipynb", FORKED)
    status, said = course(tmp_path, "run", "--output", tmp_path / "run")
    assert status == 0, said
    imported = sys.platform == "linux"
    usual = multiprocessing.get_context().get_start_method()
    backend = "module://matplotlib_inline.backend_inline"
    shown = printed(code_cells(read(tmp_path / "run/01_forked.ipynb"))[1]).splitlines()
    assert shown[0] == f"{imported} {imported}"
    assert shown[1].replace(backend, "inline") == f"{usual} inline"


def test_run_without_notebooks(elsewhere, tmp_path):
    status, said = course(tmp_path, "run")
    assert status == 2 and "build them first" in said


def test_the_real_lesson_runs_offline_on_simulated_data(tmp_path):
    """As a learner on a train starts it: a process of its own, no data, an empty cache, no network."""
    closed = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COURSE_DATA", "COURSE_FAST", "COURSE_CLAIMS", "no_proxy", "NO_PROXY")
    }
    environment |= closed | {"COURSE_CACHE": str(tmp_path / "cache")}
    command = shutil.which("course", path=str(Path(sys.executable).parent))
    finished = subprocess.run(
        [command, "run", "06", "--fast", "--jobs", "2", "--output", tmp_path / "run"],
        cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=900,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "red-wine (simulated)" in finished.stdout and "Traceback" not in finished.stderr
    facts = json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))
    lesson = next(notebook for notebook in facts["notebooks"] if notebook["name"].startswith("06"))
    assert lesson["data"] == {"red-wine": "simulated"} and lesson["claims"]
    for notebook in facts["notebooks"]:
        assert notebook["status"] == "passed" and notebook["cells_run"] == notebook["cells"]
        assert all(claim["status"] != "broken" for claim in notebook["claims"])
        outputs = [output for cell in code_cells(read(notebook["output"])) for output in cell.outputs]
        assert not [output for output in outputs if output.get("name") == "stderr"]
