"""The state of a run and its steps, and the interface of the displays."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

StateName = Literal[
    "waiting", "running", "completed", "reused", "failed", "timed out", "cancelled", "skipped"
]
GOOD: tuple[StateName, ...] = ("completed", "reused")


@dataclass(slots=True)
class StepState:
    """One step of a run. Times are in seconds since 1970, durations in seconds."""

    name: str
    log: Path
    state: StateName = "waiting"
    reason: str = ""
    """Why it was not reused, or why it failed or was skipped."""
    command: str = ""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    reused_from: str | None = None
    saved: float = 0.0
    """Duration of the run of the step whose outputs were reused."""
    tracked: str | None = None
    """The id of its MLflow run."""
    warnings: list[str] = field(default_factory=list)
    inputs: dict[str, dict[str, object]] = field(default_factory=dict)
    outputs: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it has run so far."""
        if self.started is None:
            return 0.0
        return (self.ended or time.time()) - self.started


@dataclass(slots=True)
class RunState:
    """A whole run."""

    id: str
    title: str
    folder: Path
    steps: dict[str, StepState]
    jobs: int = 0
    """How many steps may run at the same time; 0 if that is not known."""
    state: str = "running"
    exit_code: int | None = None
    started: float = field(default_factory=time.time)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long it has run so far."""
        return (self.ended or time.time()) - self.started


class Display(Protocol):
    """Shows a run. Called from several threads; every call returns quickly."""

    def begin(self, run: RunState) -> None:
        """The run starts."""

    def step_begins(self, step: StepState) -> None:
        """A step has started its process and writes to its log."""

    def step_ended(self, step: StepState) -> None:
        """A step has reached its last state; its log is complete."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def end(self, run: RunState) -> None:
        """The run is over: everything shown, then the summary."""
