"""Programs that end with everything that they have started, when a signal ends this one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

GRACE_SECONDS = 20.0
"""How long a program may take to end by itself: tests remove what they have made."""


class Stopped(KeyboardInterrupt):
    """A signal is to end this program."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], *, grace: float = GRACE_SECONDS, asks: bool = False, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Start a program. If the block ends by an exception, all of it ends: as by Ctrl-C, then by force.

    A program that ``asks`` the user (git and ssh want passwords, say) stays at this program's terminal.
    """
    # A group of its own, which Ctrl-C does not reach: otherwise parts of it would end before the others.
    own_group = os.name != "nt" and not asks
    words = [str(part) for part in command]
    with subprocess.Popen(words, start_new_session=own_group, **options) as process:
        try:
            yield process
        except BaseException:
            (_end_group if own_group else _end_tree)(process, grace)
            raise


def _end_group(process: subprocess.Popen[Any], grace: float) -> None:
    with contextlib.suppress(OSError):  # there is nothing left of it
        for number, seconds in ((signal.SIGINT, grace), (signal.SIGKILL, GRACE_SECONDS)):
            os.killpg(process.pid, number)
            limit = time.monotonic() + seconds
            while time.monotonic() < limit:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)


def _end_tree(process: subprocess.Popen[Any], grace: float) -> None:
    """Ctrl-C has reached all programs of the terminal. Other signals, which Windows has not, did not."""
    if os.name != "nt":
        process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        if os.name != "nt":
            process.kill()
        else:
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False
            )
