"""Figures of the parts of a holdout, for the verdict and the report: each target, query or text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlroad.core.text import cut
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.measures import Floats, Sums, Unmeasurable, columns, ratio
from mlroad.gate.metrics import measure, prepared
from mlroad.gate.tasks.regressions import of_target
from mlroad.gate.tasks.task import Predictions, Truth

_BINS = 20
_WORST = 8
_LONGEST = 160
"""Characters of a text that are shown."""


def target_figures(gates: Gates, table: Holdout, models: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Each target's metrics of gates.yml for each model; nothing for a single target."""
    if gates.task != "regression" or len(gates.targets) < 2:
        return []
    names = [name for name in gates.metrics if name not in gates.own_metrics]
    found = []
    for place, target in enumerate(gates.targets):
        pairs = {model: of_target(table.truth, its, place) for model, its in models.items()}
        figures = {
            model: {name: _measured(name, gates, pair) for name in names} for model, pair in pairs.items()
        }
        found.append({"target": target, **figures})
    return found


def _measured(name: str, gates: Gates, pair: tuple[Truth, Predictions]) -> float | None:
    try:
        return measure(name, gates.task, *pair)
    except Unmeasurable:
        return None


def unit_figures(gates: Gates, table: Holdout, models: Mapping[str, Predictions]) -> dict[str, Any] | None:
    """How the deciding metric is distributed over the queries or texts, and where the candidate is worst."""
    if gates.task not in ("ranking", "text") or gates.decide_by in gates.own_metrics:
        return None
    query = table.truth.groups.get("query")
    values = {model: _by_unit(gates, table, its, query) for model, its in models.items()}
    mine = values["candidate"]
    order = [unit for unit in np.argsort(mine, kind="stable")[:_WORST] if mine[unit] < 1]
    edges = np.linspace(0, 1, _BINS + 1)
    return {
        "metric": gates.decide_by,
        "units": "queries" if gates.task == "ranking" else "texts",
        "edges": edges.tolist(),
        "counts": {
            model: np.histogram(its[~np.isnan(its)], edges)[0].tolist() for model, its in values.items()
        },
        "worst": [
            {**_named(gates, table, models["candidate"], int(unit))}
            | {model: float(its[unit]) for model, its in values.items()}
            for unit in order
        ],
    }


def _by_unit(gates: Gates, table: Holdout, predicted: Predictions, units: Any) -> Floats:
    """The metric of each query or text; NaN for a query without a relevant row."""
    found = prepared(gates.decide_by, gates.task, table.truth, predicted)
    assert isinstance(found, Sums)  # the metrics of both tasks are means over them
    summed = found.columns if units is None else columns([np.bincount(units, its) for its in found.columns.T])
    return ratio(summed[:, 0], summed[:, 1])


def _named(gates: Gates, table: Holdout, predicted: Predictions, unit: int) -> dict[str, str]:
    if gates.task == "ranking":
        query = table.frame[gates.columns["query"]].to_numpy()
        return {"unit": str(query[table.truth.groups["query"] == unit][0])}
    shown = {"truth": table.truth.values[unit], "answer": predicted.values[unit]}
    return {"unit": f"row {unit + 1}"} | {name: cut(str(text), _LONGEST) for name, text in shown.items()}
