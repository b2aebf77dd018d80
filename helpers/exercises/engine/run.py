"""Run a learner's code contained: its time, its output, its warnings, and the global state that it may change."""

import contextlib
import io
import random
import signal
import sys
import threading
import warnings

import numpy as np


class TimeUp(BaseException):
    """Raised inside code that has run too long; no Exception, so that `except Exception` does not swallow it."""

    def __del__(self):
        # A bare `except:` swallowed it: the next line of the answer raises another.
        for raise_again in self.args:
            raise_again(sys._getframe(1))


# What the answer may print before the rest is dropped, in characters: a print in a loop must not fill the notebook.
PRINT_LIMIT = 600
# What the block is cleaned up with must not be what an answer may have replaced.
_set_bit_generator, _set_numpy_state = np.random.set_bit_generator, np.random.set_state
_set_python_state = random.setstate
# NumPy as it was before any learner's code ran.
_NUMPY = {"np": np, "np.random": np.random, "np.linalg": np.linalg}
_ORIGINAL = {prefix: dict(vars(module)) for prefix, module in _NUMPY.items()}


@contextlib.contextmanager
def contained(seconds):
    """Run a block for at most `seconds`, silently; yield the stream that collects what it prints.

    Raises TimeUp inside the block when the time is over. Afterwards the global random states, NumPy's error
    handling and the warning filters are as they were before. Not contained: threads that the block leaves running,
    what compiled code prints, and a single call into compiled code that never returns.
    """
    printed = _LimitedStream()
    bit_generator, python_state = np.random.get_bit_generator(), random.getstate()
    numpy_state = np.random.get_state()
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            _time_limit(seconds),
        ):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        _set_bit_generator(bit_generator)
        _set_numpy_state(numpy_state)
        _set_python_state(python_state)


def restore_numpy():
    """Put back the functions of NumPy that were replaced, and return their names."""
    replaced = []
    for prefix, module in _NUMPY.items():
        now = vars(module)
        for name, original in _ORIGINAL[prefix].items():
            if not name.startswith("__") and now.get(name) is not original:
                setattr(module, name, original)
                replaced.append(f"{prefix}.{name}")
    return replaced


@contextlib.contextmanager
def _time_limit(seconds):
    """Raise TimeUp in the block after `seconds`. Outside the main thread, where Python has no signals, no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over, ended = threading.Event(), threading.Event()
    tracer_before, main_thread = sys.gettrace(), threading.get_ident()

    def tracer(frame, event, arg):
        if event == "line":
            raise TimeUp(trace)
        return tracer

    def trace(frame):
        """Let the next line of the answer raise; our own frames, which clean up, are left alone."""
        if ended.is_set():
            return
        sys.settrace(lambda *event: None)
        while frame is not None and not frame.f_globals.get("__name__", "").startswith("helpers."):
            frame.f_trace = tracer
            frame = frame.f_back

    def interrupted(number, frame):
        if not over.is_set():
            signal.default_int_handler(number, frame)  # the learner's own "stop"
        if ended.is_set() or _shields:
            return
        trace(frame)
        raise TimeUp(trace)

    def watch():
        if not ended.wait(seconds):
            over.set()
            while not ended.wait(0.05):
                _interrupt(main_thread)

    handler_before = signal.signal(signal.SIGINT, interrupted)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        try:
            ended.set()
        finally:  # an interrupt may still have come in the line above; the next one is not due for a while
            ended.set()
            sys.settrace(tracer_before)
            watcher.join()
            signal.signal(signal.SIGINT, handler_before)


_shields = []


@contextlib.contextmanager
def unstoppable():
    """A block that the time limit waits for, because it puts back what is the learner's."""
    _shields.append(True)
    try:
        yield
    finally:
        _shields.pop()


def _interrupt(thread):
    # A real signal also ends a sleep; Windows has none for a thread.
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


class _LimitedStream(io.TextIOBase):
    """Keeps the first PRINT_LIMIT characters written to it."""

    def __init__(self):
        self.kept, self.dropped = "", False

    def write(self, text):
        self.dropped |= len(text) > PRINT_LIMIT - len(self.kept)
        self.kept += text[: PRINT_LIMIT - len(self.kept)]
        return len(text)

    def writable(self):
        return True

    def text(self):
        return printable(self.kept) + ("…" if self.dropped else "")


def printable(text):
    """The text without halves of characters, which no notebook could show."""
    return text.encode("utf-8", "replace").decode("utf-8")
