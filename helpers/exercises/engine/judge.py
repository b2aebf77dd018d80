"""What an answer did in every case, and what that says: right, or the first thing that is wrong.

A case calls the answer and reports quantities. The reference and each misconception's wrong implementation go
through the same cases: an answer is right if its quantities are the reference's, and it has a misconception if they
are the wrong implementation's wherever that one differs from the reference. So any style of code can be right,
random code too, as long as the quantities of its case are statistics.
"""

import dis
import inspect
import numbers
import os
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.exercises.engine.run import TimeUp, restore_numpy
from helpers.language import Bilingual

# What lies in these folders the learner has not written. Paths as Python knows them: links are not followed.
_EXERCISES = str(Path(__file__).parents[1]) + os.sep
_FOLDERS = (Path(__file__).parents[2], *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
_INSTALLED = tuple(f"{folder}{os.sep}" for folder in _FOLDERS)


class Quantity(NamedTuple):
    """Something measured in a case, with its name in both languages and how exactly it is compared.

    says : a Bilingual sentence for an answer in which this is what differs.
    secret : the expected value would give the solution away and is not shown.
    """

    en: str
    zh: str
    atol: float = 1e-5
    rtol: float = 1e-3
    says: Bilingual | None = None
    secret: bool = False


@dataclass(frozen=True)
class Case:
    """One situation in which an answer is called.

    en, zh : the situation in a few words.
    arguments : function of a np.random.Generator that returns the tuple of arguments.
    experiment : function of the answer and those arguments that returns {Quantity: value}; without one, the answer
        is called once and everything it returns is compared.
    """

    en: str
    zh: str
    arguments: Callable
    experiment: Callable | None = None


@dataclass(frozen=True)
class Misconception:
    """A wrong way to answer that people take.

    name : what it is called in the catalogue, the tests and the records of a run.
    wrong : a wrong implementation, or a tuple of several. An answer has the misconception if it does what one of them
        does in every case in which that one differs from the reference.
    en, zh : what to tell the learner; names the mistake, never the solution.
    by : the quantities that tell it, if not all of them.
    """

    name: str
    wrong: Callable | tuple
    en: str
    zh: str
    by: tuple = ()

    @property
    def variants(self):
        return self.wrong if isinstance(self.wrong, tuple) else (self.wrong,)


class Violation(Exception):
    """An answer that cannot be compared with the reference: why, and the facts that tell it."""

    def __init__(self, kind, **facts):
        super().__init__(kind)
        self.kind, self.facts = kind, facts

    def __eq__(self, other):
        same_kind = isinstance(other, Violation) and self.kind == other.kind
        return same_kind and all(self.facts.get(fact) == other.facts.get(fact) for fact in ("name", "got", "count"))

    __hash__ = None


@dataclass
class Outcome:
    """What an answer did in one case: {Quantity: value}, or the Violation; and the argument that it changed."""

    values: dict
    violation: Violation | None = None
    changed: str | None = None


@dataclass
class Finding:
    """What is wrong: `kind`, its facts, the case where it shows, and all quantities there, (yours, expected)."""

    kind: str
    case: Case | None = None
    misconception: Misconception | None = None
    quantity: Quantity | None = None
    facts: dict | None = None
    compared: dict | None = None
    passed: tuple = ()


def observe(case, answer, reference, returns, free, seed):
    """What `answer` does in a case; `reference` says what it should return, but for the results in `free`."""
    rng = np.random.default_rng(seed)
    called = _Called(answer, reference, returns, free)
    try:
        arguments = case.arguments(rng)
        if case.experiment is not None:
            values = case.experiment(called, *arguments)
        else:
            values = _by_name(called(*arguments), returns, free)
    except Violation as violation:
        return Outcome({}, violation, called.changed)
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:  # SystemExit too: an answer must not end the kernel
        frame = learners_frame(error)
        if isinstance(error, NotImplementedError):
            return Outcome({}, Violation("not answered", message=_message(error), frame=frame), called.changed)
        if called.running or frame:
            facts = {"got": type(error).__name__, "message": _message(error), "frame": frame}
            return Outcome({}, Violation("raised", **facts), called.changed)
        # The experiment could not work with what it was given.
        return Outcome({}, Violation("unreadable", got=called.last_type), called.changed)
    return Outcome(values, None, called.changed)


def diagnose(cases, outcomes, expected, misconceptions, wrong_outcomes):
    """The Finding for an answer with these `outcomes`, or None if it is right.

    wrong_outcomes : function of a wrong implementation that returns its outcomes in the same cases.
    """
    matches = [_matches(*pair) for pair in zip(outcomes, expected, strict=True)]
    if all(matches) and not any(outcome.changed for outcome in outcomes):
        return None
    kinds = [outcome.violation and outcome.violation.kind for outcome in outcomes]
    if kinds[0] == "not answered" and len(set(kinds)) == 1:
        return Finding("not answered")
    if "numpy replaced" in kinds:
        return Finding("numpy replaced", facts=outcomes[kinds.index("numpy replaced")].violation.facts)
    # Before all else: an array that was changed under way makes every later number doubtful.
    for case, outcome in zip(cases, outcomes, strict=True):
        if outcome.changed:
            return Finding("changed its input", case, facts={"name": outcome.changed})
    # First those that explain everything, then those that explain some of it: an answer may have two mistakes.
    for partly in (False, True):
        for misconception, wrong in ((m, wrong) for m in misconceptions for wrong in m.variants):
            where = _tell_tale(outcomes, expected, wrong_outcomes(wrong), misconception.by, partly)
            if where is not None:
                compared = _compared(outcomes[where], expected[where])
                return Finding("misconception", cases[where], misconception, compared=compared)
    where = matches.index(False)
    passed = tuple(case for case, match in zip(cases, matches, strict=True) if match)
    return _first_difference(cases[where], outcomes[where], expected[where], passed)


def learners_frame(error):
    """The innermost frame (a FrameSummary) of an exception's traceback that is in the learner's own code, or None."""
    if isinstance(error, SyntaxError) and isinstance(error.text, str) and not _is_installed(error.filename or ""):
        return traceback.FrameSummary(error.filename, error.lineno, "", line=error.text)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame.filename.startswith(_EXERCISES) for frame in frames]
    start = len(ours) - ours[::-1].index(True) if True in ours else 0
    learners = [frame for frame in frames[start:] if not _is_installed(frame.filename)]
    return learners[-1] if learners else None


