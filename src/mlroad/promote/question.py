"""The task of a model and what it predicts, found from its metrics, its inference tests and its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mlroad.core.problems import UserError
from mlroad.gate.split_for_task import CLASSES
from mlroad.gate.tasks.many_classes import MOST
from mlroad.gate.tasks.task import class_name
from mlroad.models.cases import Case, read_cases
from mlroad.models.metric_names import TASKS, Task, metric_of
from mlroad.models.suite import CASES, FOLDER
from mlroad.models.tensors import Tensor
from mlroad.pipeline.loader import Loader
from mlroad.pipeline.model import DataAsset, Literally, PipelineJob
from mlroad.pipeline.repo_index import RepoIndex

_MOST_CLASSES = 50
_LABELS = ("BYTES", "BOOL", "INT32", "INT64")


@dataclass(frozen=True, slots=True)
class Question:
    """The task, and the columns to predict."""

    task: Task
    targets: Sequence[str]
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of gates.yml, such as ``time``."""
    by_labels: bool = False
    """Whether the model's outputs are labels, which have no probabilities."""

    def metrics(self, recorded: Iterable[str]) -> list[str]:
        """Those of the metrics that the gate can measure."""
        return [name for name in recorded if self._measures(name)]

    def _measures(self, name: str) -> bool:
        metric = metric_of(name, self.task)
        if metric is None or metric.needs == "quantiles":
            return False
        return not self.by_labels or metric.needs not in ("probability", "score")

    @property
    def columns(self) -> dict[str, str]:
        """Which columns are the target, the time and the query."""
        return {
            "target": self.targets[0],
            **{it: self.more[it] for it in ("time", "query") if it in self.more},
        }


def pipeline_of(folder: Path) -> PipelineJob:
    """The pipeline of a model. Raises UserError if it cannot be read."""
    loaded = Loader(RepoIndex(folder)).pipeline(folder / "pipeline.yml")
    if loaded.job is None or loaded.errors:
        raise UserError(loaded.problems)
    return loaded.job


def dataset_inputs(job: PipelineJob) -> dict[str, str]:
    """The data inputs that are dataset versions, as ``name:version``."""
    return {key: f"{it.name}:{it.version}" for key, it in job.values.items() if isinstance(it, DataAsset)}


def question_of(
    folder: Path, rows: pd.DataFrame | None, target: str, recorded: Iterable[str]
) -> Question | None:
    """The task and the target; None if nothing shows them. ``rows``: the training data."""
    job = pipeline_of(folder)
    settings = {key: it.text for key, it in job.values.items() if isinstance(it, Literally)}
    golden = _golden(folder)
    if "labels" in settings and not target:
        return Question("multilabel", settings["labels"].split(","))
    column = target or settings.get("target", "") or _column_not_in_requests(rows, golden)
    output = golden[0].expected[0] if golden else None
    task = _task(column, rows, settings, list(recorded), output)
    if not column or task is None:
        return None
    more: dict[str, Any] = {key: settings[key] for key in ("query", "time") if key in settings}
    if task == "forecast" and settings.get("season", "").isdecimal():
        more["season"] = int(settings["season"])
    if task in CLASSES and rows is not None and column in rows.columns:
        more["classes"] = sorted(map(class_name, rows[column].dropna().unique()))
    by_labels = task in CLASSES and output is not None and output.datatype in _LABELS
    return Question(task, (column,), more, by_labels)


def _golden(folder: Path) -> list[Case]:
    cases, problems = read_cases(folder / FOLDER / CASES)
    if problems:
        raise UserError(problems)
    return [case for case in cases if case.kind == "golden"]


def _column_not_in_requests(rows: pd.DataFrame | None, golden: Sequence[Case]) -> str:
    """The only column of the data that no request has."""
    if rows is None:
        return ""
    asked = {tensor.name for case in golden for tensor in case.inputs}
    left = [str(name) for name in rows.columns if name not in asked]
    return left[0] if len(left) == 1 else ""


def _task(
    column: str,
    rows: pd.DataFrame | None,
    settings: Mapping[str, str],
    recorded: Sequence[str],
    output: Tensor | None,
) -> Task | None:
    """The task that the inputs of the pipeline name, or else the one with most of the recorded metrics."""
    if "query" in settings:
        return "ranking"
    if {"time", "horizon"} <= settings.keys():
        return "forecast"
    is_known = rows is not None and column in rows.columns
    possible = _tasks_of_values(rows[column]) if rows is not None and is_known else TASKS
    possible = [task for task in possible if output is None or _can_answer(task, output)] or possible
    counts = {task: sum(metric_of(name, task) is not None for name in recorded) for task in possible}
    best = max(possible, key=lambda task: counts[task])
    return best if counts[best] or is_known else None


def _tasks_of_values(values: pd.Series[Any]) -> Sequence[Task]:
    """The tasks that can have this target, the likeliest first.

    Numbers with a fraction, or many different ones, are a regression's; a few values are classes.
    """
    distinct = values.nunique()
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    other: Task = "regression" if is_number else "text"
    if distinct > MOST or (is_number and not (values.dropna() % 1 == 0).all()):
        return [other]
    classes: Task = "binary" if distinct <= 2 else "multiclass"
    few = _MOST_CLASSES / 2 if is_number else _MOST_CLASSES
    return [classes, other] if distinct <= few else [other, classes]


def _can_answer(task: Task, output: Tensor) -> bool:
    """Whether a golden answer has the form of the task's answers."""
    if task == "text":
        return output.family == "text"
    if task == "regression":
        return output.family not in ("text", "boolean")
    if task == "multiclass" and output.family == "number":  # the probabilities of its classes
        return len(output.shape) > 1 and output.shape[-1] > 1
    return True
