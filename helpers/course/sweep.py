"""How often each claim holds over seeds: the runs of a sweep, its table, and what the committed table covers."""

import ast
import csv
import datetime
import io
import itertools
import math
import statistics
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from helpers import claims as claim_records
from helpers.course import report
from helpers.course.notebooks import check_parameters, code_cells, records
from helpers.course.run import BROKEN, PASSED, Job
from helpers.environment import library_versions

TABLE = "source/claims.csv"
# The seeds at which a claim must be counted, and the share of them at which it must hold: on the real data, which
# the stored notebooks show, and on the twins, which stand in for them.
SEEDS = {"real": 20, "simulated": 3}
ENOUGH = 0.9
SETTLED = (PASSED, BROKEN)
_COLUMNS = ("notebook", "claim", "condition", "source", "held", "of", "missed", "values", "date", "libraries")
_LIBRARIES = ("python", "keras", "tensorflow", "tensorflow-cpu", "numpy")


@dataclass
class Count:
    """How often one claim of a notebook held.

    claim : its English sentence, numbered where a notebook makes it more than once.
    condition : the expression that is checked, as the cell has it.
    held, of : runs in which it held, and runs that checked it; a run that broke off before counts as missed.
    missed : the seeds at which it did not hold.
    values : {name of a measured number: its values over the seeds}.
    """

    notebook: str
    claim: str
    zh: str
    condition: str
    source: str
    parameters: dict
    held: int = 0
    of: int = 0
    missed: list = field(default_factory=list)
    values: dict = field(default_factory=dict)

    @property
    def holds(self):
        return self.held >= ENOUGH * self.of


@dataclass(frozen=True)
class Point:
    """One run of a sweep: which notebook, at which seed, with which other parameters."""

    notebook: str
    seed: int
    parameters: tuple
    job: Job


def points(found, seeds, source, grid, fast, output, timeout, memory):
    """The runs of a sweep, a Point each.

    found : {name: path} of the notebooks; those that make no claim are left out.
    grid : {name of a parameter: its values}; every combination is run.

    Raises ValueError for a parameter that a notebook does not have, and when no notebook makes a claim.
    """
    making = {name: path for name, path in found.items() if stored_claims(path)}
    if not making:
        raise ValueError(f"no claim is made in {', '.join(found)}")
    planned = []
    for name, path in making.items():
        for values in itertools.product(*grid.values()):
            extra = dict(zip(grid, values, strict=True)) | ({"fast": True} if fast else {})
            for seed in seeds:
                parameters = {"seed": seed, "data_source": source} | extra
                check_parameters(path, parameters)
                place = ",".join(f"{key}={value}" for key, value in ({"seed": seed} | extra).items())
                file = output / source / place / f"{name}.ipynb"
                job = Job(f"{name} ({source}, {place})", path, file, parameters, timeout, memory)
                planned.append(Point(name, seed, tuple(extra.items()), job))
    return planned


def stored_claims(path):
    """The claims of a built notebook, from its stored outputs, in order: {numbered sentence: (zh, condition)}."""
    code = code_cells(nbformat.read(path, as_version=4))
    found = _numbered(records(code, claim_records.MIME_TYPE))
    return {
        sentence: (claim["zh"], _condition(code[claim["cell"] - 1].source, claim["en"]))
        for sentence, claim in found.items()
    }


def _numbered(claims):
    """{sentence: claim}; the second claim with the same words is called "… (2)"."""
    seen, found = Counter(), {}
    for claim in claims:
        seen[claim["en"]] += 1
        times = seen[claim["en"]]
        found[claim["en"] if times == 1 else f"{claim['en']} ({times})"] = claim
    return found


def _condition(source, en):
    """The expression that the cell's claim checks; "" where the sentence does not tell which of several it is."""
    calls = [
        node
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(source)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim" and node.args
    ]
    saying = [call for call in calls if any(_says(keyword, en) for keyword in call.keywords)]
    found = saying or calls
    return ast.unparse(found[0].args[0]) if len(found) == 1 else ""


def _says(keyword, en):
    return keyword.arg == "en" and isinstance(keyword.value, ast.Constant) and keyword.value.value == en


def count(planned, results, source):
    """The results of a sweep as a list of Counts, notebook by notebook, claims in their order."""
    by_name = {result.name: result for result in results}
    groups = defaultdict(list)
    for point in planned:
        groups[point.notebook, str(point.parameters)].append((point, by_name[point.job.name]))
    counts = []
    for (notebook, _), runs in groups.items():
        known = stored_claims(runs[0][0].job.source)
        made = [_numbered(result.claims) for _, result in runs]
        # Claims that only some seeds make are counted too: they show how little they are worth.
        new = {sentence: claim["zh"] for claims in made for sentence, claim in claims.items() if sentence not in known}
        known |= {sentence: (zh, "") for sentence, zh in new.items()}
        for sentence, (zh, condition) in known.items():
            counted = Count(notebook, sentence, zh, condition, source, dict(runs[0][0].parameters))
            for (point, _), claims in zip(runs, made, strict=True):
                _add(counted, point.seed, claims.get(sentence))
            counts.append(counted)
    return counts


