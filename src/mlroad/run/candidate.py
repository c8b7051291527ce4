"""A candidate: a run of a model's pipeline by `mlroad train`, with the model that it produced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from mlroad.core.digests import digest_of
from mlroad.core.files import read_json
from mlroad.core.problems import UserError
from mlroad.core.run_folders import all_runs, read_record
from mlroad.run.model_folder import ModelFolder, Stage

TRAIN = "train.json"
"""What `mlroad train` adds to a run: the stage, and where it ran."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of `mlroad train`."""

    model: ModelFolder
    folder: Path
    record: Mapping[str, Any]
    """run.json."""
    train: Mapping[str, Any]
    """train.json."""

    @property
    def run(self) -> str:
        """The run's id."""
        return self.folder.name

    @property
    def stage(self) -> Stage:
        """The data that it was trained on."""
        return cast("Stage", self.train["data"])

    @property
    def model_path(self) -> Path:
        """The MLflow model. It may be missing, which a gate reports."""
        return self.folder / "outputs" / "model"

    @property
    def onnx_path(self) -> Path | None:
        """The ONNX file, if the pipeline has an output ``onnx``."""
        path = self.folder / "outputs" / "onnx"
        return path if path.exists() else None

    @property
    def gate(self) -> Path:
        """The folder for the results of the gate, created on first use."""
        folder = self.folder / "gate"
        folder.mkdir(exist_ok=True)
        return folder

    def digest(self) -> str:
        """``sha256:…`` of the MLflow model. Raises OSError if it is missing."""
        return digest_of(self.model_path)


def find_candidate(model: ModelFolder, run: str | None = None) -> Candidate:
    """The candidate with that run id, or the newest finished one.

    Raises UserError if there is none, or it did not finish.
    """
    train = f"Create one with `mlroad train {model.name}`."
    if run is not None:
        folder = model.runs / run
        if not folder.is_dir() or "/" in run or run.startswith("."):
            raise UserError(f"There is no run {run} of {model.name}.", _known(model) or train)
        candidate = _read(model, folder)
        if candidate is None:
            raise UserError(f"{folder} is not a candidate: `mlroad train` did not create it.", train)
        if candidate.record.get("state") != "completed":
            raise UserError(f"{folder} did not finish: its state is {candidate.record.get('state')}.", train)
        return candidate
    for candidate in candidates(model):
        if candidate.record.get("state") == "completed":
            return candidate
    raise UserError(f"There is no finished candidate of {model.name} here.", train)


def candidates(model: ModelFolder) -> Iterator[Candidate]:
    """All candidates on this machine, newest first."""
    for folder in reversed(all_runs(model.runs)):
        if candidate := _read(model, folder):
            yield candidate


def _read(model: ModelFolder, folder: Path) -> Candidate | None:
    record, train = read_record(folder), read_json(folder / TRAIN)
    if record is None or train.get("data") not in ("dev", "prod"):
        return None
    return Candidate(model, folder, record, train) if _are_records(record, train) else None


def _are_records(record: Mapping[str, Any], train: Mapping[str, Any]) -> bool:
    """Whether they have the form that `mlroad train` writes. Another machine may hand over anything."""
    parts = [record.get(name) for name in ("git", "inputs", "outputs", "parameters", "steps")]
    parts += [train.get(name) for name in ("job", "packages")]
    if not all(part is None or isinstance(part, dict) for part in parts):
        return False
    steps = (record.get("steps") or {}).values()
    return all(isinstance(step, dict) and isinstance(step.get("inputs") or {}, dict) for step in steps)


def _known(model: ModelFolder) -> str:
    names = [f"{candidate.run} ({candidate.stage})" for candidate in islice(candidates(model), 3)]
    if not names:
        return ""
    return f"The newest are {', '.join(names)}; `mlroad runs {model.name}` lists all."
