"""The metrics by name: their better direction, and what they need from a model. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Task = Literal["regression", "classification"]
Direction = Literal["lower", "higher"]
Needs = Literal["value", "probability", "label"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. ``needs`` is what a prediction must be: a value, the probability of class 1, or a label."""

    task: Task
    direction: Direction
    needs: Needs

    @property
    def sign(self) -> int:
        """+1 if a higher value is better, otherwise -1."""
        return 1 if self.direction == "higher" else -1


METRICS: dict[str, Metric] = {
    "mae": Metric("regression", "lower", "value"),
    "rmse": Metric("regression", "lower", "value"),
    "r2": Metric("regression", "higher", "value"),
    "roc_auc": Metric("classification", "higher", "probability"),
    "log_loss": Metric("classification", "lower", "probability"),
    "brier": Metric("classification", "lower", "probability"),
    "accuracy": Metric("classification", "higher", "label"),
    "f1": Metric("classification", "higher", "label"),
    "precision": Metric("classification", "higher", "label"),
    "recall": Metric("classification", "higher", "label"),
}


def shown(word: object, champion: object) -> str:
    """A verdict's word for people: a better candidate without a champion is the first one."""
    return "first" if word == "better" and not champion else str(word)


def of_task(task: Task) -> tuple[str, ...]:
    """The names of a task's metrics."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)