def _add(counted, seed, claim):
    if claim and claim["status"] == "not checked":
        return
    counted.of += 1
    if claim and claim["status"] == "held":
        counted.held += 1
    else:
        counted.missed.append(seed)
    for name, value in (claim or {"value": {}})["value"].items():
        counted.values.setdefault(name, []).append(float(value))


def spread(values):
    """Least, middle and largest of the values of one measured number, as a text."""
    return " … ".join(f"{number:.3g}" for number in (min(values), statistics.median(values), max(values)))


def write(counts, results, source, folder):
    """Write sweep.html and sweep.json into `folder`; return the page's path. `source` is that of the data."""
    unfinished = [result for result in results if result.status not in SETTLED]
    facts = {
        "date": datetime.date.today().isoformat(),
        "libraries": library_versions(),
        "source": source,
        "claims": [asdict(each) | {"values": _as_json(each.values)} for each in counts],
        "unfinished": [report.sentence(result) for result in unfinished],
    }
    report.keep(folder / "sweep.json", report.as_json(facts))
    page = report.render("sweep.html.j2", facts=facts, counts=counts, spread=spread, places=_places)
    return report.keep(folder / "sweep.html", page.encode())


def _as_json(values):
    """JSON has no infinity and no NaN, and a diverged training has both."""
    return {
        name: [number if math.isfinite(number) else str(number) for number in found] for name, found in values.items()
    }


def _places(values):
    """Where the values stand between the least and the largest, from 0 to 1, and where zero stands if it is between."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0), max(finite, default=0)
    width = (high - low) or 1
    zero = -low / width if low < 0 < high else None
    return [(value - low) / width for value in finite], zero


# --- the committed table ---


def read_table(notebooks):
    """The rows of the committed table; none where there is no table. Raises ValueError for another kind of file."""
    file = notebooks / TABLE
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise ValueError(f"{TABLE} has the columns {reader.fieldnames}, not {list(_COLUMNS)}: sweep again")
        return list(reader)


def update_table(notebooks, counts):
    """Put the counts into the committed table, in place of those of the same notebooks and source."""
    swept = {(each.notebook, each.source) for each in counts}
    rows = [row for row in read_table(notebooks) if (row["notebook"], row["source"]) not in swept]
    versions = library_versions()
    libraries = ", ".join(f"{name} {versions[name]}" for name in _LIBRARIES if name in versions)
    for each in counts:
        values = "; ".join(f"{name} {spread(numbers)}".strip() for name, numbers in each.values.items())
        missed = " ".join(map(str, each.missed))
        row = each.notebook, each.claim, each.condition, each.source, each.held, each.of, missed, values
        rows.append(dict(zip(_COLUMNS, (*row, datetime.date.today().isoformat(), libraries), strict=True)))
    order = {source: number for number, source in enumerate(SEEDS)}
    rows.sort(key=lambda row: (row["notebook"], order[row["source"]]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return report.keep(notebooks / TABLE, text.getvalue().encode())


def table_problems(notebooks, built, whole=True):
    """Yield (notebook's name, problem) for every claim that the committed table does not cover, or covers badly.

    built : {name: path} of the built notebooks.
    whole : whether these are all; then a row of any other notebook is a problem too.
    """
    rows = {(row["notebook"], row["claim"], row["source"]): row for row in read_table(notebooks)}
    for name, path in built.items():
        for sentence, (_, condition) in stored_claims(path).items():
            for source in SEEDS:
                problem = _row_problem(rows.pop((name, sentence, source), None), condition)
                if problem:
                    remedy = f"run `course sweep {name} --source {source} --keep`"
                    yield name, f"the claim {sentence!r} {problem} ({source} data; {TABLE}): {remedy}"
    for name, sentence, source in rows:
        if whole or name in built:
            yield name, f"{TABLE} counts a claim that the notebook does not make ({source} data): {sentence!r}"


def _row_problem(row, condition):
    if row is None:
        return "was never counted over seeds"
    if row["condition"] != condition:
        return f"was counted with the condition `{row['condition']}`, now it is `{condition}`"
    held, of = int(row["held"]), int(row["of"])
    # None of the runs checked it: a claim about the real data alone, on the simulated.
    if of and of < SEEDS[row["source"]]:
        return f"was counted at {of} seeds only, not {SEEDS[row['source']]}"
    if held < ENOUGH * of or (of == 0 and row["source"] == "real"):
        return f"holds at {held} of {of} seeds; change the sentence"
    return None
