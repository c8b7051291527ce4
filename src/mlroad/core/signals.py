"""The signals that ask a process to end, as an exception where the work is done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def raising(make: Callable[[int], BaseException]) -> Iterator[None]:
    """While it lasts, such a signal raises what ``make`` makes of its number; then all is as before."""

    def stop(number: int, _: object) -> None:
        raise make(number)

    before: Mapping[int, Any] = {
        getattr(signal, name): signal.signal(getattr(signal, name), stop)
        for name in _ENDING
        if hasattr(signal, name)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
