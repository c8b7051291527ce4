"""The signals that end a process, as an exception in the code that does the work."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def raising(make: Callable[[int], BaseException]) -> Iterator[None]:
    """In the block, such a signal raises the exception that ``make`` creates from its number."""

    def stop(number: int, _: object) -> None:
        raise make(number)

    with _handled_by(stop):
        yield


@contextmanager
def ignored() -> Iterator[None]:
    """In the block, and for programs that it starts, such a signal has no effect: it must not end halfway."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
