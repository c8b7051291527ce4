"""A small separate process that kills a run's steps when the runner dies, even by `kill -9`.

The runner starts it as a plain script, so it imports nothing of mlroad. It reads from the runner's pipe:
``+123`` when the process group 123 starts, ``-123`` when it has ended, ``!123`` for a helper of the runner,
which it leaves alone, ``.`` when the run is over and nothing of it is left. The end of the pipe means that
the runner is gone. Then it kills every group that is left, and the processes that have left their group:
those whose environment carries the run's mark, and those that descended from the runner when it last looked,
at most a second ago. On Windows a job object does this, and there is no watchdog.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def main(variable: str, run: str, packages: str) -> None:
    """Watch standard input to its end, then kill.

    ``variable`` of a marked process starts with ``run``. ``packages`` is the folder with psutil.
    """
    sys.path.append(packages)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    runner = os.getppid()
    groups: set[int] = set()
    helpers = {os.getpid()}
    family: set[psutil.Process] = set()
    rest = b""
    while True:
        if not select.select([0], [], [], 1.0)[0]:
            family = _family(runner, helpers) if groups else set()
            continue
        piece = os.read(0, 65536)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line == b".":
                return
            number = int(line[1:])
            if line[:1] == b"!":
                helpers.add(number)
            elif line[:1] == b"+":
                groups.add(number)
            else:
                groups.discard(number)
    _kill(groups, family, variable, run)


def _kill(groups: set[int], family: set[psutil.Process], variable: str, run: str) -> None:
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    import psutil  # only now, because importing it must not delay the kills above

    for _ in range(100):  # a process may start others while they are killed
        alive = [
            process
            for process in psutil.process_iter()
            if _is_of_the_run(process, groups, family, variable, run)
        ]
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not alive:
            return
        time.sleep(0.02)


def _is_of_the_run(
    process: psutil.Process, groups: set[int], family: set[psutil.Process], variable: str, run: str
) -> bool:
    """Whether it is a process of the run that has not ended yet."""
    import psutil

    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return (
            process in family
            or os.getsid(process.pid) in groups
            or process.environ().get(variable, "").startswith(run)
        )
    except (psutil.Error, OSError):  # it has ended, or belongs to another user
        return False


def _family(runner: int, helpers: set[int]) -> set[psutil.Process]:
    """All descendants of the runner, except its helpers and theirs."""
    import psutil  # 15 ms, which runs of less than a second do not need

    found: set[psutil.Process] = set()
    spared = set(helpers)
    with contextlib.suppress(psutil.Error):
        # One look at all processes, however many steps are running; a parent comes before its children.
        for process in psutil.Process(runner).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.pid in spared or process.ppid() in spared:
                    spared.add(process.pid)
                else:
                    found.add(process)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
