"""The signals that end a process, as an exception in the code that does the work."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def raising(make: Callable[[int], BaseException]) -> Iterator[None]:
    """In the block, such a signal raises the exception that ``make`` creates from its number."""

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


@contextmanager
def ignored() -> Iterator[None]:
    """In the block, and for programs that it starts, such a signal has no effect: it must not end halfway."""
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
