"""run.json of a run that Azure made: as mlroad's runner writes it, so that everything else reads both."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mlroad import __version__
from mlroad.core.digests import digest_of
from mlroad.core.git import commit_state
from mlroad.core.run_folders import RunFolder
from mlroad.data.version import DatasetVersion
from mlroad.run.plan import Plan, Text

_STATES = {
    "Completed": "completed",
    "Finished": "completed",
    "Failed": "failed",
    "Canceled": "cancelled",
    "NotStarted": "waiting",
}
"""Azure's states in the runner's words; whatever else there is, is on its way to one of them."""


def state_of(azure: str) -> str:
    """A state of Azure's in the runner's words."""
    return _STATES.get(azure, "running")


@dataclass
class Step:
    """What is known of one step."""

    state: str = "waiting"
    started: str | None = None
    ended: str | None = None
    reason: str | None = None


@dataclass
class Record:
    """The run, and its folder."""

    folder: RunFolder
    root: Path
    plan: Plan
    data: Mapping[str, DatasetVersion]
    """By input."""
    job: dict[str, str] = field(default_factory=dict)
    state: str = "running"
    exit_code: int | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    ended: float | None = None

    def __post_init__(self) -> None:
        self.steps |= {name: Step() for name in self.plan.job.steps}
        self.git = commit_state(self.root)

    def write(self) -> None:
        """Replace run.json. Raises OSError."""
        self.folder.write(self._content())

    def end(self, state: str, exit_code: int) -> None:
        """Write it for the last time, and release the folder."""
        self.state, self.exit_code, self.ended = state, exit_code, time.time()
        self.write()
        self.folder.close()

    def add_output(self, name: str, type_: str) -> None:
        """Note an output that lies in the folder now, with its digest. Raises OSError if it does not."""
        digest = digest_of(self.folder.path / "outputs" / name)
        self.outputs[name] = {"path": f"outputs/{name}", "type": type_, "digest": digest}

    def parameters(self) -> dict[str, str]:
        """The literal inputs of the pipeline."""
        return {name: source.text for name, source in self.plan.inputs.items() if isinstance(source, Text)}

    def _content(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "id": self.folder.id,
            "state": self.state,
            "exit_code": self.exit_code,
            "pipeline": self.plan.job.file.resolve().relative_to(self.root.resolve()).as_posix(),
            "experiment": self.plan.job.experiment_name,
            "started": _iso(self.started),
            "ended": _iso(self.ended),
            "seconds": round((self.ended or time.time()) - self.started, 3),
            "git": self.git,
            "mlroad": __version__,
            "python": platform.python_version(),
            "platform": "Azure ML",
            "arguments": sys.argv[1:],
            "parameters": self.parameters(),
            "inputs": {
                name: {
                    "type": version.type,
                    "path": f"azureml:{version.id}",
                    "dataset": version.id,
                    "dataset_digest": version.digest,
                }
                for name, version in self.data.items()
            },
            "outputs": self.outputs,
            "mlflow": None,
            "job": self.job,
            "steps": {name: self._step(name, step) for name, step in self.steps.items()},
        }

    def _step(self, name: str, step: Step) -> dict[str, Any]:
        log = self.folder.path / "logs" / f"{name}.txt"
        planned = self.plan.steps.get(name)
        return {
            "state": step.state,
            "reason": step.reason,
            "reused_from": None,
            "saved_seconds": None,
            "needs": list(planned.needs) if planned else [],
            "started": step.started,
            "ended": step.ended,
            "seconds": _between(step.started, step.ended),
            "exit_code": None,
            "command": None,
            "log": f"logs/{name}.txt" if log.exists() else None,
            "environment": self.environments.get(name),
            "inputs": {
                port: {"value": source.text}
                for port, source in (planned.inputs.items() if planned else ())
                if isinstance(source, Text)
            },
            "outputs": {},
            "warnings": [],
            "mlflow_run_id": None,
        }


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def _between(started: str | None, ended: str | None) -> float:
    if not started or not ended:
        return 0.0
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds(), 3)
