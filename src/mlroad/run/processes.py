"""Steps as process trees that end as a whole: on success, failure, a timeout, Ctrl-C and `kill -9`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError

MARK = "MLROAD_STEP_OF"
"""Environment variable that every process of a run inherits: the run's id, a colon and the step's number."""

_GRACE_SECONDS = 2.0
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


def find_bash() -> str:
    """The bash that runs commands. Raises UserError where there is none."""
    if sys.platform != "win32":
        found = shutil.which("bash")
        if found:
            return found
        raise UserError("Azure ML runs commands by bash, and there is none here.", "Install bash.")
    # System32\bash.exe is the Linux subsystem, where neither paths nor Python are this machine's.
    git = shutil.which("git")
    roots = [Path(git).parents[1]] if git else []
    roots += [
        Path(os.environ[name]) / "Git" for name in ("ProgramFiles", "LocalAppData") if name in os.environ
    ]
    for root in roots:
        for place in ("bin/bash.exe", "usr/bin/bash.exe"):
            if (root / place).is_file():
                return str(root / place)
    raise UserError(
        "Azure ML runs commands by bash, and there is none here.", "Install Git for Windows; it has one."
    )


class Process:
    """A running step. ``wait`` blocks until it has ended and nothing of it is left."""

    def __init__(
        self, popen: subprocess.Popen[bytes], keeper: ProcessKeeper, mark: str, job: object = None
    ) -> None:
        self._popen = popen
        self._keeper = keeper
        self._mark = mark
        self._job = job

    def wait(self) -> int:
        """The exit code, as bash says it: 128 + the signal's number for a process that a signal ended."""
        pid = self._popen.pid
        if sys.platform == "win32":
            from mlroad.run.windows_jobs import end_job

            code = self._popen.wait()
            end_job(self._job)
            return code
        if hasattr(os, "waitid"):
            # Not buried yet, the number cannot belong to anybody else while its group is killed.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            _signal_group(pid, signal.SIGKILL)
        code = self._popen.wait()
        self._keeper.ended(pid, self._mark)
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Ask the whole tree to end, and kill what does not. Returns at once, ``wait`` when it is done."""
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        if sys.platform == "win32":
            from mlroad.run.windows_jobs import end_job

            end_job(self._job)
            return
        pid = self._popen.pid
        family = _descendants(pid, _processes())
        _signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._popen.returncode is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._popen.returncode is None:
            family += _descendants(pid, _processes())
            _signal_group(pid, signal.SIGKILL)
        # Where orphans are adopted, `ended` finds them; elsewhere this list is all there is.
        if sys.platform != "linux":
            for process in family:
                _signal(process, signal.SIGKILL)


class ProcessKeeper:
    """Starts the processes of one run and answers for their end. To be closed when the run is over."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._bash = find_bash()
        self._lock = threading.Lock()
        self._number = 0
        self._running: set[int] = set()
        self._kept: set[int] = set()
        self._watchdog: subprocess.Popen[bytes] | None = None
        if sys.platform != "win32":
            self._watchdog = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    str(Path(__file__).with_name("watchdog.py")),
                    f"{MARK}={run_id}:",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._kept.add(self._watchdog.pid)
        if sys.platform == "linux":
            _adopt_orphans()

    def start_helper(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process of the runner's own, which is left alone when steps end."""
        with self._lock:
            popen: subprocess.Popen[bytes] = subprocess.Popen(command, **options)
            self._kept.add(popen.pid)
            self._tell(f"!{popen.pid}")
        return popen

    def start(self, command: str, folder: Path, environment: Mapping[str, str], log: Path) -> Process:
        """Run ``command`` by bash with both outputs straight into ``log``. Raises OSError."""
        with log.open("ab") as out, self._lock:  # an ending step must not take a new one for an orphan
            self._number += 1
            mark = f"{self._run_id}:{self._number}"
            arguments, variables = [self._bash, "-c", command], {**environment, MARK: mark}
            if sys.platform == "win32":
                from mlroad.run.windows_jobs import start_in_job

                popen, job = start_in_job(arguments, folder, variables, out)
                return Process(popen, self, mark, job)
            popen = subprocess.Popen(
                arguments,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(popen.pid)
            self._tell(f"+{popen.pid}")
        return Process(popen, self, mark)

    def ended(self, pid: int, mark: str) -> None:
        """A step's first process has ended: nothing that it started may outlive it."""
        with self._lock:
            self._running.discard(pid)
            self._tell(f"-{pid}")
            if sys.platform == "linux":
                self._sweep(pid, mark)

    def close(self) -> None:
        """The run is over: nothing of it may be left."""
        if sys.platform == "linux":
            with self._lock:
                self._sweep(0, "")
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.close()
            self._watchdog.wait()

    def _tell(self, line: str) -> None:
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.write(line.encode() + b"\n")
                self._watchdog.stdin.flush()

    def _sweep(self, session: int, mark: str) -> None:
        """Kill and bury the orphans of an ended step, which have become children of the runner.

        An orphan tells whose it is by its session, or by its environment if it opened one of its own. One
        that has hidden both waits until no step runs.
        """
        me = os.getpid()
        children = _own_children()
        if children is not None and not children - self._running - self._kept:
            return
        for _ in range(500):
            processes = _processes()
            orphans = [pid for pid, (parent, _) in processes.items() if parent == me]
            mine = [
                pid
                for pid in orphans
                if pid not in self._running
                and pid not in self._kept
                and (not self._running or processes[pid][1] == session or _has_mark(pid, mark))
            ]
            for orphan in mine:
                for process in [*_descendants(orphan, processes), orphan]:
                    _signal(process, signal.SIGKILL)
            for orphan in mine:
                with contextlib.suppress(OSError):
                    os.waitpid(orphan, 0)
            if not mine:
                return


def _adopt_orphans() -> None:
    """Make the kernel hand processes whose parent has ended to this one, not to process 1."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _own_children() -> set[int] | None:
    """The child processes of this one, or None if this kernel does not list them."""
    found: set[int] = set()
    try:
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                found.update(map(int, (task / "children").read_bytes().split()))
    except OSError:
        return None
    return found


def _processes() -> dict[int, tuple[int, int]]:
    """All processes of the machine: number to parent and session (0 where it is not known)."""
    if sys.platform != "linux":
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
        pairs = (line.split() for line in listed.stdout.splitlines())
        return {int(pid): (int(parent), 0) for pid, parent in pairs}
    found: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                found[int(folder.name)] = (int(fields[1]), int(fields[3]))
    return found


def _descendants(pid: int, processes: Mapping[int, tuple[int, int]]) -> list[int]:
    """All processes below ``pid``, nearest first."""
    below: dict[int, list[int]] = {}
    for child, (parent, _) in processes.items():
        below.setdefault(parent, []).append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = below.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _has_mark(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, number)