def _message(error):
    try:
        return str(error)
    except TimeUp:
        raise
    except BaseException:  # a class of the learner's own may not even know its name
        return ""


# --- calling an answer ---


class _Called:
    """The answer, called on copies of its arguments, its results held against what the reference returns.

    Where all results are free the reference is not called: it would work on the same things, a Keras model perhaps.
    """

    def __init__(self, answer, reference, returns, free):
        self.answer, self.reference, self.returns, self.free = answer, reference, returns, free
        self.changed, self.running, self.last_type = None, False, None

    def __call__(self, *arguments):
        unknown = set(self.returns) <= set(self.free)
        expected = None if unknown else self.reference(*_copied_with_generators(arguments))
        copies = _copied(arguments)
        _check_signature(self.answer, self.reference, arguments)
        self.running = True
        try:
            result = self.answer(*copies)
        finally:
            replaced = restore_numpy()  # at once: the experiment and the reference need it
        self.running = False
        if replaced:
            raise Violation("numpy replaced", names=replaced)
        self.last_type = type(result).__name__
        for name, copy, original in zip(_parameters(self.reference), copies, arguments, strict=False):
            if self.changed is None and not _same(copy, original):
                self.changed = name
        if result is None and (unknown or expected is not None):
            raise Violation("not answered" if _is_stub(self.answer) else "returned nothing")
        if isinstance(expected, tuple):
            expected = tuple(None if n in self.free else e for n, e in zip(self.returns, expected, strict=True))
        return _like(result, expected, self.returns)


