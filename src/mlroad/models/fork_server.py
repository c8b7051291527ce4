"""Processes for models by fork, on Linux: the libraries of all workers (model_worker.py) are imported once.

Importing MLflow takes longer than most models take to answer. A gate uses up to three models, a self-test
about twenty. So one process imports MLflow, and scikit-learn for its models, and forks a worker for each
model. (The start method ``forkserver`` of Python's `multiprocessing` does the same, but exposes the gate's
own environment and paths to the models.) Fork is not safe on macOS and missing on Windows: there, each worker
is a new process.
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

from mlroad.models.worker_variables import worker_variables

FORKS = sys.platform == "linux"
"""Whether this system can fork safely."""
WORKER = Path(__file__).with_name("model_worker.py")
_PAUSE = 0.005
"""Seconds between two checks whether a process has ended."""


class Forked:
    """A worker forked by the server, with the methods of `subprocess.Popen` that are needed."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        errors: BinaryIO,
        *,
        apart: bool = False,
    ) -> None:
        """Start it in ``folder``; what it prints besides answers goes to ``errors``. Raises OSError.

        ``apart``: from a second server, which has its own seed of hashes.
        """
        self._apart = apart
        theirs_in, mine_in = os.pipe()
        mine_out, theirs_out = os.pipe()
        self.stdin = os.fdopen(mine_in, "w", encoding="utf-8")
        self.stdout = os.fdopen(mine_out, encoding="utf-8", errors="replace")
        about = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        try:
            self._start(about, [theirs_in, theirs_out, errors.fileno()])
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def _start(self, about: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Ask the server, or a new one if it has just died."""
        for last in (False, True):
            self._server = _server(self._apart)
            self._number = next(self._server.numbers)
            try:
                self._server.tell({"start": self._number, **about}, descriptors)
                return
            except ConnectionError:
                if last:
                    raise

    def kill(self) -> None:
        """Kill it if it still runs, with the processes that it started."""
        with contextlib.suppress(OSError):
            self._server.tell({"kill": self._number})

    def pid(self) -> int:
        """The process of the worker's supervisor; 0 if it has ended."""
        return self._server.ask({"pid": self._number}, 0) or 0

    def wait(self) -> int:
        """Wait for its end; its exit code, or the negative number of the signal that killed it."""
        # Whatever killed the server has most likely killed the worker, too.
        while (code := self._server.ask({"code": self._number}, -signal.SIGKILL)) is None:
            time.sleep(_PAUSE)
        return code


class _Server:
    """This side of the process that forks. It ends with this process, because its socket is closed then."""

    def __init__(self, apart: bool) -> None:
        self.numbers = itertools.count()
        self._lock = threading.Lock()
        self._lost = False
        self._folder = tempfile.TemporaryDirectory(prefix="mlroad-fork-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        worker = folder / WORKER.name
        shutil.copyfile(WORKER, worker)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(worker), "fork", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                # Those of each worker are set when it is forked; the libraries read these.
                env=worker_variables(folder, folder) | ({"PYTHONHASHSEED": "random"} if apart else {}),
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End it, and workers that still run."""
        self._socket.close()
        self._process.kill()  # it may still import libraries
        self._process.wait()
        self._folder.cleanup()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return not self._lost and self._process.poll() is None

    def tell(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a request that has no answer. Raises OSError, and ConnectionError if the server has died."""
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        except ConnectionError:
            self._lost = True
            raise

    def ask(self, request: Mapping[str, int], lost: int) -> int | None:
        """The ``code`` of a worker that has ended, or its ``pid``; None if there is none.

        ``lost``: the answer if the server has died.
        """
        with self._lock:
            try:
                self.tell(request)
                answer = self._socket.recv(64)
            except OSError:
                answer = b""
        return json.loads(answer)["value"] if answer else lost


_starting = threading.Lock()
_started: dict[bool, _Server] = {}


def start_server() -> None:
    """Let the server import the libraries while this process still does other things."""
    if FORKS:
        _server(apart=False)


def _server(apart: bool) -> _Server:
    """The server of this process, or the one ``apart`` from it, started when it is first needed."""
    with _starting:
        if apart not in _started or not _started[apart].is_alive:
            _started[apart] = _Server(apart)
            atexit.register(_started[apart].close)
        return _started[apart]
