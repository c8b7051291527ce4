"""Show that a long piece of work goes on: the elapsed time on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mlroad.core.text import duration

EVERY = 30.0
"""Seconds between two lines in a log."""


@contextmanager
def waiting(what: str, every: float = EVERY) -> Iterator[None]:
    """Say on standard error that ``what`` goes on, until the block ends."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(what, total=None)
            yield
        return
    ended, started = Event(), time.monotonic()

    def lines() -> None:
        while not ended.wait(every):
            print(f"{what}: {duration(time.monotonic() - started)}", file=sys.stderr, flush=True)

    thread = Thread(target=lines, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
