"""Whether a model's own code reads the clock when it predicts. Libraries do so harmlessly, for logs."""

from __future__ import annotations

import datetime
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

_FUNCTIONS = {
    time.time: "time.time", time.time_ns: "time.time_ns", time.localtime: "time.localtime",
    time.gmtime: "time.gmtime", time.strftime: "time.strftime", time.ctime: "time.ctime",
}  # fmt: skip
_METHODS = ("now", "utcnow", "today")
_LIBRARIES = tuple(
    {path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_paths()[name])}
)


def clock_reads(work: Callable[[], object]) -> list[str]:
    """Run ``work``, and return the calls of the clock in it as ``time.time in model.py:12``."""
    found: dict[str, None] = {}

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call":
            return
        name = _name_of(called)
        file = frame.f_code.co_filename
        if name and not file.startswith((*_LIBRARIES, "<frozen")) and file != __file__:
            found[f"{name} in {Path(file).name}:{frame.f_lineno}"] = None

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(found)


def _name_of(called: Any) -> str:
    owner = getattr(called, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, datetime.date) and called.__name__ in _METHODS:
        return f"{owner.__name__}.{called.__name__}"
    try:
        return _FUNCTIONS.get(called, "")
    except TypeError:  # it cannot be hashed
        return ""
