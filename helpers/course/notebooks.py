"""What stands in a built notebook: which there are, their parameters, their code cells, what the helpers recorded."""

import ast
import difflib
import re

import nbformat

FOLDERS = ("", "exercises", "solutions", "templates")
_PAPERMILL_TAGS = {"injected-parameters", "papermill-error-cell-tag"}
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def find_notebooks(notebooks, names=()):
    """{name: path} of the built notebooks whose name begins with one of `names` (all for none).

    A lesson is named `06_red_wine`, its companions `exercises/06_red_wine` and `solutions/06_red_wine`,
    a template `templates/08_one_run`.
    Raises ValueError for a name that matches nothing, naming the nearest, and when nothing is built.
    """
    found = {
        path.relative_to(notebooks).with_suffix("").as_posix(): path
        for folder in FOLDERS
        for path in sorted((notebooks / folder).glob("*.ipynb"))
    }
    if not found:
        raise ValueError(f"there is no notebook in {notebooks}: build them first")
    for name in names:
        if not any(_matches(known, name) for known in found):
            raise ValueError(f"no notebook begins with {name!r}; {_nearest(name, found)}")
    return {known: path for known, path in found.items() if not names or any(_matches(known, n) for n in names)}


def _matches(known, name):
    return known.startswith(name) or known.rpartition("/")[2].startswith(name)


def _nearest(name, known):
    """Compared with whole names, and with their last part and their topic, for someone who left out the number."""
    spoken = {}
    for full in known:
        last = full.rpartition("/")[2]
        for short in (last.partition("_")[2], last, full):
            spoken.setdefault(short.lower(), full)
    near = difflib.get_close_matches(name.lower().removesuffix(".ipynb"), spoken, n=1, cutoff=0.6)
    return f"the nearest is {spoken[near[0]]}" if near else f"there are {', '.join(known)}"


def check_parameters(path, parameters):
    """Raise ValueError for a parameter that the notebook does not declare; papermill itself only warns."""
    known = declared_parameters(nbformat.read(path, as_version=4))
    unknown = sorted(set(parameters) - known)
    if unknown:
        has = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{path.stem} has no parameter {', '.join(unknown)}; it has {has}")


def declared_parameters(notebook):
    """The names that the cell tagged `parameters` sets; papermill's own reader stumbles over `a = b == c`."""
    return {
        node.id
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
        for statement in ast.parse(cell.source).body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def code_cells(notebook):
    """The notebook's own code cells: none that is empty, none that papermill put in."""
    return [cell for cell in notebook.cells if _is_own_code(cell)]


def sections(notebook):
    """For each of `code_cells` the last heading above it, in both languages as it is written; "" for none."""
    heading, found = "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (headings := _HEADING.findall(cell.source)):
            heading = headings[-1]
        elif _is_own_code(cell):
            found.append(heading)
    return found


def _is_own_code(cell):
    own = not _PAPERMILL_TAGS.intersection(cell.metadata.get("tags", []))
    return cell.cell_type == "code" and cell.source.strip() != "" and own


def records(code, mime_type):
    """What the helpers left for programs in the cells' outputs, each record with its cell's number from 1."""
    return [
        {"cell": number, **output.data[mime_type]}
        for number, cell in enumerate(code, start=1)
        for output in cell.outputs
        if mime_type in output.get("data", {})
    ]


def figures(code):
    """The figures that the cells displayed, as HTML."""
    markup = ("".join(output.get("data", {}).get("text/html", "")) for cell in code for output in cell.outputs)
    return [html for html in markup if html.startswith("<figure")]
