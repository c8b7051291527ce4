"""A run that `mlroad sweep` started: it prints events as JSON lines, and ends when the sweep ends."""

import contextlib
import json
import os
import signal
import threading

from mlroad.run.run_state import RunState, StepState


class EventDisplay:
    """Shows nothing to people. Standard input is open as long as the sweep runs, even if it is killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        threading.Thread(target=self._end_with_the_sweep, daemon=True).start()

    def begin(self, run: RunState) -> None:
        self._print(run=run.id)

    def step_begins(self, step: StepState) -> None:
        pass

    def step_ended(self, step: StepState) -> None:
        self._print(step=step.name, state=step.state)

    def note(self, text: str) -> None:
        self._print(note=text)

    def end(self, run: RunState) -> None:
        self._print(state=run.state)

    def _print(self, **event: str) -> None:
        with self._lock, contextlib.suppress(OSError):
            print(json.dumps(event), flush=True)

    def _end_with_the_sweep(self) -> None:
        while os.read(0, 1):  # not by sys.stdin, whose lock would stop Python from exiting
            pass
        os.kill(os.getpid(), signal.SIGTERM)
