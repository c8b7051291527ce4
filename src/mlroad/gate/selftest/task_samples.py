"""The tiny sample's rows for each task: the target, what belongs to it, a good model's answers, and gates.

Every target follows from the same signal with noise. So one model that knows the signal is good at all tasks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlroad.gate.selftest.planted_models import Answers, Floats
from mlroad.models.metric_names import Task

_NOISE = 1.0


@dataclass(frozen=True, slots=True)
class TaskSample:
    """The columns beside the features, [rows] each; a good model's answers; and what gates.yml says."""

    columns: Mapping[str, Any]
    answers: Answers
    metrics: Mapping[str, Mapping[str, float]]
    keys: Mapping[str, Any] = field(default_factory=dict)

    def gates(self, task: Task) -> dict[str, Any]:
        """The content of gates.yml."""
        deciding = next(iter(self.metrics))
        target = self.keys.get("target", "y")
        limits = self.metrics[deciding]
        return {
            "task": task, "holdout": "azureml:tiny_holdout:1", "target": target, "champion": "optional",
            "decide_by": deciding, "metrics": dict(self.metrics),
            "slices": [{"column": "group", "metric": deciding, "limit": limits["limit"]}],
            "bootstrap": {"resamples": 500}, **self.keys,
        }  # fmt: skip


def _unit(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))


def _binary(signal: Floats, noise: Floats) -> TaskSample:
    truth = np.where(signal + noise > 0, "yes", "no")
    metrics = {"roc_auc": {"limit": 0.8, "max_regression": 0.02}, "f1": {"limit": 0.6}}
    return TaskSample({"y": truth}, _unit(1.7 * signal), metrics, {"classes": ["no", "yes"]})


def _multiclass(signal: Floats, noise: Floats) -> TaskSample:
    names = np.array(["low", "middle", "high"])
    edges = np.array([-1.3, 1.3])
    above = _unit(1.7 * (signal[:, None] - edges))  # the chances that it is above each edge
    chances = np.column_stack([1 - above[:, 0], above[:, 0] - above[:, 1], above[:, 1]])
    metrics = {"f1_macro": {"limit": 0.5, "max_regression": 0.02}, "log_loss": {"limit": 0.9}}
    truth = names[((signal + noise)[:, None] > edges).sum(axis=1)]
    return TaskSample({"y": truth}, chances, metrics, {"classes": names.tolist()})


def _multilabel(signal: Floats, noise: Floats) -> TaskSample:
    edges = {"warm": -1.0, "hot": 1.5}
    columns = {name: (signal + noise > edge).astype(int) for name, edge in edges.items()}
    chances = np.column_stack([_unit(1.7 * (signal - edge)) for edge in edges.values()])
    metrics = {"f1_macro": {"limit": 0.6, "max_regression": 0.02}, "roc_auc_macro": {"limit": 0.8}}
    return TaskSample(columns, chances, metrics, {"target": list(edges)})


def _forecast(signal: Floats, noise: Floats) -> TaskSample:
    columns = {"y": (signal + noise).round(3), "day": np.arange(len(signal))}
    metrics = {"mase": {"limit": 0.5, "max_regression": 0.03}, "mae": {"limit": 1.2}}
    return TaskSample(columns, signal, metrics, {"time": "day"})


def _ranking(signal: Floats, noise: Floats) -> TaskSample:
    columns = {"y": np.clip(np.round(signal + noise), 0, 3).astype(int), "query": np.arange(len(signal)) // 6}
    metrics = {"ndcg@5": {"limit": 0.75, "max_regression": 0.02}, "map": {"limit": 0.6}}
    return TaskSample(columns, signal, metrics, {"query": "query"})


def _text(signal: Floats, noise: Floats) -> TaskSample:
    def words(values: Floats) -> Answers:
        size = np.clip(np.round(np.abs(values)), 0, 4).astype(int)
        sides = np.where(values > 0, "over", "under")
        return np.array([f"{side} by {count}" for side, count in zip(sides, size, strict=True)], dtype=object)

    metrics = {"token_f1": {"limit": 0.7, "max_regression": 0.02}, "exact_match": {"limit": 0.2}}
    return TaskSample({"y": words(signal + noise)}, words(signal), metrics)


_SAMPLES: Mapping[str, Callable[[Floats, Floats], TaskSample]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "forecast": _forecast,
    "ranking": _ranking,
    "text": _text,
}


def sample_of(task: Task, features: Floats) -> TaskSample:
    """The sample of a task for these features [rows, 3], other than regression."""
    signal = features @ np.array([1.0, 1.5, -2.0]) - 1.5
    noise = np.random.default_rng(8).normal(0, _NOISE, len(features))
    return _SAMPLES[task](signal, noise)
