"""The run on this machine that a job of Azure ML makes: its folder and its run.json."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mlroad.core.digests import digest_of
from mlroad.core.git import commit_state
from mlroad.core.run_folders import RunFolder
from mlroad.data.version import DatasetVersion
from mlroad.run.plan import Plan, Text
from mlroad.run.run_record import run_record, step_record
from mlroad.run.run_state import RunState, StateName, StepState

_STATES: dict[str, StateName] = {
    "Completed": "completed",
    "Finished": "completed",
    "Failed": "failed",
    "Canceled": "cancelled",
    "NotStarted": "waiting",
}
"""Azure ML's states to those of run.json. All others mean that the step has not ended."""


class JobRecord:
    """Writes the run.json of a job."""

    def __init__(
        self,
        folder: RunFolder,
        root: Path,
        plan: Plan,
        data: Mapping[str, DatasetVersion],
        environments: Mapping[str, str],
    ) -> None:
        """``data``: the dataset version of each input; ``environments``: the environment of each step."""
        self.folder = folder
        self.data = data
        self.git = commit_state(root)
        self.job: dict[str, str] = {}
        self._root = root
        self._plan = plan
        self._environments = environments
        self._outputs: dict[str, dict[str, str]] = {}
        self._run = RunState(folder.id, plan.job.file.parent.name, folder.path, {})
        for name in plan.job.steps:
            self.step(name)

    def step(self, name: str) -> StepState:
        log = self.folder.path / "logs" / f"{name}.txt"
        return self._run.steps.setdefault(name, StepState(name, log))

    def set_state(self, name: str, azure: str) -> None:
        """Set the state of a step from Azure ML's."""
        self.step(name).state = _STATES.get(azure, "running")

    def set_times(self, name: str, started: datetime | str | None, ended: datetime | str | None) -> None:
        """Set the times of a step."""
        self.step(name).started, self.step(name).ended = _seconds(started), _seconds(ended)

    def add_output(self, name: str, type_: str) -> None:
        """Add an output in the run's folder, with its digest. Raises OSError if it is missing."""
        digest = digest_of(self.folder.path / "outputs" / name)
        self._outputs[name] = {"path": f"outputs/{name}", "type": type_, "digest": digest}

    def write(self) -> None:
        """Replace run.json. Raises OSError."""
        run = self._run
        record = run_record(
            run,
            self._plan,
            self._root,
            experiment=self._plan.job.experiment_name or run.title,
            platform_name="Azure ML",
            git=self.git,
            inputs={
                name: {
                    "type": version.type,
                    "path": f"azureml:{version.id}",
                    "dataset": version.id,
                    "dataset_digest": version.digest,
                }
                for name, version in self.data.items()
            },
            outputs=self._outputs,
            steps={name: self._step(name, step) for name, step in run.steps.items()},
            job=self.job,
        )
        self.folder.write(record)

    def end(self, state: str, exit_code: int) -> None:
        """Write run.json for the last time, and release the folder."""
        self._run.state, self._run.exit_code, self._run.ended = state, exit_code, time.time()
        self.write()
        self.folder.close()

    def _step(self, name: str, step: StepState) -> dict[str, object]:
        planned = self._plan.steps.get(name)
        inputs = planned.inputs.items() if planned else ()
        return step_record(
            step,
            planned.needs if planned else (),
            {port: {"value": source.text} for port, source in inputs if isinstance(source, Text)},
            self._environments.get(name),
        )


def _seconds(value: datetime | str | None) -> float | None:
    """A time of run history in seconds since 1970."""
    if not value:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.timestamp()
