"""A small process of its own that kills a run's steps when the runner dies, even by `kill -9`.

It is started as a plain script, so it imports nothing of mlroad, and nothing slow. It reads from the
runner's pipe: ``+123`` when the process group 123 starts, ``-123`` when it has ended, ``!123`` for a helper
of the runner, which is to be left alone. At the end of the pipe the runner is gone, however it went. Then it
kills every group that is left and, on Linux, those that have opened a session of their own: every process
whose environment carries the run's mark, and every one that descended from the runner when it last looked,
at most a second ago. On Windows a job object does this work, and there is no watchdog.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time


def main(mark: str) -> None:
    """Watch standard input to its end, then kill. ``mark`` is how the mark begins: ``NAME=run:``."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    runner = os.getppid()
    groups: set[int] = set()
    helpers = {os.getpid()}
    family: set[tuple[int, bytes]] = set()
    rest = b""
    while True:
        if not select.select([0], [], [], 1.0)[0]:
            family = _below(runner, helpers) if groups else set()
            continue
        piece = os.read(0, 65536)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number = int(line[1:])
            if line[:1] == b"!":
                helpers.add(number)
            elif line[:1] == b"+":
                groups.add(number)
            else:
                groups.discard(number)
    for _ in range(100):  # a process may be born while the others are killed
        alive = [
            pid
            for pid, (_, session, born) in _processes().items()
            if session in groups or (pid, born) in family or _has_mark(pid, mark.encode())
        ]
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        for pid in alive:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not alive:
            return
        time.sleep(0.02)


def _processes() -> dict[int, tuple[int, int, bytes]]:
    """Processes that live: number to parent, session and time of birth. Empty where there is no /proc."""
    found: dict[int, tuple[int, int, bytes]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208
            if name.isdigit():
                with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    fields = file.read().rpartition(b")")[2].split()
                    if fields[0] not in (b"Z", b"X"):
                        found[int(name)] = (int(fields[1]), int(fields[3]), fields[19])
    return found


def _below(runner: int, helpers: set[int]) -> set[tuple[int, bytes]]:
    """All that descends from the runner but its helpers, with times of birth, as numbers are used again."""
    processes = _processes()
    below: dict[int, list[int]] = {}
    for pid, (parent, _, _) in processes.items():
        below.setdefault(parent, []).append(pid)
    found: set[tuple[int, bytes]] = set()
    waiting = [runner]
    while waiting:
        children = [pid for pid in below.get(waiting.pop(), []) if pid not in helpers]
        found |= {(pid, processes[pid][2]) for pid in children}
        waiting += children
    return found


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
            return any(entry.startswith(mark) for entry in file.read().split(b"\0"))
    except OSError:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
