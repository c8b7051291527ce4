"""Following a job: its state is polled, changes are printed, and it can be cancelled."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlroad.azure.client import connect
from mlroad.azure.errors import AzureError, plain_errors
from mlroad.azure.workspace import Workspace

DONE = ("Completed", "Finished", "Failed", "Canceled")
SILENT = "NotResponding"
"""Not a final state: a job goes on when its compute responds again."""
_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 5.0, 30.0, 1.3
"""Seconds between two requests: short at first, longer later."""
_PATIENCE = 20
"""Failed requests in a row after which following ends: more than 10 minutes. The job goes on."""
_SILENT_ANSWERS = 30
"""Answers in a row without a response of the compute after which following ends: 15 minutes."""
_LOST = (400, 403, 404)
"""HTTP statuses for which a new request does not help."""
_WAIT_FOR_CANCEL = 60


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end. Not an Exception, so that no `except` of a client swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass
class StepRun:
    """A step of the job, as run history knows it."""

    run: str
    state: str


@dataclass
class JobFollower:
    """Polls a job until it has ended. ``changed`` is called after each answer with a new state."""

    workspace: Workspace
    job: str
    names: Mapping[str, str]
    """Display name of a step, which run history has, to its name."""
    tell: Callable[[str], None]
    changed: Callable[[], None]
    steps: dict[str, StepRun] = field(default_factory=dict)
    """By the step's name."""
    state: str = "NotStarted"

    def __post_init__(self) -> None:
        self._client = connect(self.workspace)
        self._started = time.monotonic()

    def until_done(self) -> str:
        """Follow the job to its end. Returns its last state, or `SILENT` if its compute stopped responding.

        Raises AzureError if Azure can no longer be reached.
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
        """Request the state of the job and of its steps once. Raises AzureError."""
        with plain_errors(f"Asking for {self.job}", self.workspace):
            job = self._client.jobs.get(self.job)
            children = list(self._client.jobs.list(parent_job_name=self.job))
        new = False
        for child in children:
            shown = child.display_name or child.name
            name = self.names.get(shown, shown)
            if self.steps.get(name) != StepRun(child.name, child.status):
                self.steps[name] = StepRun(child.name, child.status)
                self.tell(f"{self._clock()}  {name}: {in_words(child.status)}")
                new = True
        # The job was requested before its steps, so print the end of the job after that of the steps.
        state = str(getattr(job.status, "value", job.status))
        if state != self.state:
            self.state = state
            self.tell(f"{self._clock()}  job: {in_words(state)}")
            new = True
        if new:
            self.changed()

    def details(self, step: str | None) -> Any | None:
        """The details (error, times, logs) of a step or the job in run history; None if there are none.

        azure-ai-ml has no public call for them: `jobs.get` of a child leaves out the error.
        """
        run = self.steps[step].run if step else self.job
        try:
            with plain_errors(f"Asking for {run}", self.workspace):
                return self._client.jobs._runs_operations.get_run_details(run)
        except (AzureError, AttributeError):
            return None

    def cancel(self) -> str:
        """Cancel the job and wait for a while. Returns its state, "" if Azure does not know the job.

        Raises AzureError if it cannot be cancelled.
        """
        if not self._ask_to_cancel():
            time.sleep(1)  # the submission may not have arrived yet when it was interrupted
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
            # The client caches the token, even after Azure has revoked it.
            self.tell("Azure no longer accepts the sign-in: signing in again")
            self._client = connect(self.workspace)
        elif failures == 1:
            self.tell(f"{error} The job goes on; trying again.")

    def _clock(self) -> str:
        passed = int(time.monotonic() - self._started)
        return f"{passed // 60:3d}:{passed % 60:02d}"


def in_words(state: str) -> str:
    """A state of Azure ML in words: ``CancelRequested`` is "cancel requested"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in state).strip()


def seconds(wait: float) -> float:
    """``wait``, or the value of MLROAD_POLL_SECONDS."""
    return float(os.environ.get("MLROAD_POLL_SECONDS") or wait)
