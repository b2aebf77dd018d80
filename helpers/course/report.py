"""What a run found, for people (HTML) and for programs (JSON, JUnit)."""

import datetime
import json
import os
from xml.etree import ElementTree

import nbformat
from jinja2 import Environment, PackageLoader

from helpers import claims as claim_records
from helpers.course.notebooks import code_cells, figures, records
from helpers.course.run import BROKEN, PASSED, first_line
from helpers.environment import library_versions

# Seconds for one notebook: an instructor runs it in front of a class.
BUDGET = 60
_ABORTED = ("failed", BROKEN)


def write(results, sources, folder):
    """Write report.html, report.json and report.xml (JUnit) into `folder`; return the page's path.

    sources : {name: path} of the notebooks that were run, whose stored outputs say which claims they make.

    Raises OSError when they cannot be written; then those of an earlier run are as they were.
    """
    unreached = {result.name: _not_reached(result, sources[result.name]) for result in results}
    facts = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "passed": all(result.status == PASSED for result in results),
        "cores": os.cpu_count(),
        "libraries": library_versions(),
        "budget_seconds": BUDGET,
        "broken_claims": [_claim_of(result, claim) for result in results for claim in result.claims if _broken(claim)],
        "claims_not_reached": [claim for claims in unreached.values() for claim in claims],
        "notebooks": [result.as_dict() for result in results],
    }
    page = render("report.html.j2", facts=facts, results=results, figures=_figures, where=where, first_line=first_line)
    junit = ElementTree.tostring(_junit(results, unreached), encoding="utf-8", xml_declaration=True)
    keep(folder / "report.json", as_json(facts))
    keep(folder / "report.xml", junit)
    return keep(folder / "report.html", page.encode())


def render(template, **values):
    environment = Environment(loader=PackageLoader("helpers.course", "."), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(**values)


def as_json(facts):
    return json.dumps(facts, ensure_ascii=False, indent=1).encode()


def keep(path, content):
    """Write a file in one move; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def sentence(result):
    """One line that says which notebook and cell failed and how."""
    failure = result.failure
    return f"{where(result)}: {result.status}: {failure['error']}: {failure['message']}"


def where(result, cell_word="code cell"):
    failure = result.failure
    if not failure["cell"]:
        return result.name
    return f"{result.name}, {cell_word} {failure['cell']} ({first_line(failure['source'])})"


def _broken(claim):
    return claim["status"] == "broken"


def _claim_of(result, claim):
    return {"notebook": result.name, **claim}


def _not_reached(result, source):
    """The claims that stand in the notebook as it was built, but that this run did not come to."""
    if result.status in (PASSED, BROKEN):
        return []
    came_to = {claim["en"] for claim in result.claims}
    stored = records(code_cells(nbformat.read(source, as_version=4)), claim_records.MIME_TYPE)
    return [
        {"notebook": result.name, "cell": claim["cell"], "en": claim["en"], "zh": claim["zh"]}
        for claim in stored
        if claim["en"] not in came_to
    ]


def _junit(results, unreached):
    suites = ElementTree.Element("testsuites")
    for result in results:
        time = f"{result.seconds:.3f}"
        suite = ElementTree.SubElement(suites, "testsuite", name=result.name, time=time)
        properties = ElementTree.SubElement(suite, "properties")
        known = {"budget_seconds": BUDGET, "peak_memory_bytes": result.peak_memory, "reused": result.reused or ""}
        for name, value in (known | {f"data:{name}": source for name, source in result.data.items()}).items():
            ElementTree.SubElement(properties, "property", name=name, value=str(value))
        case = ElementTree.SubElement(suite, "testcase", classname=result.name, name="runs to its last cell", time=time)
        if result.failure and result.status != BROKEN:
            kind = "failure" if result.status in _ABORTED else "error"
            ElementTree.SubElement(case, kind, message=sentence(result)).text = result.failure["traceback"]
        for claim in result.claims:
            case = ElementTree.SubElement(suite, "testcase", classname=result.name, name=claim["en"])
            if _broken(claim):
                message = f"{claim['section']}, code cell {claim['cell']}: {claim['en']}"
                ElementTree.SubElement(case, "failure", message=message).text = json.dumps(claim["value"])
            elif claim["status"] == "not checked":
                ElementTree.SubElement(case, "skipped", message="not checked in this run")
            elif claim["value"]:
                ElementTree.SubElement(case, "system-out").text = json.dumps(claim["value"])
        for claim in unreached[result.name]:
            case = ElementTree.SubElement(suite, "testcase", classname=result.name, name=claim["en"])
            ElementTree.SubElement(case, "skipped", message="the run did not come to it")
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suites


def _figures(result):
    """The figures of the notebook as far as it came; none where it could not be saved."""
    try:
        return figures(code_cells(nbformat.read(result.output, as_version=4)))
    except FileNotFoundError:
        return []
