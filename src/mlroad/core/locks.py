"""Locks on files. The operating system releases them when their process ends, however it ends."""

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def try_lock(file: Path, seconds: float = 0) -> int | None:
    """Lock ``file``, creating it if needed. The lock's descriptor, or None if another process has it.

    It tries for some ``seconds``: the lock of a killed process is free when its children have ended too.
    """
    until = time.monotonic() + seconds
    while (descriptor := _lock(file)) is None and time.monotonic() < until:
        time.sleep(0.02)
    return descriptor


def _lock(file: Path) -> int | None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait for the lock of ``file``, and keep it until the block ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = try_lock(file, seconds=math.inf)
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)
