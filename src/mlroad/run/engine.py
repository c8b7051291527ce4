"""Runs a plan: starts steps when those that they need have finished, and stops all of them when asked."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from queue import Empty, SimpleQueue

from mlroad.run.plan import PlannedStep
from mlroad.run.run_state import GOOD, Display, RunState, StateName
from mlroad.run.step_processes import StepProcesses

_CLEAN_UP = 10.0
"""Seconds that the threads of ended steps get to finish when the run ends."""
_STOP = 10.0
"""Seconds that stopped steps get to end."""
_LIMIT_SET = ""
"""An event that is not the name of a step: a step with a time limit has started."""

RunStep = Callable[[PlannedStep], Callable[[], None] | None]
"""Brings a step to its last state, and returns what is left to do afterwards (`StepRunner.run`)."""


class Interrupted(Exception):
    """A signal stopped the run; ``number`` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Engine:
    """The order of one run, with at most ``state.jobs`` steps at a time. Call ``run`` once."""

    def __init__(
        self,
        steps: Mapping[str, PlannedStep],
        state: RunState,
        display: Display,
        *,
        stop_on_failure: bool,
        save: Callable[[], None],
    ) -> None:
        """``save`` is called whenever a step has ended."""
        self._steps = steps
        self._state = state
        self._display = display
        self._stop_on_failure = stop_on_failure
        self._save = save
        self._events: SimpleQueue[str] = SimpleQueue()

    def limit_set(self) -> None:
        """Check the time limits again: a step with a limit has started."""
        self._events.put(_LIMIT_SET)

    def run(self, run_step: RunStep, processes: StepProcesses) -> StateName:
        """Run all steps. Raises Interrupted once everything has been stopped."""
        names = list(self._steps)
        number = {name: index for index, name in enumerate(names)}
        sorter = TopologicalSorter({name: step.needs for name, step in self._steps.items()})
        sorter.prepare()
        ready: list[int] = []  # the order of the plan decides between steps that are ready
        running = 0
        threads: list[threading.Thread] = []
        try:
            while True:
                for name in sorter.get_ready():
                    heappush(ready, number[name])
                while ready and running < self._state.jobs and not processes.stopping:
                    step = self._steps[names[heappop(ready)]]
                    thread = threading.Thread(
                        target=self._thread, args=(step, run_step, processes), daemon=True
                    )
                    running += 1
                    thread.start()
                    threads.append(thread)
                if not running:
                    break
                ended = self._next_ended(processes)
                if ended is None:
                    continue
                running -= 1
                state = self._state.steps[ended]
                self._display.step_ended(state)
                self._save()
                if state.state in GOOD:
                    sorter.done(ended)
                elif self._stop_on_failure:
                    processes.stop_all()
        except (KeyboardInterrupt, Interrupted) as stopped:
            processes.stop_all()
            self._wait_for(running)
            raise Interrupted(getattr(stopped, "number", signal.SIGINT)) from None
        finally:
            deadline = time.monotonic() + _CLEAN_UP
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            self._skip_the_rest()
        return "completed" if all(step.state in GOOD for step in self._state.steps.values()) else "failed"

    def _thread(self, step: PlannedStep, run_step: RunStep, processes: StepProcesses) -> None:
        rest: Callable[[], None] | None = None
        try:
            rest = run_step(step)
        finally:
            processes.ended(step.name)
            self._events.put(step.name)
        if rest:
            rest()

    def _next_ended(self, processes: StepProcesses) -> str | None:
        """The next step that has ended; None if time limits must be checked first."""
        first = processes.next_deadline()
        # On Windows, Ctrl-C cannot interrupt a long wait.
        wait = 3600.0 if os.name != "nt" else 0.2
        if first is not None:
            wait = max(0.0, min(wait, first - time.monotonic()))
        try:
            return self._events.get(timeout=wait) or None
        except Empty:
            processes.stop_late()
            return None

    def _wait_for(self, running: int) -> None:
        """Wait for the end of stopped steps."""
        deadline = time.monotonic() + _STOP
        while running and time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                if ended := self._events.get(timeout=0.2):
                    running -= 1
                    self._display.step_ended(self._state.steps[ended])

    def _skip_the_rest(self) -> None:
        for name, step in self._steps.items():
            state = self._state.steps[name]
            if state.state == "waiting":
                bad = [need for need in step.needs if self._state.steps[need].state not in GOOD]
                state.state = "skipped"
                state.reason = f"it needs {bad[0]}" if bad else "the run had stopped"