def _parameters(function):
    return list(inspect.signature(function).parameters)


def _check_signature(answer, reference, arguments):
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):
        return  # some built-in functions have none
    try:
        signature.bind(*arguments)
    except TypeError:
        shown = ", ".join(_parameters(reference)[: len(arguments)])
        raise Violation("signature", got=str(signature), expected=f"({shown})") from None


def _is_stub(answer):
    """Is there nothing in the function but `pass`, `...` or a docstring?"""
    code = getattr(answer, "__code__", None)
    names = {instruction.opname for instruction in dis.get_instructions(code)} if code else {"unknown"}
    return names <= {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


def _copied(value):
    """A copy of all arrays and tables; generators and functions are passed on as they are."""
    if isinstance(value, tuple | list):
        return type(value)(map(_copied, value))
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    # Tables too; pandas itself need not be imported for that.
    return value.copy() if isinstance(value, np.ndarray) or hasattr(value, "iloc") else value


def _copied_with_generators(value):
    """For the reference: it must not use up the random numbers of the answer."""
    if isinstance(value, tuple):
        return tuple(map(_copied_with_generators, value))
    if isinstance(value, np.random.Generator):
        copy = np.random.default_rng()
        copy.bit_generator.state = value.bit_generator.state
        return copy
    return _copied(value)


def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a.equals(b) if hasattr(a, "iloc") else True


def _like(result, expected, names):
    """`result` in the form of `expected`: numbers as arrays of that shape, several results as a tuple of those."""
    if isinstance(expected, tuple):
        if not isinstance(result, tuple | list) or len(result) != len(expected):
            count = len(result) if isinstance(result, tuple | list) else 1
            if len(names) != len(expected):
                raise Violation("length of a list", name=names[0], got=count, expected=len(expected))
            raise Violation("number of results", count=count, expected=", ".join(names))
        names = names if len(names) == len(expected) else [f"{names[0]}[{k}]" for k in range(len(expected))]
        return tuple(_like(r, e, [name]) for r, e, name in zip(result, expected, names, strict=True))
    if isinstance(expected, list):
        if not isinstance(result, tuple | list) or len(result) != len(expected):
            got = len(result) if isinstance(result, tuple | list) else type(result).__name__
            raise Violation("length of a list", name=names[0], got=got, expected=len(expected))
        return [_like(r, e, [f"{names[0]}[{k}]"]) for k, (r, e) in enumerate(zip(result, expected, strict=True))]
    if isinstance(expected, np.ndarray | numbers.Number | np.bool_):
        return _numbers(result, np.asarray(expected), names[0])
    return result


def _numbers(result, expected, name):
    if isinstance(result, range):
        result = result[: expected.size + 1]  # one that is too long shows as such, without being laid out in memory
    shape = getattr(result, "shape", None)
    if isinstance(shape, tuple) and shape != expected.shape:
        # Before anything touches the values: there may be billions of them.
        raise Violation("shape", name=name, got=tuple(map(_plain, shape)), expected=expected.shape)
    if result is None:
        raise Violation("is None", name=name)
    if isinstance(result, tuple) and expected.shape[:1] != (len(result),):
        raise Violation("number of results", count=len(result), expected=name)
    try:
        array = np.asarray(result)
        array = array.astype(float) if array.dtype.kind == "O" else array
    except (TypeError, ValueError):
        raise Violation("no numbers", name=name, got=type(result).__name__) from None
    if array.dtype.kind not in "biuf":
        raise Violation("no numbers", name=name, got=f"{type(result).__name__}, dtype {array.dtype}")
    if array.shape != expected.shape:
        raise Violation("shape", name=name, got=array.shape, expected=expected.shape)
    return array


def _plain(size):
    """A dimension as an int; that of a foreign array may be a type of its own, or unknown."""
    return int(size) if hasattr(size, "__index__") else None


def _by_name(result, returns, free):
    results = result if isinstance(result, tuple) else (result,)
    quantities = {}
    for name, value in zip(returns, results, strict=True):
        if name in free:
            continue
        for suffix, part in _parts(value):
            quantities[Quantity(f"`{name}{suffix}`", f"`{name}{suffix}`")] = part
    return quantities


def _parts(value):
    """(index as text, array) for all arrays in nested lists and tuples."""
    if not isinstance(value, list | tuple):
        return [("", value)]
    return [(f"[{k}]{index}", part) for k, item in enumerate(value) for index, part in _parts(item)]


# --- comparing ---


def _is_installed(filename):
    # A compiled module (.pyx) names its source by a path of its own.
    return filename.startswith((*_INSTALLED, "<frozen", "<__array_function__")) or filename.endswith((".pyx", ".pxd"))


def close(a, b, quantity):
    """Are two values of a quantity equal within its tolerance?"""
    numeric = all(np.asarray(value).dtype.kind in "biuf" for value in (a, b))
    if not numeric:
        return type(a) is type(b) and bool(a == b)
    a, b = np.asarray(a), np.asarray(b)
    rtol = quantity.rtol if b.dtype.kind == "f" else 0  # of a count every digit matters
    return a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=quantity.atol, equal_nan=True)


