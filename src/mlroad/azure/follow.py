"""What happens to a job: asked for, told as it changes, and cancelled when somebody here says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlroad.azure.errors import AzureError, plain_errors
from mlroad.azure.workspace import Workspace, connect

DONE = ("Completed", "Finished", "Failed", "Canceled")
SILENT = "NotResponding"
"""No end: a job can go on from it, when its compute is heard of again."""
_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 5.0, 30.0, 1.3
"""Seconds between two questions: short while things begin to happen, longer later."""
_PATIENCE = 20
"""How often in a row Azure may fail to answer before we give up: 10 minutes and more. The job goes on."""
_SILENT_ANSWERS = 30
"""How often in a row a job may be silent before we give up: 15 minutes."""
_LOST = (400, 403, 404)
"""Answers that asking again does not change."""
_WAIT_FOR_CANCEL = 60


class Stopped(KeyboardInterrupt):
    """A signal asked this program to end. No Exception, so that no client's `except` swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass
class Child:
    """A step of the job, as run history knows it."""

    run: str
    state: str


@dataclass
class Follower:
    """Asks for a job until it is done. ``changed`` is called after each answer that told something new."""

    workspace: Workspace
    job: str
    names: Mapping[str, str]
    """From the display name of a step, by which run history knows it, to its name."""
    tell: Callable[[str], None]
    changed: Callable[[], None]
    steps: dict[str, Child] = field(default_factory=dict)
    """By the step's name."""
    state: str = "NotStarted"

    def __post_init__(self) -> None:
        self._client = connect(self.workspace)
        self._started = time.monotonic()

    def until_done(self) -> str:
        """Follow it to its end; its last state, `SILENT` if its compute has not been heard of for long.

        Raises AzureError if Azure stays out of reach.
        """
        wait, failures, silent = _FIRST_WAIT, 0, 0
        while True:
            try:
                self.ask()
                failures = 0
            except AzureError as error:
                failures += 1
                self._again_or_raise(error, failures)
            silent = silent + 1 if self.state == SILENT else 0
            if self.state in DONE or silent > _SILENT_ANSWERS:
                return self.state
            time.sleep(seconds(wait))
            wait = min(wait * _GROWTH, _LONGEST_WAIT)

    def ask(self) -> None:
        """One question: the state of the job and of its steps. Raises AzureError."""
        with plain_errors(f"Asking for {self.job}", self.workspace):
            job = self._client.jobs.get(self.job)
            children = list(self._client.jobs.list(parent_job_name=self.job))
        new = False
        for child in children:
            shown = child.display_name or child.name
            name = self.names.get(shown, shown)
            if self.steps.get(name) != Child(child.name, child.status):
                self.steps[name] = Child(child.name, child.status)
                self.tell(f"{self._clock()}  {name}: {words(child.status)}")
                new = True
        # The steps are told before the job's end: children were asked for after the job.
        state = str(getattr(job.status, "value", job.status))
        if state != self.state:
            self.state = state
            self.tell(f"{self._clock()}  job: {words(state)}")
            new = True
        if new:
            self.changed()

    def details(self, step: str | None) -> Any | None:
        """Run history's details of a step, or the job (error, times, logs); None if it does not tell them.

        azure-ai-ml shows them by no public call: `jobs.get` of a child leaves the error out.
        """
        run = self.steps[step].run if step else self.job
        try:
            with plain_errors(f"Asking for {run}", self.workspace):
                return self._client.jobs._runs_operations.get_run_details(run)
        except (AzureError, AttributeError):
            return None

    def cancel(self) -> str:
        """Cancel the job, and wait for it a while; its state then, "" if Azure does not know the job.

        Raises AzureError if it cannot be cancelled.
        """
        if not self._ask_to_cancel():
            time.sleep(1)  # a submission may have been on its way when it was interrupted
            if not self._ask_to_cancel():
                return ""
        end = time.monotonic() + _WAIT_FOR_CANCEL
        while self.state not in DONE and time.monotonic() < end:
            time.sleep(seconds(2))
            self.ask()
        return self.state

    def _ask_to_cancel(self) -> bool:
        try:
            with plain_errors(f"Cancelling {self.job}", self.workspace):
                self._client.jobs.begin_cancel(self.job, polling=False)
        except AzureError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _again_or_raise(self, error: AzureError, failures: int) -> None:
        if error.status in _LOST or failures > _PATIENCE or (error.status == 401 and failures > 1):
            raise error
        if error.status == 401:
            # A token that Azure took back is in the client's cache as if it were good.
            self.tell("Azure did not accept the sign-in any more: signing in again")
            self._client = connect(self.workspace)
        elif failures == 1:
            self.tell(f"{error} The job goes on; trying again.")

    def _clock(self) -> str:
        passed = int(time.monotonic() - self._started)
        return f"{passed // 60:3d}:{passed % 60:02d}"


def words(state: str) -> str:
    """A state of Azure's as people say it: ``CancelRequested`` is "cancel requested"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip()


def seconds(wait: float) -> float:
    """``wait``, or what MLROAD_POLL_SECONDS says."""
    return float(os.environ.get("MLROAD_POLL_SECONDS") or wait)
