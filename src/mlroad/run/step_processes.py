"""The processes of the steps that are running, with their time limits."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mlroad.run.processes import Process, ProcessKeeper


class StepProcesses:
    """One process for each running step. Used by several threads."""

    def __init__(self, keeper: ProcessKeeper, limit_set: Callable[[], None]) -> None:
        """``limit_set`` is called when a step with a time limit has started."""
        self._keeper = keeper
        self._limit_set = limit_set
        self._running: dict[str, Process] = {}
        self._deadlines: dict[str, float] = {}
        self._timed_out: set[str] = set()
        self._lock = threading.Lock()
        self.stopping = False

    def start(
        self,
        step: str,
        command: str,
        folder: Path,
        variables: Mapping[str, str],
        log: Path,
        timeout: float | None,
    ) -> Process | None:
        """Start the command of a step; None if the run is being stopped. Raises OSError."""
        with self._lock:
            if self.stopping:
                return None
            process = self._keeper.start(command, folder, variables, log)
            self._running[step] = process
            if timeout:
                self._deadlines[step] = time.monotonic() + timeout
                self._limit_set()
        return process

    def ended(self, step: str) -> None:
        """Forget a step that has ended, or never started."""
        with self._lock:
            self._running.pop(step, None)
            self._deadlines.pop(step, None)

    def is_timed_out(self, step: str) -> bool:
        """Whether a step was stopped because it ran longer than its limit."""
        return step in self._timed_out

    def next_deadline(self) -> float | None:
        """The time (`time.monotonic`) at which the first limit of a running step ends."""
        with self._lock:
            return min(self._deadlines.values(), default=None)

    def stop_late(self) -> None:
        """Stop the steps whose limit has passed."""
        now = time.monotonic()
        with self._lock:
            for step in [step for step, deadline in self._deadlines.items() if deadline <= now]:
                del self._deadlines[step]
                self._timed_out.add(step)
                self._running[step].stop()

    def stop_all(self) -> None:
        """Stop all running steps, and start no others."""
        with self._lock:
            self.stopping = True
            for process in self._running.values():
                process.stop()
