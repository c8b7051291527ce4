"""Models' processes by fork, on Linux: what each worker (see worker.py) imports is imported once for all.

The import of MLflow takes longer than most models take to answer; a gate asks up to three models, a self-test
some twenty. So one process imports it and forks a worker for each model, as the start method ``forkserver``
of Python's `multiprocessing` does, which would show the models the gate's own environment and paths.
Elsewhere fork is not safe (macOS) or not there (Windows): there each worker is started anew.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

FORKS = sys.platform == "linux"
"""Whether this machine can do it."""
WORKER = Path(__file__).with_name("worker.py")
_PAUSE = 0.005
"""Seconds between two questions whether a process has ended."""


class Forked:
    """A worker forked by the server. It is used as a `subprocess.Popen` with pipes of text is."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], errors: BinaryIO
    ) -> None:
        """Start it in ``folder``; what it prints besides answers goes to ``errors``. Raises OSError."""
        theirs_in, mine_in = os.pipe()
        mine_out, theirs_out = os.pipe()
        self.stdin = os.fdopen(mine_in, "w", encoding="utf-8")
        self.stdout = os.fdopen(mine_out, encoding="utf-8")
        about = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        try:
            self._start(about, [theirs_in, theirs_out, errors.fileno()])
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def _start(self, about: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Ask the server, or another one if it has just died."""
        for last in (False, True):
            self._server = _server(about["environment"])
            self._number = next(self._server.numbers)
            try:
                self._server.tell({"start": self._number, **about}, descriptors)
                return
            except ConnectionError:
                if last:
                    raise

    def kill(self) -> None:
        """End it by force, if it still runs."""
        with contextlib.suppress(OSError):
            self._server.tell({"kill": self._number})

    def wait(self) -> int:
        """Wait for its end: the exit code, or the negative number of the signal that ended it."""
        while (code := self._server.code(self._number)) is None:
            time.sleep(_PAUSE)
        return code


class _Server:
    """The gate's side of the process that forks. It ends when the gate does, by the end of its socket."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.numbers = itertools.count()
        self._lock = threading.Lock()
        self._lost = False
        self._folder = tempfile.TemporaryDirectory(prefix="factory-fork-", ignore_cleanup_errors=True)
        worker = Path(self._folder.name, WORKER.name)
        shutil.copyfile(WORKER, worker)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(worker), "fork", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._folder.name,
                env=dict(environment),
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End it; the workers that still run go on."""
        self._socket.close()
        self._process.wait()
        self._folder.cleanup()

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return not self._lost and self._process.poll() is None

    def tell(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a request that has no answer. Raises OSError, and ConnectionError if the server has died."""
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        except ConnectionError:
            self._lost = True
            raise

    def code(self, number: int) -> int | None:
        """The exit code of a worker that has ended."""
        with self._lock:
            try:
                self.tell({"code": number})
                answer = self._socket.recv(64)
            except OSError:
                answer = b""
        # Without a server nobody can tell; whatever ended it has most likely ended the worker as well.
        return json.loads(answer)["code"] if answer else -signal.SIGKILL


_starting = threading.Lock()
_started: list[_Server] = []


def _server(environment: Mapping[str, str]) -> _Server:
    """The server of this process; it is started by the first who needs it."""
    with _starting:
        if not _started or not _started[-1].lives:
            _started[:] = [_Server(environment)]
            atexit.register(_started[-1].close)
        return _started[-1]
