"""Tiny courses for the tests of the command `course`; their kernels know no TensorFlow."""

import nbformat
from click.testing import CliRunner

from helpers.course.cli import main

CLAIM = """\
from helpers import claim

claim({holds}, en="Water is wet.", zh="水是湿的。", value=0.5)
"""


def course(notebooks, *arguments):
    result = CliRunner().invoke(main, ["--notebooks", str(notebooks), *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.output


def read(path):
    return nbformat.read(path, as_version=4)


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def write_notebook(path, *code, parameters="seed = 0", kernel="python3"):
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, code),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
