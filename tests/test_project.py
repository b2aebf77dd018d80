"""The files around the course: two front doors, one lock, nothing that works on one machine only."""

import base64
import itertools
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from library_range import COMBINATIONS, lowest_releases
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.course import NOTEBOOKS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [
    *map(Requirement, PROJECT["dependencies"]),
    *(Requirement(line) for extra in PROJECT["optional-dependencies"].values() for line in extra),
]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MACHINES = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"), ("win32", "AMD64")]
PYTHONS = ["3.11", "3.12", "3.13"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def lock_lines():
    """The lock's entries, one line each with its hashes, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", read("requirements.txt"), flags=re.MULTILINE)
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


LOCK = [(Requirement(line.partition(" --hash=")[0]), line.count(" --hash=sha256:")) for line in lock_lines()]


def pinned(name):
    return [entry for entry, _ in LOCK if canonicalize_name(entry.name) == canonicalize_name(name)]


# --- environments ---


def test_conda_environment_holds_python_pip_and_the_lock():
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, lock = environment["dependencies"]
    assert Version(python.removeprefix("python=")) in SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip"
    assert lock == {"pip": ["-r requirements.txt"]}
    assert environment["name"] == PROJECT["name"]


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_lock_pins_every_dependency_inside_its_range(dependency):
    assert dependency.specifier, "a dependency needs a range"
    found = pinned(dependency.name)
    assert found
    for entry in found:
        (pin,) = entry.specifier
        assert pin.operator == "==" and Version(pin.version) in dependency.specifier


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("platform", "machine"), MACHINES)
def test_one_version_of_every_dependency_on_every_machine(python, platform, machine):
    """TensorFlow is one of two packages; everything else is itself, once."""
    names = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
    here = {
        "sys_platform": platform,
        "platform_machine": machine,
        "platform_system": names[platform],
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }

    def wanted(requirement):
        return requirement.marker is None or requirement.marker.evaluate(here)

    asked = [dependency for dependency in DEPENDENCIES if wanted(dependency)]
    assert len([each for each in asked if each.name in ("tensorflow", "tensorflow-cpu")]) == 1
    for dependency in asked:
        entries = [entry for entry in pinned(dependency.name) if wanted(entry)]
        assert len(entries) == 1, f"{dependency} has {len(entries)} entries in the lock"


def test_lock_has_hashes_and_no_address():
    assert LOCK and all(hashes >= 1 for _, hashes in LOCK)
    text = read("requirements.txt")
    assert "://" not in text and not re.search(r"^\s*-", text.replace("    --hash=", ""), re.MULTILINE)
    assert all(entry.url is None for entry, _ in LOCK)


def test_lock_serves_all_supported_pythons():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}" in supported] == PYTHONS


def test_make_range_tries_every_supported_python():
    assert {name.partition("-")[2] for name in COMBINATIONS} == set(PYTHONS)


def test_lowest_releases_are_the_lowest_in_their_ranges():
    for dependency, constraint in zip(DEPENDENCIES, map(Requirement, lowest_releases(PROJECT)), strict=True):
        assert (constraint.name, constraint.marker) == (dependency.name, dependency.marker)
        (pin,) = constraint.specifier
        assert pin.operator == "==" and pin.version in dependency.specifier
        assert not dependency.specifier.contains(f"{pin.version}.dev0", prereleases=True), "something lower is allowed"


# --- commands ---


def make_targets():
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", MAKEFILE, re.MULTILINE))


def commands_in(markdown):
    """The targets that a text asks to make, in code spans and code blocks."""
    code = re.findall(r"```.*?```|`[^`\n]+`", markdown, re.DOTALL)
    return set(re.findall(r"\bmake ([a-z][\w-]*)", "\n".join(code)))


def test_readme_names_the_two_commands():
    assert {"course", "test"} <= commands_in(read("README.md"))


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_every_named_command_exists(file):
    assert commands_in(read(file)) <= make_targets()


def test_ci_runs_make_test():
    assert re.search(r"^make test$", read(".ci/run"), re.MULTILINE)
    assert (ROOT / ".ci/run").read_bytes().startswith(b"#!/usr/bin/env bash\n")


# --- what is committed ---


def tracked_files():
    listed = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    try:
        finished = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git cannot say which files are committed: {error}")
    return [ROOT / name for name in finished.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


# A folder of one machine: after a space, a quote or a bracket, not inside an address or a relative path.
FOLDERS = ("root", "home", "work", "Users", "mnt", "private")
MACHINE_PATH = re.compile(rf"(?<![\w.:/~*$}}-])/(?:{'|'.join(FOLDERS)})/\w|\b[A-Z]:\\+(?:{FOLDERS[3]})\\")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *((f'"{"/"}{folder}/ann/file"', True) for folder in FOLDERS),
        ("C:" + r"\Users\ann", True),
        ("https://example.org/home/page", False),
        ("notebooks/work/file", False),
        ("dense/dropout", False),
    ],
)
def test_machine_paths_are_recognised(text, found):
    assert bool(MACHINE_PATH.search(text)) == found


def test_no_committed_file_names_a_path_of_one_machine():
    found = []
    for path in tracked_files():
        content = path.read_bytes()
        text = "" if b"\0" in content else content.decode("utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            found += [f"{path.relative_to(ROOT)}:{number}: {match[0]}" for match in MACHINE_PATH.finditer(line)]
    assert found == []


def test_no_committed_file_is_large():
    assert [path.name for path in tracked_files() if path.stat().st_size > 3_000_000] == []


def notebooks():
    return sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def external_images(text):
    """The images of a Markdown text or of HTML that are not inside it."""
    addresses = re.findall(r"!\[[^\]]*\]\(\s*([^)\s]+)", text)
    addresses += re.findall(r"""<img\b[^>]*?\bsrc\s*=\s*["']?([^"'\s>]+)""", text)
    return [address for address in addresses if not address.startswith(("data:", "attachment:"))]


def test_external_images_are_recognised():
    inside = '<img src="data:image/png;base64,AA=="> ![a](attachment:a.png) a [link](https://example.org)'
    assert external_images(inside) == []
    assert external_images("![a](https://example.org/a.png) <img alt='b' src='b.png'>") == [
        "https://example.org/a.png",
        "b.png",
    ]


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_images_of_a_notebook_are_inside_it(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    outputs = itertools.chain.from_iterable(cell.get("outputs", []) for cell in cells)
    texts += [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert [address for text in texts for address in external_images(text)] == []


def test_there_are_notebooks():
    assert notebooks()


def test_the_picture_in_the_readme_is_one_that_the_lesson_shows():
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", read("README.md"))
    lesson = read(f"notebooks/{Path(picture).stem}.ipynb")
    assert base64.b64encode((ROOT / picture).read_bytes()).decode("ascii") in lesson
