"""Whether a model's own code reads the clock when it predicts. Libraries do so harmlessly, for logs."""

from __future__ import annotations

import contextlib
import datetime
import dis
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pandas as pd

_FUNCTIONS = {
    time.time: "time.time", time.time_ns: "time.time_ns", time.localtime: "time.localtime",
    time.gmtime: "time.gmtime", time.strftime: "time.strftime", time.ctime: "time.ctime",
}  # fmt: skip
_METHODS = ("now", "utcnow", "today")
WORDS = ("now", "today")
_MAKERS = ("Timestamp", "to_datetime", "datetime64", "DatetimeIndex")
"""What makes the present of these words, and is not a function that a profiler sees."""
_BETWEEN = ("LOAD_CONST", "BUILD_LIST")
_CALLS = ("PRECALL", "CALL", "KW_NAMES", "CALL_KW")
_LIBRARIES = tuple(
    {path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_paths()[name])}
)


def clock_reads(work: Callable[[], object]) -> tuple[list[str], list[dict[str, Any]]]:
    """Run ``work``, and return the calls of the clock in it as ``time.time in model.py:12``.

    Also returns the global names of the code that is not of a library.
    """
    found: dict[str, None] = {}
    names: dict[int, dict[str, Any]] = {}

    def is_own(code: CodeType) -> bool:
        file = code.co_filename
        return not file.startswith((*_LIBRARIES, "<frozen")) and file != __file__

    def note(name: str, code: CodeType, line: int) -> None:
        if name and is_own(code):
            found[f"{name} in {Path(code.co_filename).name}:{line}"] = None

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            note(_name_of(called), frame.f_code, frame.f_lineno)
        elif event == "call" and is_own(frame.f_code):
            names[id(frame.f_globals)] = frame.f_globals
            for name, line in _words_in(frame.f_code):
                note(name, frame.f_code, line)

    with _timestamps_seen(note):
        threading.setprofile(look)
        sys.setprofile(look)
        try:
            work()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return list(found), list(names.values())


@contextlib.contextmanager
def _timestamps_seen(note: Callable[[str, CodeType, int], None]) -> Iterator[None]:
    """Call ``note`` for pandas' methods: its compiled functions are not seen by a profiler."""
    methods = {name: vars(pd.Timestamp)[name] for name in _METHODS}

    def seen(name: str) -> classmethod[Any, Any, Any]:
        def method(cls: type, *arguments: Any, **named: Any) -> Any:
            frame = sys._getframe(1)
            note(f"Timestamp.{name}", frame.f_code, frame.f_lineno)
            return methods[name].__get__(None, cls)(*arguments, **named)

        return classmethod(method)

    try:
        for name in methods:
            setattr(pd.Timestamp, name, seen(name))
        yield
    finally:
        for name, method in methods.items():
            setattr(pd.Timestamp, name, method)


def _words_in(code: CodeType) -> Iterator[tuple[str, int]]:
    """The calls such as ``Timestamp("now")`` in a function, with their lines."""
    if not set(_MAKERS) & set(code.co_names):
        return
    line = code.co_firstlineno
    instructions = [its for its in dis.get_instructions(code) if its.opname != "PUSH_NULL"]
    for place, (before, this) in enumerate(pairwise(instructions)):
        line = this.starts_line or line
        if this.opname == "LOAD_CONST" and this.argval in WORDS and before.argval in _MAKERS:
            after = next(its.opname for its in instructions[place + 1 :] if its.opname not in _BETWEEN)
            if after in _CALLS:  # not the key of a dictionary
                yield f'{before.argval}("{this.argval}")', line


def _name_of(called: Any) -> str:
    owner = getattr(called, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, datetime.date) and called.__name__ in _METHODS:
        return f"{owner.__name__}.{called.__name__}"
    try:
        return _FUNCTIONS.get(called, "")
    except TypeError:  # it cannot be hashed
        return ""
