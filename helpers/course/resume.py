"""What earlier runs found out, so that `--resume` need not run it again."""

import contextlib
import datetime
import functools
import hashlib
import io
import json
import os

import nbformat

from helpers import load_dataset
from helpers.course import ROOT
from helpers.course.run import Result
from helpers.data import DataError
from helpers.environment import library_versions

FILE = "record.jsonl"


class Record:
    """The results of earlier runs, one line of JSON each; a file that is only ever added to.

    A line that cannot be read (the machine went down, the disk was full) is left out and told of in `problems`.
    """

    def __init__(self, folder, resume):
        """resume : whether what is there counts; else it is forgotten. Raises OSError if it cannot be removed."""
        self._file = folder / FILE
        self.problems, self._known = [], {}
        if not resume:
            self._file.unlink(missing_ok=True)
        elif self._file.exists():
            self._read()

    def _read(self):
        for number, line in enumerate(self._file.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
                Result(**entry["result"])
                self._known[_key(entry["fingerprint"])] = entry
            # No JSON, no text, another shape than ours: all of it is a line that says nothing.
            except (ValueError, TypeError, KeyError) as error:
                reason = f"{type(error).__name__}: {error}"
                self.problems.append(
                    f"{self._file}, line {number} cannot be read ({reason}); what it recorded runs again"
                )

    def find(self, job):
        """The Result of an earlier run of the same notebook under the same conditions, or None.

        The same: its source, its parameters, the data it read, the course's own code and the libraries' versions;
        and the executed notebook is still the one that run has written.
        """
        entry = self._known.get(_key(fingerprint(job)))
        if entry is None or entry["output"] != _file_digest(job.output):
            return None
        source = job.parameters.get("data_source", "auto")
        if entry["data"] != _data(entry["data"], source):
            return None
        return Result(**entry["result"] | {"reused": entry["date"]})

    def add(self, job, result):
        """Raises OSError when it cannot be written."""
        entry = {
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "fingerprint": fingerprint(job),
            "output": _file_digest(job.output),
            "data": _data(result.data, job.parameters.get("data_source", "auto")),
            "result": result.as_dict(),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # The first line break ends a line that an earlier run could not finish.
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry, ensure_ascii=False)}\n")


def fingerprint(job):
    """All that decides what a notebook shows, but for the data, which only a run names."""
    notebook = nbformat.read(job.source, as_version=4)
    cells = [[cell.cell_type, cell.source] for cell in notebook.cells]
    return {
        "name": job.name,
        "notebook": _digest(json.dumps(cells).encode()),
        "parameters": job.parameters,
        "fast": os.environ.get("COURSE_FAST", ""),
        "course": _course(),
        "libraries": library_versions(),
    }


@functools.cache
def _course():
    """A digest of the code that notebooks import, and of the templates that lesson 08 runs."""
    files = [path for path in (ROOT / "helpers").rglob("*.py") if "course" not in path.parts[len(ROOT.parts) :]]
    files += (ROOT / "notebooks/templates").glob("*.ipynb")
    return _digest(*(path.read_bytes() for path in sorted(files)))


def _data(names, source):
    """{name: sha256} of what these data sets are now."""
    return {name: _data_digest(name, source) for name in sorted(names)}


@functools.cache
def _data_digest(name, source):
    # Where a twin stands in, the notebook itself says so.
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return load_dataset(name, source=source, show=False).attrs["sha256"]
        except DataError as error:
            return str(error)


def _file_digest(path):
    return _digest(path.read_bytes()) if path.exists() else None


def _key(found):
    return _digest(json.dumps(found, sort_keys=True).encode())


def _digest(*contents):
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()
