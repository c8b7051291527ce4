"""The text of a drafted gates.yml, with limits from a trained model's figures, or from a guess.

A limit from figures is the worse end of the figure's interval. A limit from a guess is a little better than
the figure of a model that gives the same answer to each row: the least that a candidate must reach.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mlroad.core.problems import UserError
from mlroad.data.store import find_verified
from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import Holdout, read_holdout
from mlroad.gate.measures import Unmeasurable
from mlroad.gate.metrics import measure, read_answers
from mlroad.gate.toothless import guess
from mlroad.models.metric_names import Task, metric_of
from mlroad.steps.components import scalar

SLICE_ROWS = 20
_SLICE_VALUES = 6
_SHARE, _MARGIN = 0.02, 0.05
"""The margin of a guess: of metrics from 0 to 1, and of others as a part of their value."""
METRICS: Mapping[Task, tuple[str, ...]] = {
    "regression": ("mae", "r2"),
    "binary": ("log_loss", "roc_auc"),
    "multiclass": ("log_loss", "accuracy"),
    "multilabel": ("roc_auc_macro", "hamming_loss"),
    "forecast": ("mae", "mase"),
    "ranking": ("ndcg", "mrr"),
    "text": ("token_f1", "exact_match"),
}
"""The metrics of a draft; the first one decides."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value, and how far it may be off: half the width of its interval."""

    value: float
    margin: float


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What a draft of gates.yml says."""

    task: Task
    targets: Sequence[str]
    """The columns to predict: several for the labels of multilabel, otherwise one."""
    holdout: str
    """``churn_holdout:1``."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """By metric; the first one decides."""
    is_guess: bool = True
    """Whether the figures are those of a guess, not of a trained model."""
    slice_by: str = ""
    """A column with a few values."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys, such as ``classes`` and ``time``; a list is written as one."""
    runtimes: Sequence[str] = ("pyfunc",)
    """Where the inference tests must pass."""


def figures_of(verdict: Mapping[str, Any]) -> dict[str, Figure]:
    """The candidate's figures in the verdict of a gate."""
    found = {}
    for name, its in verdict["metrics"].items():
        if its["candidate"] is not None and its["candidate_interval"]:
            low, high = its["candidate_interval"]
            found[name] = Figure(its["candidate"], (high - low) / 2)
    return found


def with_guess(root: Path, facts: GateFacts) -> GateFacts:
    """The facts with the figures of a model that gives the same answer to each row of the holdout.

    Raises UserError if the holdout cannot be used.
    """
    names = METRICS[facts.task]
    unmeasured = replace(facts, figures=dict.fromkeys(names, Figure(0, 0)), slice_by="")
    gates = load_gates(root / "gates.yml", gates_text("draft", unmeasured, "draft"))
    holdout = read_holdout(find_verified(root, facts.holdout), gates)
    truth = holdout.truth
    predicted = read_answers(guess(facts.task, truth), truth, gates)
    found: dict[str, Figure] = {}
    reason = ""
    for name in names:
        try:
            value = measure(name, facts.task, truth, predicted)
        except Unmeasurable as error:
            reason = str(error)
            continue
        found[name] = Figure(value, _MARGIN * value if _sign(name) < 0 else _SHARE)
    if not found:
        what = f"None of {', '.join(names)} can be measured on {facts.holdout}: {reason}."
        raise UserError(what, "Freeze a holdout with more rows of each class.")
    return replace(facts, figures=found, slice_by=facts.slice_by or _slice_column(holdout, facts))


def _slice_column(holdout: Holdout, facts: GateFacts) -> str:
    """The first column with a few values of enough rows each; empty if there is none."""
    if facts.task in ("forecast", "ranking"):  # a slice of a query or of a month is not what they are for
        return ""
    frame = holdout.features(facts.targets)
    for name in map(str, frame.columns):
        sizes = frame[name].value_counts(dropna=False)
        most = 2 if pd.api.types.is_integer_dtype(frame[name].dtype) else _SLICE_VALUES
        is_group = not pd.api.types.is_float_dtype(frame[name].dtype) and 1 < len(sizes) <= most
        if is_group and sizes.min() >= SLICE_ROWS:
            return name
    return ""


def gates_text(model: str, facts: GateFacts, by: str) -> str:
    """gates.yml."""
    whose = "a guess that uses no features" if facts.is_guess else "the trained model"
    decides = next(iter(facts.figures))
    lines = [
        f"# Drafted by `{by}` from the figures of {whose}: replace the limits with what your users need.",
        f"# `mlroad gate {model}` measures it. docs/factory.md explains every key.",
        f"task: {facts.task}",
        f"holdout: azureml:{facts.holdout}",
        f"target: {_flow(facts.targets if facts.task == 'multilabel' else facts.targets[0])}",
        *(f"{key}: {_flow(value)}" for key, value in facts.more.items()),
        "# Write `required` once there is a champion. Then a registry that cannot be read is never taken for",
        "# an empty one.",
        "champion: optional",
        f"decide_by: {decides}",
        "metrics:",
        *(f"  {name}: {{{_threshold(name, its, facts)}}}" for name, its in facts.figures.items()),
    ]
    if facts.slice_by:
        its, column = facts.figures[decides], scalar(facts.slice_by)
        # A wider margin; but no limit may be so low that a guess reaches it.
        lower = its.margin * (0.5 if facts.is_guess else 1)
        wider = Figure(its.value - _sign(decides) * lower, 2 * its.margin)
        lines += [
            "slices:",
            "  # The model must not improve overall at the expense of one group.",
            f"  - {{column: {column}, metric: {decides}, {_threshold(decides, wider, facts)}}}",
        ]
    lines += ["latency: {p95_ms: 200}", "size: {max_mb: 50}", f"inference_tests: {_flow(facts.runtimes)}"]
    return "\n".join(lines) + "\n"


def _threshold(name: str, figure: Figure, facts: GateFacts) -> str:
    limit = figure.value + _sign(name) * figure.margin * (0.5 if facts.is_guess else -1)
    return f"limit: {_short(limit)}, max_regression: {_short(figure.margin)}"


def _flow(value: Any) -> str:
    if isinstance(value, str | int | float):
        return scalar(value)
    return f"[{', '.join(map(_item, value))}]"


def _item(value: Any) -> str:
    """In a list, a comma or a bracket needs quotes."""
    shown = scalar(value)
    return json.dumps(value, ensure_ascii=False) if set(shown) & set(",[]{}") and shown[0] != '"' else shown


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
