"""The text of a drafted gates.yml, with limits from a trained model's figures, or from a guess.

A limit from figures is the worse end of the figure's interval. A limit from a guess is the figure of a model
that gives the same answer to each row: the least that a candidate must reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlroad.models.metric_names import metric_of
from mlroad.steps.components import scalar

SLICE_ROWS = 20
_SLICE_VALUES = 6
_SHARE, _MARGIN = 0.02, 0.05
"""The margin of a guess: of metrics from 0 to 1, and of others as a part of their value."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value, and how far it may be off: half the width of its interval."""

    value: float
    margin: float


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What a draft of gates.yml says."""

    task: str
    target: str
    holdout: str
    """``churn_holdout:1``."""
    figures: Mapping[str, Figure]
    """By metric; the first one decides."""
    is_guess: bool = True
    """Whether the figures are those of a guess, not of a trained model."""
    slice_by: str = ""
    """A column with a few values."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys, such as ``horizon``."""


def figures_of(verdict: Mapping[str, Any]) -> dict[str, Figure]:
    """The candidate's figures in the verdict of a gate."""
    found = {}
    for name, its in verdict["metrics"].items():
        if its["candidate"] is not None and its["candidate_interval"]:
            low, high = its["candidate_interval"]
            found[name] = Figure(its["candidate"], (high - low) / 2)
    return found


def guess_figures(task: str, target: pd.Series[Any]) -> dict[str, Figure]:
    """The figures of a model that gives the same answer to each row; ``target`` is the holdout's column."""
    return {
        name: Figure(value, _SHARE if _sign(name) > 0 else _MARGIN * value)
        for name, value in _GUESSES[task](target).items()
    }


def slice_column(frame: pd.DataFrame, target: str) -> str:
    """The first column with a few values of enough rows each, so that gates.yml can have a slice by it."""
    for name in map(str, frame.columns):
        sizes = frame[name].value_counts(dropna=False)
        is_group = not pd.api.types.is_float_dtype(frame[name].dtype)
        if name != target and is_group and 1 < len(sizes) <= _SLICE_VALUES and sizes.min() >= SLICE_ROWS:
            return name
    return ""


def gates_text(model: str, facts: GateFacts, by: str) -> str:
    """gates.yml."""
    whose = "a guess that looks at nothing" if facts.is_guess else "the trained model"
    decides = next(iter(facts.figures))
    lines = [
        f"# Drafted by `{by}` from the figures of {whose}: set what the users of the model need.",
        f"# `mlroad gate {model}` measures it. docs/factory.md explains every key.",
        f"task: {facts.task}",
        f"holdout: azureml:{facts.holdout}",
        f"target: {scalar(facts.target)}",
        *(f"{key}: {scalar(value)}" for key, value in facts.more.items()),
        "# Write `required` once there is a champion. Then a registry that cannot be read is never taken for",
        "# an empty one.",
        "champion: optional",
        f"decide_by: {decides}",
        "metrics:",
        *(f"  {name}: {{{_threshold(name, its, facts)}}}" for name, its in facts.figures.items()),
    ]
    if facts.slice_by:
        its, column = facts.figures[decides], scalar(facts.slice_by)
        wider = Figure(its.value - _sign(decides) * its.margin, 2 * its.margin)
        lines += [
            "slices:",
            "  # The model must not improve overall at the expense of one group.",
            f"  - {{column: {column}, metric: {decides}, {_threshold(decides, wider, facts)}}}",
        ]
    lines += ["latency: {p95_ms: 200}", "size: {max_mb: 50}", "inference_tests: [python]"]
    return "\n".join(lines) + "\n"


def _threshold(name: str, figure: Figure, facts: GateFacts) -> str:
    limit = figure.value - (0 if facts.is_guess else _sign(name) * figure.margin)
    return f"limit: {_short(limit)}, max_regression: {_short(figure.margin)}"


def _sign(name: str) -> int:
    metric = metric_of(name)
    assert metric, name
    return metric.sign


def _short(value: float) -> str:
    """Three significant digits."""
    if value == 0 or not math.isfinite(value):
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def _of_numbers(target: pd.Series[Any]) -> dict[str, float]:
    values = target.to_numpy(dtype=np.float64)
    return {"mae": float(np.abs(values - np.median(values)).mean()), "r2": 0.0}


_GUESSES = {"regression": _of_numbers}
