"""The table of unit 00: it believes the installed packages, and says what to do where something is missing."""

import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import keras
import psutil
import pytest

import helpers.environment
import helpers.language
import helpers.plotting
from helpers import check_environment


@pytest.fixture
def shown(monkeypatch):
    """The table as plain text, shown anew at every call."""
    bundles = []
    monkeypatch.setattr(helpers.language, "display", lambda shown: bundles.append(shown._repr_mimebundle_()))

    def show():
        check_environment()
        return bundles[-1]["text/plain"], bundles[-1]["text/html"]

    return show


def test_what_the_lock_installed_is_enough(shown):
    plain, markup = shown()
    assert f"✓ keras: {keras.__version__} (" in plain
    assert "✗" not in plain + markup
    assert "This environment can run the course." in plain and "这个环境可以运行本课程。" in markup


@pytest.mark.parametrize(("installed", "seen"), [("2.15.0", "2.15.0"), (None, "not installed · 未安装")])
def test_a_wrong_version_and_a_missing_library_are_named(shown, monkeypatch, installed, seen):
    real = metadata.version

    def version(name):
        if name != "keras":
            return real(name)
        if installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(helpers.environment.metadata, "version", version)
    plain, markup = shown()
    (wrong,) = (line for line in plain.splitlines() if line.startswith("✗"))
    assert wrong.startswith(f"✗ keras: {seen} (")
    assert "set the course up again" in plain and "✗" in markup


def test_little_memory_one_core_and_no_chinese_font_are_advice_only(shown, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1.2e9))
    monkeypatch.setattr(helpers.environment, "_cores", lambda: 1)
    monkeypatch.setattr(helpers.plotting, "chinese_font", lambda: None)
    plain, _ = shown()
    assert "! free memory · 可用内存: 1.2 GB" in plain and "! processor cores · 处理器核心: 1" in plain
    assert "! Chinese font · 中文字体: none · 没有" in plain
    assert "Labels in figures are in English only." in plain
    assert "This environment can run the course." in plain


def test_the_table_is_shown_where_a_library_cannot_be_imported():
    script = """
import sys

sys.modules["sklearn"] = sys.modules["matplotlib"] = None  # what Python then does: raise ImportError
import helpers

helpers.check_environment()
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8")
    assert finished.returncode == 0, finished.stderr
    assert "Python: 3." in finished.stdout and "Labels in figures are in English only." in finished.stdout
