"""The tasks and their metrics by name: better direction, range, what they need. Imports nothing heavy.

A metric has the name of scikit-learn's function without ``_score``, and its ``average`` after it:
``f1_macro``. A metric of the first k has the k after an @: ``ndcg@10``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Task = Literal["regression", "binary", "multiclass", "multilabel", "forecast", "ranking", "text"]
TASKS: tuple[Task, ...] = get_args(Task)
Direction = Literal["lower", "higher"]
Needs = Literal["value", "probability", "label", "quantiles", "score", "text"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. Its range is from ``low`` to ``high``."""

    direction: Direction
    needs: Needs
    """What an answer must be: a value, probabilities, a label (which probabilities give, too) …"""
    low: float = 0.0
    high: float = math.inf
    in_target_unit: bool = False
    """Whether it has the unit of the target."""
    unit: str = ""
    """Its unit if that is another one."""

    @property
    def sign(self) -> int:
        """+1 if a higher value is better, otherwise -1."""
        return 1 if self.direction == "higher" else -1


def _share(needs: Needs, names: str, low: float = 0.0) -> dict[str, Metric]:
    """Metrics of which 1 is the best value."""
    return {name: Metric("higher", needs, low, 1.0) for name in names.split()}


_AVERAGES = "precision recall f1 jaccard"
_ERRORS = {
    "mae": Metric("lower", "value", in_target_unit=True),
    "rmse": Metric("lower", "value", in_target_unit=True),
    "mape": Metric("lower", "value"),
}


def _averaged(averages: Iterable[str]) -> str:
    return " ".join(f"{name}_{average}" for name in _AVERAGES.split() for average in averages)


# A name that ends in @ takes a number of first answers.
_BY_TASK: dict[Task, dict[str, Metric]] = {
    "regression": {
        **_ERRORS,
        **_share("value", "r2 explained_variance", low=-math.inf),
        "pinball": Metric("lower", "quantiles", in_target_unit=True),
    },
    "binary": {
        **_share("probability", "roc_auc average_precision"),
        "log_loss": Metric("lower", "probability"),
        "brier": Metric("lower", "probability", high=1.0),
        **_share("label", f"accuracy balanced_accuracy specificity {_AVERAGES}"),
        **_share("label", "matthews_corrcoef cohen_kappa", low=-1.0),
    },
    "multiclass": {
        **_share("probability", "roc_auc_ovr roc_auc_ovr_weighted"),
        "top_k_accuracy@": Metric("higher", "probability", 0.0, 1.0),
        "log_loss": Metric("lower", "probability"),
        "brier": Metric("lower", "probability", high=2.0),
        **_share("label", f"accuracy balanced_accuracy {_averaged(('macro', 'weighted', 'micro'))}"),
        **_share("label", "matthews_corrcoef cohen_kappa", low=-1.0),
    },
    "multilabel": {
        **_share("probability", "roc_auc_macro average_precision_macro"),
        **_share("label", f"accuracy {_averaged(('macro', 'weighted', 'micro', 'samples'))}"),
        "hamming_loss": Metric("lower", "label", high=1.0),
    },
    "forecast": {
        **_ERRORS,
        "smape": Metric("lower", "value", high=2.0),
        "mase": Metric("lower", "value"),
        "pinball": Metric("lower", "quantiles", in_target_unit=True),
    },
    "ranking": {
        **_share("score", "ndcg ndcg@ map mrr"),
    },
    "text": _share("text", "exact_match token_f1 rouge1 rouge2 rougeL"),
}


def metric_of(name: str, task: Task | None = None) -> Metric | None:
    """The metric of this name; None if the task (or, without one, any task) has none."""
    stem, first = first_of(name)
    if name.endswith("@"):
        return None
    key = f"{stem}@" if first else name
    tasks = (task,) if task else TASKS
    return next((_BY_TASK[its][key] for its in tasks if key in _BY_TASK[its]), None)


def first_of(name: str) -> tuple[str, int]:
    """The name without the number of first answers, and that number: ``ndcg`` and 10; 0 if it has none."""
    stem, _, number = name.partition("@")
    return (stem, int(number)) if number.isdecimal() and int(number) > 0 else (name, 0)


def of_task(task: Task) -> tuple[str, ...]:
    """The names of a task's metrics, for people: ``ndcg@K`` takes any number."""
    return tuple(f"{name}K" if name.endswith("@") else name for name in _BY_TASK[task])
