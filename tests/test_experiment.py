"""The templates of unit 08, run for real: they stop where they must, and the report says what the results say."""

import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError

TEMPLATES = Path(__file__).resolve().parents[1] / "notebooks" / "templates"
SHORT = {"data_source": "simulated", "epochs": 1, "seeds": [0], "units": 4}

logging.getLogger("papermill").setLevel(logging.ERROR)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(template, output, **parameters):
    return papermill.execute_notebook(
        TEMPLATES / f"{template}.ipynb", output, parameters=parameters, progress_bar=False, execution_timeout=120,
        extra_arguments=["--log-level=ERROR"], shutdown_kernel="immediate",
    )  # fmt: skip


def train(folder, name="run", **changes):
    result_file = folder / f"{name}.json"
    run("08_one_run", folder / f"{name}.ipynb", **(SHORT | {"result_file": str(result_file)} | changes))
    return json.loads(result_file.read_text(encoding="utf-8"))


def refused(folder, **changes):
    with pytest.raises(PapermillExecutionError) as caught:
        train(folder, "refused", **changes)
    assert not (folder / "refused.json").exists()
    return caught.value


def sources_run(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and cell.get("execution_count")]


def result(setting, errors, held_out="validation"):
    return {
        "setting": setting, "held_out": held_out, "library": "scratch", "row_error": 0.03, "target": "effect",
        "runs": [{"seed": seed, "error": error} for seed, error in enumerate(errors)],
        "baselines": {"median": 0.7, "linear": 0.55, "trees": 0.56}, "data": "own.csv",
        "rows": {"training": 60, held_out: 20}, "versions": {"numpy": "2"}, "finished": "2026-01-02T03:04:05",
    }  # fmt: skip


def write_results(folder, results):
    for number, each in enumerate(results):
        (folder / f"{number}.json").write_text(json.dumps(each), encoding="utf-8")


def texts(notebook):
    """All that the cells show, as HTML and as plain text."""
    bundles = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join("".join(bundle.get(kind, "")) for bundle in bundles for kind in ("text/html", "text/plain"))


def test_a_run_leaves_its_result_and_a_diverged_training_is_one(tmp_path):
    found = train(tmp_path, variant="both", learning_rate=1e20)
    assert found["setting"] == "both, 1e+20"
    assert found["held_out"] == "validation"
    assert found["runs"] == [{"seed": 0, "error": None}]
    assert set(found["baselines"]) == {"median", "linear", "trees"}


def test_a_bad_table_stops_a_run_before_anything_is_trained(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("dose,effect\n" + "".join(f"{row},{row % 5}\n" for row in range(99)) + '"2,5",1\n')
    error = refused(tmp_path, csv_file=str(table), target="effect")
    assert error.ename == "TableError"
    assert "text" in error.evalue and "2,5" in error.evalue
    assert not any("train_once" in source for source in sources_run(tmp_path / "refused.ipynb"))


def test_a_good_table_is_trained_on_and_measured_on_the_test_rows_once(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("dose;effect\n" + "".join(f"{row};{row % 7}\n" for row in range(100)))
    found = train(tmp_path, csv_file=str(table), target="effect", held_out="test")
    assert found["rows"] == {"training": 60, "test": 20}
    assert found["runs"][0]["error"] > 0
    error = refused(tmp_path, csv_file=str(table), target="effect", held_out="test", variant="dropout")
    assert error.ename == "PermissionError"
    assert "no second look" in error.evalue and "run.json" in error.evalue
    # Validation rows may still be measured beside it.
    assert train(tmp_path, "again", csv_file=str(table), target="effect")["held_out"] == "validation"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"variant": "all"}, "variant must be one of .*, got 'all'"),
        ({"held_out": "train"}, "held_out must be one of .*, got 'train'"),
        ({"held_out": "test", "result_file": ""}, "needs a result_file"),
    ],
)
def test_a_wrong_parameter_stops_a_run(changes, said, tmp_path):
    error = refused(tmp_path, **changes)
    assert error.ename == "ValueError"
    assert re.search(said, error.evalue)


class Addresses(HTMLParser):
    """Every address that a page loads by itself: of scripts, styles, pictures and frames."""

    def __init__(self):
        super().__init__()
        self.loaded = []

    def handle_starttag(self, tag, attrs):
        loads = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
        address = dict(attrs).get(loads.get(tag, ""))
        if address:
            self.loaded.append(address)


def test_a_report_names_the_winner_in_both_languages_and_needs_no_network(tmp_path):
    # The lowest single run is B's and a mean that skips missing values would be C's; the rule chooses A.
    given = [result("B", [0.40, 0.70]), result("A", [0.50, 0.52]), result("C", [0.45, None])]
    write_results(tmp_path, [*given, result("A", [0.53, 0.55], "test")])
    report = run("08_report", tmp_path / "report.ipynb", folder=str(tmp_path))
    shown = texts(report)
    assert "Chosen: <strong>A</strong>, with a mean error of 0.5100" in shown
    assert "选中：<strong>A</strong>，在验证行上的平均误差是 0.5100" in shown
    assert "On the test rows <strong>A</strong> has a mean absolute error of 0.5400" in shown
    assert "编造" not in shown
    exporter = HTMLExporter(exclude_input=True, mathjax_url="", require_js_url="", mermaid_js_url="")
    page, _ = exporter.from_notebook_node(report)
    found = Addresses()
    found.feed(page)
    assert [address for address in found.loaded if not address.startswith("data:")] == []
    assert "course-language-zh" in page and "idxmin" not in page


def test_a_report_without_results_says_that_its_own_are_made_up(tmp_path):
    shown = texts(run("08_report", tmp_path / "report.ipynb"))
    assert "These results are made up" in shown and "这些结果是编造的" in shown


@pytest.mark.parametrize(
    "results, said",
    [
        ([result("A", [0.5]), result("B", [0.4]), result("A", [0.5], "test")], "the rule chooses 'B', but 'A'"),
        ([result("A", [0.5]), result("A", [0.5], "test"), result("A", [0.4], "test")], "at most one on test rows"),
        ([result("A", [None])], "no setting has finished"),
    ],
)
def test_a_report_refuses_results_that_break_the_rule(results, said, tmp_path):
    write_results(tmp_path, results)
    with pytest.raises(PapermillExecutionError, match=said):
        run("08_report", tmp_path / "report.ipynb", folder=str(tmp_path))
