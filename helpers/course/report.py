"""What a run found, for people (HTML) and for programs (JSON, JUnit)."""

import datetime
import json
from xml.etree import ElementTree

import nbformat
from jinja2 import Environment, PackageLoader

from helpers.course.run import BROKEN, DIED, PASSED, TIMED_OUT, code_cells, figures


def write(results, folder):
    """Write report.html, report.json and report.xml (JUnit) into `folder`; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "passed": all(result.status == PASSED for result in results),
        "notebooks": [result.as_dict() for result in results],
    }
    (folder / "report.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
    _junit(results).write(folder / "report.xml", encoding="utf-8", xml_declaration=True)
    page = folder / "report.html"
    template = Environment(loader=PackageLoader("helpers.course", "."), autoescape=True).get_template("report.html.j2")
    page.write_text(
        template.render(facts=facts, sentence=sentence, results=results, figures=_figures, first_line=first_line),
        encoding="utf-8",
    )
    return page


def sentence(result):
    """One line that says which notebook and cell failed and how."""
    failure = result.failure
    where = f"{result.name}, code cell {failure['cell']} ({first_line(failure['source'])})"
    return f"{where}: {result.status}: {failure['error']}: {failure['message']}"


def first_line(source):
    return source.partition("\n")[0][:80]


def _junit(results):
    suites = ElementTree.Element("testsuites")
    for result in results:
        suite = ElementTree.SubElement(suites, "testsuite", name=result.name, time=f"{result.seconds:.3f}")
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.name, name="runs to its last cell", time=f"{result.seconds:.3f}"
        )
        if result.failure and result.status != BROKEN:
            kind = "error" if result.status in (TIMED_OUT, DIED) else "failure"
            ElementTree.SubElement(case, kind, message=sentence(result)).text = result.failure["traceback"]
        for claim in result.claims:
            case = ElementTree.SubElement(suite, "testcase", classname=result.name, name=claim["en"])
            if claim["status"] == "broken":
                message = f"code cell {claim['cell']}: {claim['en']}"
                ElementTree.SubElement(case, "failure", message=message).text = json.dumps(claim["value"])
            elif claim["status"] == "not checked":
                ElementTree.SubElement(case, "skipped", message="not checked in this run")
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return ElementTree.ElementTree(suites)


def _figures(result):
    return figures(code_cells(nbformat.read(result.output, as_version=4)))
