"""The learner's record: one small JSON file on this machine, written in one move, never in the way of a lesson."""

import errno
import json
import os
import uuid
from contextlib import suppress
from pathlib import Path

import platformdirs

from helpers.language import Bilingual

VERSION = 1
_FOLDER = "dense-dropout-batchnorm"
EMPTY = {"attempts": 0, "right": False, "choice": None}


# Where COURSE_PROGRESS says so: a headless run answers questions that no learner has answered.
MEMORY = "memory"
_in_memory = {}


def progress_path():
    """The file: what the environment variable COURSE_PROGRESS names, or one in the user's own data folder.

    None for COURSE_PROGRESS=memory: then the record ends with this process. Raises OSError where there is no home.
    """
    named = os.environ.get("COURSE_PROGRESS")
    if named == MEMORY:
        return None
    try:
        return Path(named).expanduser() if named else platformdirs.user_data_path(_FOLDER) / "progress.json"
    except RuntimeError as error:
        raise OSError(errno.EINVAL, str(error)) from None


def entry(key):
    """What is recorded for the question `key` -> {"attempts": int, "right": bool, "choice": str or None}, notes.

    notes : list of Bilingual, what the learner has to know about the file.
    """
    questions, notes = entries()
    return questions.get(key, EMPTY), notes


def entries():
    """What is recorded for all questions -> {key: entry}, notes."""
    questions, notes = _read()
    return questions or {}, notes


def record(key, *, right=False, choice=None):
    """Count an attempt; return notes. A question once right stays so, and the first choice stays the choice."""
    # Read again right before it is written: another notebook may be open.
    questions, notes = _read()
    if questions is None:
        return notes
    old = questions.get(key, EMPTY)
    questions[key] = {
        "attempts": old["attempts"] + 1,
        "right": old["right"] or right,
        "choice": old["choice"] or choice,
    }
    return notes + _write(questions)


def reset():
    """Forget everything. Return notes."""
    _in_memory.clear()
    try:
        if progress_path():
            progress_path().unlink(missing_ok=True)
    except OSError as error:
        return [_not_kept(error)]
    return []


def _read():
    """All entries and notes; None for entries that may be there but cannot be had, and must not be overwritten."""
    try:
        path = progress_path()
        if path is None:
            return dict(_in_memory), []
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']!r}")
        return {key: _checked(item) for key, item in content["questions"].items()}, []
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return None, [_not_kept(error)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _set_aside(path)


def _checked(item):
    attempts, right, choice = item["attempts"], item["right"], item["choice"]
    if type(attempts) is not int or type(right) is not bool or not isinstance(choice, str | None):
        raise ValueError(f"not an entry: {item!r}")
    return {"attempts": attempts, "right": right, "choice": choice}


def _set_aside(path):
    """Keep what cannot be read under another name: nobody's record is thrown away."""
    aside = path.with_name(f"{path.name}.unreadable-{uuid.uuid4().hex[:8]}")
    try:
        os.replace(path, aside)
    except OSError as error:
        return None, [_not_kept(error)]
    en = "The record of your progress could not be read: it is damaged, or from another version. It is kept as "
    zh = "无法读取你的进度记录：文件已损坏，或者属于其他版本。它已改名保留为"
    return {}, [Bilingual(f"{en}`{aside.name}`, and a new one begins.", f"{zh} `{aside.name}`，现在开始一份新的记录。")]


def _write(questions):
    path = progress_path()  # it was there a moment ago
    if path is None:
        _in_memory.update(questions)
        return []
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps({"version": VERSION, "questions": questions}, indent=1), encoding="utf-8")
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        return [_not_kept(error)]
    return []


def _not_kept(error):
    return Bilingual(
        f"Your progress could not be saved ({error.strerror}). Set `COURSE_PROGRESS` to a file that can be written.",
        f"无法保存你的进度（{error.strerror}）。可以用 `COURSE_PROGRESS` 指定一个可写的文件。",
    )
