"""The model under test: the output `model` of a run, loaded by MLflow and asked by tensors."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.core.repo import is_model
from mlroad.core.run_folders import all_runs, read_record, runs_of
from mlroad.models.tensors import Tensor, answer_tensors, frame_of

OUTPUT = "model"
_DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
"""The column types of an MLflow signature that have a datatype. datetime and binary have none."""


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
        inputs = [about for about in self.record.get("inputs", {}).values() if isinstance(about, dict)]
        return {
            str(about["dataset"]): str(about.get("dataset_digest"))
            for about in inputs
            if about.get("dataset")
        }

    def model_digest(self) -> str:
        """``sha256:…`` of the MLflow model, empty if it is missing or cannot be read."""
        with contextlib.suppress(OSError):
            return digest_of(self.model_path) if self.model_path.is_dir() else ""
        return ""


def find_run(model_folder: Path, run: str | None = None) -> Run:
    """The run of that id, or the newest of the model that finished. Raises UserError if there is none."""
    if not is_model(model_folder):
        what = f"{model_folder} is no model folder: it holds neither pipeline.yml nor steps/."
        raise UserError(what, "Name a folder such as models/my_model.")
    name = model_folder.resolve().name
    make = f"Make one with `mlroad run {model_folder.as_posix()}`."
    runs = _shown(runs_of(model_folder / "pipeline.yml"))
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
    for folder in reversed(all_runs(runs)):
        record = read_record(folder)
        if record and record.get("state") == "completed":
            return Run(name, folder, record)
    raise UserError(f"There is no finished run of {name} here.", make)


def _shown(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


class EndedError(Exception):
    """The model's code wanted to end the program, which must not look like the end of a test."""


class Subject:
    """A loaded model. Loading and asking leave nothing in its folder and nothing on standard output."""

    def __init__(self, path: Path) -> None:
        """Load it. Raises whatever the model's own code raises, FileNotFoundError if there is none."""
        if not (path / "MLmodel").is_file():
            raise FileNotFoundError(f"there is no MLflow model at {path.as_posix()}")
        with quiet():
            import mlflow.pyfunc

            self._model = mlflow.pyfunc.load_model(str(path))
        signature = self._model.metadata.signature
        self.columns = _columns(signature)
        """Name, datatype ("" if there is none) and whether it must be there; empty without a signature."""
        self._output = _output_name(signature)

    def answer(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """What the model answers. Raises TensorError, and whatever the model raises where it refuses."""
        return self.timed(inputs)[0]

    def timed(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], float]:
        """The answer, and the milliseconds that the model itself took, without reading the tensors."""
        with quiet():
            frame = frame_of(inputs)
            started = time.perf_counter()
            answer = self._model.predict(frame)
            took = 1000 * (time.perf_counter() - started)
            return answer_tensors(answer, self._output), took


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column that the model reads."""

    name: str
    type: str
    datatype: str
    required: bool


def _columns(signature: Any) -> list[ColumnSpec]:
    if signature is None or signature.inputs is None:
        return []
    found: list[ColumnSpec] = []
    for column in signature.inputs.inputs:
        kind = getattr(column.type, "name", str(column.type))
        found.append(
            ColumnSpec(
                str(column.name or ""), str(kind), _DATATYPES.get(kind, ""), getattr(column, "required", True)
            )
        )
    return found


def _output_name(signature: Any) -> str:
    outputs = signature.outputs.inputs if signature is not None and signature.outputs else []
    return str(outputs[0].name) if len(outputs) == 1 and outputs[0].name else "prediction"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Neither MLflow's advice nor what a model prints on standard output, and no .pyc beside its code."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "mlflow.models.utils", "mlflow.pyfunc")]
    levels = [logger.level for logger in loggers]
    compiled = sys.dont_write_bytecode
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    sys.dont_write_bytecode = True
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    except SystemExit as error:
        raise EndedError(f"its code called sys.exit({error.code})") from error
    finally:
        sys.dont_write_bytecode = compiled
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def reason_of(error: BaseException) -> str:
    """What a model's exception says, on one line, short; MLflow's printed tables are left out."""
    text = " ".join(str(error).split())
    if "Error: " in text and text.startswith("Failed to enforce schema"):
        text = text.partition("Error: ")[2]
    text = text.rstrip(".")
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= 240 else f"{text[:237]}…"
