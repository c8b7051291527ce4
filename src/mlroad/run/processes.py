"""Steps as process trees that end as a whole: on success, failure, a timeout, Ctrl-C and `kill -9`.

psutil finds and kills the processes of a tree. This module adds what it lacks: a session for each step, which
ends background jobs in one call; on Linux the adoption of orphans (PR_SET_CHILD_SUBREAPER), without which a
daemon that left its session and cleared its environment could not be found; and a variable that every process
of a run inherits, which tells the orphans of parallel steps apart. psutil takes 15 ms to import, and most
runs neither stop a step nor leave an orphan, so the functions that need it import it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlroad.core.problems import UserError

if TYPE_CHECKING:
    import psutil
if sys.platform == "win32":
    from mlroad.run.windows_jobs import end_job, start_in_job

MARK = "MLROAD_STEP_OF"
"""Environment variable that every process of a run inherits: the run's id, a colon and the step's number."""

_GRACE_SECONDS = 2.0
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


def find_bash() -> str:
    """The path of the bash that runs commands. Raises UserError if there is none."""
    if sys.platform != "win32":
        found = shutil.which("bash")
        if found:
            return found
        raise UserError("Azure ML runs commands with bash, and bash was not found.", "Install bash.")
    # System32\\bash.exe starts the Linux subsystem, which has other paths and another Python.
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
        "Azure ML runs commands with bash, and bash was not found.",
        "Install Git for Windows, which includes bash.",
    )


class Process:
    """A running step. ``wait`` blocks until the step and everything that it started have ended."""

    def __init__(
        self, popen: subprocess.Popen[bytes], keeper: ProcessKeeper, mark: str, job: object = None
    ) -> None:
        self._popen = popen
        self._keeper = keeper
        self._mark = mark
        self._job = job

    def wait(self) -> int:
        """The exit code as bash reports it: 128 + the number of the signal that ended the process."""
        pid = self._popen.pid
        if sys.platform == "win32":
            code = self._popen.wait()
            end_job(self._job)
            return code
        if hasattr(os, "waitid"):
            # Until the process is reaped, its number cannot be used again while its group is killed.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            _signal_group(pid, signal.SIGKILL)
        code = self._popen.wait()
        self._keeper.ended(pid, self._mark)
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Ask the whole tree to end, then kill what is left. Returns at once; ``wait`` reports the end."""
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        if sys.platform == "win32":
            end_job(self._job)
            return
        pid = self._popen.pid
        family = _descendants(pid)
        _signal_group(pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._popen.returncode is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._popen.returncode is None:
            family += _descendants(pid)
            _signal_group(pid, signal.SIGKILL)
        _kill(family)


class ProcessKeeper:
    """Starts the processes of one run and makes sure that they end. Close it when the run is over."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._bash = find_bash()
        self._lock = threading.Lock()
        self._number = 0
        self._running: set[int] = set()
        self._helpers: set[int] = set()
        self._watchdog: subprocess.Popen[bytes] | None = None
        if sys.platform != "win32":
            watchdog = str(Path(__file__).with_name("watchdog.py"))
            self._watchdog = subprocess.Popen(
                # -S saves a third of its startup time, but hides psutil, so pass the folder.
                [sys.executable, "-I", "-S", watchdog, MARK, f"{run_id}:", _folder_of_psutil()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._helpers.add(self._watchdog.pid)
        if sys.platform == "linux":
            _adopt_orphans()

    def start_helper(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process of the runner itself, which keeps running when steps end."""
        with self._lock:
            popen: subprocess.Popen[bytes] = subprocess.Popen(command, **options)
            self._helpers.add(popen.pid)
            self._tell(f"!{popen.pid}")
        return popen

    def start(self, command: str, folder: Path, environment: Mapping[str, str], log: Path) -> Process:
        """Run ``command`` with bash, with both outputs written straight to ``log``. Raises OSError."""
        with log.open("ab") as out, self._lock:  # an ending step must not mistake a new process for an orphan
            self._number += 1
            mark = f"{self._run_id}:{self._number}"
            arguments, variables = [self._bash, "-c", command], {**environment, MARK: mark}
            if sys.platform == "win32":
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
        """The first process of a step has ended: end everything that it left running."""
        with self._lock:
            self._running.discard(pid)
            self._tell(f"-{pid}")
            if sys.platform == "linux":
                self._kill_orphans(pid, mark)

    def close(self) -> None:
        """The run is over: end everything that is left of it."""
        if sys.platform == "linux":
            with self._lock:
                self._kill_orphans(0, "")
                self._tell(".")  # spares the watchdog a search through all processes
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.close()
            self._watchdog.wait()

    def _tell(self, line: str) -> None:
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(OSError):
                self._watchdog.stdin.write(line.encode() + b"\n")
                self._watchdog.stdin.flush()

    def _kill_orphans(self, session: int, mark: str) -> None:
        """Kill and reap the orphans of an ended step, which have become children of the runner.

        An orphan belongs to the step if it is in the step's session, or has the step's mark in its
        environment. One without both is killed once no step is running.
        """
        for _ in range(500):
            pids = _children() - self._running - self._helpers
            if not pids:
                return
            import psutil

            orphans = []
            for pid in pids:
                with contextlib.suppress(psutil.Error, OSError):
                    if not self._running or os.getsid(pid) == session or _mark_of(pid) == mark:
                        orphans.append(psutil.Process(pid))
            if not orphans:
                return
            for orphan in orphans:
                _kill([*_descendants(orphan.pid), orphan])
            psutil.wait_procs(orphans)


def _folder_of_psutil() -> str:
    found = find_spec("psutil")
    return str(Path(found.origin).parents[1]) if found and found.origin else ""


def _adopt_orphans() -> None:
    """Make this process the parent of processes whose parent has ended, in place of process 1."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _children() -> set[int]:
    """The child processes of this one."""
    found: set[int] = set()
    try:
        # 0.03 ms, once for each step; psutil reads all processes of the machine, 1.3 ms for 84 of them.
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                found.update(map(int, (task / "children").read_bytes().split()))
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        import psutil

        return {child.pid for child in psutil.Process().children()}
    return found


def _descendants(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _mark_of(pid: int) -> str | None:
    import psutil

    return psutil.Process(pid).environ().get(MARK)


def _kill(processes: list[psutil.Process]) -> None:
    """Kill processes; psutil skips a number that another process has since been given."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, number)
