"""What this machine offers the course: versions of the libraries, processor cores, memory, a Chinese font."""

import os
import platform
from dataclasses import dataclass
from importlib import metadata

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from helpers.language import Bilingual, show

_COURSE = "dense-dropout-batchnorm"
# Those that a reader meets by name; the lock file holds all of them.
_LIBRARIES = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "pandas", "scikit-learn", "matplotlib", "jupyterlab")
# The largest training of the course takes about half of this, and a browser wants some too.
_MEMORY_GB = 2
_CORES = 2

_ANY = Bilingual("any", "不限")
_NONE = Bilingual("none", "没有")


@dataclass
class Row:
    """A line of the table: what it is, what is here, what the course needs, and whether that is met.

    advice : what follows if it is not; such a row never stops the course. Without advice it does.
    """

    name: Bilingual
    here: Bilingual
    needed: Bilingual
    met: bool
    advice: Bilingual | None = None


def check_environment():
    """Show a table: what this machine has, what the course needs, and what to do where the two differ."""
    _show(_rows())


def library_versions():
    """Return {name: version} of Python and of those libraries that a reader meets by name and that are installed."""
    found = {"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in found.items() if version}


def _rows():
    course = metadata.metadata(_COURSE)
    asked = [Requirement(line) for line in course.get_all("Requires-Dist")]
    libraries = [each for each in asked if each.name in _LIBRARIES and (not each.marker or each.marker.evaluate())]
    cores, memory, font = _cores(), psutil.virtual_memory().available / 1e9, _font()
    return [
        _versioned("Python", platform.python_version(), SpecifierSet(course["Requires-Python"])),
        *(_versioned(each.name, _version(each.name), each.specifier) for each in libraries),
        Row(
            Bilingual("processor cores", "处理器核心"),
            _same(cores),
            Bilingual(f"{_CORES} or more", f"至少 {_CORES} 个"),
            cores >= _CORES,
            Bilingual("Everything works, but trainings take longer.", "都能运行，只是训练更慢。"),
        ),
        Row(
            Bilingual("free memory", "可用内存"),
            _same(f"{memory:.1f} GB"),
            Bilingual(f"{_MEMORY_GB} GB or more", f"至少 {_MEMORY_GB} GB"),
            memory >= _MEMORY_GB,
            Bilingual("Shut other kernels down before you run a lesson.", "运行一课之前，先关闭其他内核。"),
        ),
        Row(
            Bilingual("Chinese font", "中文字体"),
            _same(font) if font else _NONE,
            _ANY,
            font is not None,
            Bilingual("Labels in figures are in English only.", "图中的标签只有英文。"),
        ),
    ]


def _versioned(name, version, range_):
    here = _same(version) if version else Bilingual("not installed", "未安装")
    return Row(_same(name), here, _same(range_), version is not None and range_.contains(version, prereleases=True))


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cores():
    """Those that this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _font():
    try:
        # Not above: where a library is missing, this table must still be shown.
        from helpers.plotting import chinese_font
    except ImportError:
        return None
    return chinese_font()


def _same(value):
    return Bilingual(str(value), str(value))


# --- the table ---

_MARKS = {"met": ("✓", "#1a7f37"), "advice": ("!", "#9a6700"), "missing": ("✗", "#b42318")}
_HEAD = [Bilingual("part", "组件"), Bilingual("here", "本机"), Bilingual("needed", "需要")]
_VERDICTS = {
    True: Bilingual("This environment can run the course.", "这个环境可以运行本课程。"),
    False: Bilingual(
        "What is marked ✗ is missing or of another version: set the course up again, as `README.md` says.",
        "标有 ✗ 的缺失或版本不符：请按 `README.md` 的说明重新安装本课程。",
    ),
}


def _state(row):
    return "met" if row.met else "advice" if row.advice else "missing"


def _show(rows):
    verdict = _VERDICTS[not any(_state(row) == "missing" for row in rows)]
    said = [row.advice for row in rows if _state(row) == "advice"] + [verdict]
    cell = "padding: 0.1em 1em 0.1em 0; text-align: left"
    head = "".join(f'<th style="{cell}">{text}</th>' for text in ["", *(each.to_html("span") for each in _HEAD)])
    body = "".join(_html_row(row, cell) for row in rows)
    table = f'<table style="margin: 0.4em 0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    plain = [
        f"{_MARKS[_state(row)][0]} {row.name.one_line()}: {row.here.one_line()} ({row.needed.one_line()})"
        for row in rows
    ]
    show(
        {
            "text/html": table + "".join(text.to_html() for text in said),
            "text/plain": "\n".join([*plain, *map(str, said)]),
        }
    )


def _html_row(row, style):
    mark, colour = _MARKS[_state(row)]
    parts = "".join(f'<td style="{style}">{text.to_html("span")}</td>' for text in (row.name, row.here, row.needed))
    return f'<tr><td style="{style}; color: {colour}"><strong>{mark}</strong></td>{parts}</tr>'
