"""The MLflow runs of the steps."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from mlroad.run.mlflow_tracker import Tracker
from mlroad.run.mlflow_use import Use
from mlroad.run.run_state import StepState
from mlroad.run.tracking_address import file_store


class StepTracking:
    """Starts the tracker only if a step that uses MLflow may really run. Used by several threads."""

    def __init__(
        self,
        tracker: Tracker,
        uses: Mapping[str, Use],
        files: Mapping[str, Path],
        start: Callable[[], None],
    ) -> None:
        """``files``: the steps that log to a file store, each with its folder."""
        self._tracker = tracker
        self._uses = uses
        self._files = files
        self._start = start
        self._lock = threading.Lock()
        self._started = False
        self._reused_before: list[StepState] = []
        self._left = sum(use != "none" for use in uses.values())

    def begin_run(self) -> None:
        """A step is about to run: start the tracker, unless all steps that use MLflow have ended."""
        with self._lock:
            if not self._started and self._left:
                self._started = True
                self._start()
                for state in self._reused_before:
                    self._repeat(state)

    def begin_step(self, step: str) -> Mapping[str, str]:
        """Start the MLflow run of a step that uses MLflow. Returns the environment variables for the step."""
        use = self._uses[step]
        if use != "none":
            self._tracker.begin_step(step, {"mlroad.step": step})
        if step in self._files:
            return self._tracker.variables() | file_store(self._files[step])
        return self._tracker.step_variables(step) if use == "tracking" else self._tracker.variables()

    def run_of(self, step: str) -> str | None:
        """The id of the MLflow run of a step that has begun."""
        return self._tracker.step_run(step) if self._uses[step] != "none" else None

    def end_step(self, state: StepState) -> None:
        """A step has reached its last state."""
        with self._lock:
            self._left -= self._uses[state.name] != "none"
            if not self._started:
                self._reused_before += [state] if state.state == "reused" else []
                return
            if state.state == "reused":
                self._repeat(state)
                return
            status = {"completed": "FINISHED", "cancelled": "KILLED"}.get(state.state, "FAILED")
            values = {name: str(given["value"]) for name, given in state.inputs.items() if "value" in given}
            files = self._files.get(state.name)
            if files and files.is_dir():
                self._tracker.add_from_files(state.name, files)
            self._tracker.end_step(
                state.name, status, values, state.started or 0, {"mlroad.step": state.name}
            )

    def _repeat(self, state: StepState) -> None:
        if state.tracked:
            self._tracker.reused(state.name, state.tracked, {"mlroad.step": state.name})