def _matches(outcome, expected, by=()):
    """Do two outcomes agree, in the quantities `by` or in all of them?"""
    if outcome.violation or expected.violation:
        return outcome.violation == expected.violation
    quantities = [quantity for quantity in expected.values if not by or quantity in by]
    return all(close(outcome.values.get(q), expected.values[q], q) for q in quantities)


def _tell_tale(outcomes, expected, wrong_outcomes, by, partly):
    """The number of the first case where the answer does what the wrong implementation does, and the reference not.

    None if in some such case the answer does something else. Where wrong implementation and reference agree, the
    answer must do so too; with partly=True it is enough that it does not fail there, and that more of what is wrong
    is explained than is not.
    """
    told, unexplained = [], 0
    for number, (outcome, right, wrong) in enumerate(zip(outcomes, expected, wrong_outcomes, strict=True)):
        if _matches(wrong, right, by):
            if outcome.violation if partly else not _matches(outcome, right, by):
                return None
            unexplained += not _matches(outcome, right)
        elif _both_raised(outcome, wrong):
            # Only exceptions of the same kind tell anything, but any exception fits in.
            told += [number] if outcome.violation == wrong.violation else []
        elif _matches(outcome, wrong, by):
            told.append(number)
        else:
            return None
    return told[0] if told and unexplained <= len(told) else None


def _is_cut_off(yours, right):
    """Are these the expected numbers without what stands behind the decimal point?"""
    return (np.asarray(right) % 1).any() and any(
        np.array_equal(yours, cut(right)) for cut in (np.trunc, np.floor, np.rint)
    )


def _both_raised(*outcomes):
    return all(outcome.violation is not None and outcome.violation.kind == "raised" for outcome in outcomes)


def _compared(outcome, expected):
    if outcome.violation:
        return {}
    return {quantity: (outcome.values.get(quantity), value) for quantity, value in expected.values.items()}


def _first_difference(case, outcome, expected, passed):
    if outcome.violation:
        return Finding(outcome.violation.kind, case, facts=outcome.violation.facts, passed=passed)
    quantity, yours, right = next(
        (quantity, outcome.values.get(quantity), value)
        for quantity, value in expected.values.items()
        if not close(outcome.values.get(quantity), value, quantity)
    )
    kind = "difference"
    if isinstance(yours, np.ndarray) and yours.dtype.kind == "f" and not np.isfinite(yours).all():
        kind = "not finite" if isinstance(right, np.ndarray | float) and np.isfinite(right).all() else kind
    elif isinstance(yours, np.ndarray) and yours.dtype.kind in "iu" and _is_cut_off(yours, right):
        kind = "whole numbers"
    return Finding(kind, case, quantity=quantity, facts={}, compared=_compared(outcome, expected), passed=passed)
