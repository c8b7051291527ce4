"""A finished run of a model's pipeline: where its MLflow model is, and which datasets it was trained on."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.core.repo import from_here, is_model
from mlroad.core.run_folders import all_runs, read_record, runs_of
from mlroad.core.text import quoted

OUTPUT = "model"


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run of a model's pipeline."""

    model: str
    folder: Path
    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def model_path(self) -> Path:
        """The MLflow model. It may be missing."""
        return self.folder / "outputs" / OUTPUT

    def datasets(self) -> dict[str, str]:
        """The dataset versions that the pipeline read, ``name:version``, with their digests."""
        return datasets_of(self.record)

    def model_digest(self) -> str:
        """``sha256:…`` of the MLflow model, empty if it is missing or cannot be read."""
        with contextlib.suppress(OSError):
            return digest_of(self.model_path) if self.model_path.is_dir() else ""
        return ""


def datasets_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The dataset versions that run.json names as inputs, ``name:version``, with their digests."""
    inputs = record.get("inputs")
    return {
        str(about["dataset"]): str(about.get("dataset_digest"))
        for about in (inputs.values() if isinstance(inputs, dict) else ())
        if isinstance(about, dict) and about.get("dataset")
    }


def find_run(model_folder: Path, run: str | None = None) -> Run:
    """The run of that id, or the newest that finished with a model, or else the newest that finished.

    Raises UserError if there is none.
    """
    if not is_model(model_folder):
        what = f"{model_folder} is not a model folder: it has neither pipeline.yml nor steps/."
        raise UserError(what, "Name a folder such as models/my_model.")
    name = model_folder.resolve().name
    make = f"Make one with `mlroad run {quoted(model_folder)}`."
    runs = from_here(runs_of(model_folder / "pipeline.yml"))
    if run is not None:
        folder = runs / run
        record = read_record(folder) if folder.parent == runs and not run.startswith(".") else None
        if record is None:
            known = [found.name for found in all_runs(runs)][-3:]
            raise UserError(
                f"There is no run {run} of {name}.", f"The newest are {', '.join(known)}." if known else make
            )
        if record.get("state") != "completed":
            raise UserError(f"The run {run} did not finish: it is {record.get('state')}.", make)
        return Run(name, folder, record)
    newest: Run | None = None
    for folder in reversed(all_runs(runs)):
        record = read_record(folder)
        if record and record.get("state") == "completed":
            finished = Run(name, folder, record)
            if finished.model_path.exists():
                return finished
            newest = newest or finished  # perhaps a run of some of the steps
    if newest is None:
        raise UserError(f"There is no finished run of {name} on this machine.", make)
    return newest
