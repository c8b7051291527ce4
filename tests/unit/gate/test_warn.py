"""Warnings of a verdict: what a person should look at, and what is harmless."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.core.problems import UserError
from mlroad.gate import draft_gates
from mlroad.gate.gates_file import Gates, load_gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.metric_checks import MetricResult
from mlroad.gate.metrics import read_truth
from mlroad.gate.own_metrics import OwnMetric
from mlroad.gate.records import Overlap, Records
from mlroad.gate.toothless import passed_by_a_guess, toothless
from mlroad.gate.warn import warnings_of
from mlroad.models.metric_names import Metric

GATES = """task: {task}
holdout: azureml:h:1
target: y
champion: optional
decide_by: {metric}
metrics: {{{metric}: {{limit: 0.6, max_regression: 0.1}}}}
"""
ROWS = 60
RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=ROWS), RNG.normal(size=ROWS)
CLASSES = (Y > 0).astype(int)
NOTHING = Records("m", "r", "h:1", "sha256:0", ROWS, "y")


def warned(
    columns: dict[str, Any], metric: str = "mae", figure: float = 0.3, records: Records = NOTHING
) -> dict[str, str]:
    task = "regression" if metric in ("mae", "r2") else "binary"
    gates = load_gates(Path("gates.yml"), GATES.format(task=task, metric=metric))
    frame = pd.DataFrame(columns)
    table = Holdout("h:1", "sha256:0", frame, read_truth(frame, gates))
    found = warnings_of(gates, table, {metric: MetricResult(metric, "better", figure)}, records)
    return {one["id"]: one["what"] for one in found}


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (2 * Y, "x is a multiple of y"),
        (5 - Y / 3, "x is a multiple of y"),
        (np.exp(Y), "x is in the same order as y"),
        (-(Y**3) - Y, "x is in the same order as y"),
    ],
)
def test_a_feature_that_is_the_target(feature: Any, words: str) -> None:
    assert words in warned({"x": feature, "z": X, "y": Y})["holdout.leakage"]


@pytest.mark.parametrize(
    "feature", [np.where(CLASSES, "yes", "no"), CLASSES * 3, np.array(list("ab"))[CLASSES]]
)
def test_a_feature_that_is_the_class(feature: Any) -> None:
    assert "x " in warned({"x": feature, "z": X, "y": CLASSES}, "accuracy")["holdout.leakage"]


@pytest.mark.parametrize(
    "feature",
    [X, Y + RNG.normal(scale=0.1, size=ROWS), np.zeros(ROWS), np.arange(ROWS),
     [f"id{k}" for k in range(ROWS)], np.round(X), np.where(X > 0, "a", "b")],
)  # fmt: skip
def test_harmless_features(feature: Any) -> None:
    assert not warned({"x": feature, "y": Y})
    assert not warned({"x": feature, "z": X, "y": CLASSES}, "accuracy", 0.9)


@pytest.mark.parametrize(("metric", "best"), [("mae", 0), ("r2", 1), ("accuracy", 1), ("log_loss", 0)])
def test_a_perfect_score(metric: str, best: float) -> None:
    target = Y if metric in ("mae", "r2") else CLASSES
    assert "perfect" in warned({"x": X, "y": target}, metric, best)
    assert not warned({"x": X, "y": target}, metric, 0.99 if best else 0.01)


def test_a_metric_without_a_best_value_is_never_perfect() -> None:
    assert "perfect" not in warned({"x": X, "y": Y}, "mae", 1)
    gates = load_gates(Path("gates.yml"), GATES.format(task="regression", metric="mae"))
    own = OwnMetric("profit", "rows", Metric("higher", "value", -math.inf, math.inf))
    gates = replace(gates, own_metrics={"profit": own})
    assert not warnings_of(gates, None, {"profit": MetricResult("profit", "better", 1.0)}, NOTHING)


def test_a_draft_of_a_holdout_without_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No row is relevant, so no figure of a ranking exists."""

    def holdout(_: Any, gates: Gates) -> Holdout:
        frame = pd.DataFrame({"q": [1, 1, 2], "y": [0.0, 0.0, 0.0]})
        return Holdout("h:1", "sha256:0", frame, read_truth(frame, gates))

    monkeypatch.setattr(draft_gates, "find_verified", lambda *_: None)
    monkeypatch.setattr(draft_gates, "read_holdout", holdout)
    facts = draft_gates.GateFacts("ranking", ["y"], "h:1", more={"query": "q"})
    with pytest.raises(UserError, match=r"None of ndcg, mrr can be measured on h:1: \w+"):
        draft_gates.with_guess(tmp_path, facts)


@pytest.mark.parametrize(
    ("task", "metric", "threshold", "warns"),
    [
        ("binary", "matthews_corrcoef", "limit: -1", True),
        ("binary", "matthews_corrcoef", "limit: 0.1", False),
        ("binary", "specificity", "limit: 0", True),
        ("multiclass", "brier", "limit: 2", True),
        ("multiclass", "brier", "limit: 1", False),
        ("binary", "roc_auc", "limit: 0.5", True),
        ("regression", "mae", "limit: 1000000", False),
        ("binary", "log_loss", "limit: 0.7", True),
        ("binary", "brier", "limit: 0.2", False),
        ("binary", "cohen_kappa", "limit: 0", True),
        ("regression", "r2", "limit: 0", True),
        ("regression", "r2", "limit: 0.05", False),
        ("binary", "roc_auc", "limit: 0.8, max_regression: 0.2", True),
        ("binary", "accuracy", "limit: 0.6, max_regression: 1", True),
        ("binary", "accuracy", "limit: 0.6, max_regression: 0.3", False),
        ("regression", "mae", "limit: 1000000, max_regression: 1000000", True),
        ("regression", "mae", "limit: 3, max_regression: 1", False),
        ("regression", "mae", "max_regression: 1", True),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nlatency: {p95_ms: 1000000", True),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nlatency: {p95_ms: 100, max_ratio: 99", True),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nsize: {max_mb: 1000000", True),
        ("binary", "roc_auc", "limit: 0.8, max_regression: 0.1}}\nonnx: {max_difference: 1", True),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nonnx: {max_difference: 1", False),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nbootstrap: {confidence: 0.5", True),
        ("regression", "mae", "limit: 3, max_regression: 1}}\nbootstrap: {resamples: 100", True),
    ],
)
def test_thresholds_that_cannot_fail(task: str, metric: str, threshold: str, warns: bool) -> None:
    words = threshold if "max_" in threshold else f"{threshold}, max_regression: 0.01"
    text = GATES.format(task=task, metric=metric).replace("limit: 0.6, max_regression: 0.1", words)
    text = text.removesuffix("}}\n") + ("}\n" if "}}" in words else "}}\n")
    found = [problem.what for problem in toothless(load_gates(Path("gates.yml"), text))]
    assert bool(found) == warns, found


@pytest.mark.parametrize(
    ("metric", "threshold", "champion", "words"),
    [
        ("mae", "limit: 9, max_regression: 0.1", None, "limit 9 of mae keeps no useless model out"),
        ("mae", "limit: 0.6, max_regression: 0.1", None, ""),
        (
            "mae",
            "limit: 0.6, max_regression: 0.5",
            0.5,
            "max_regression 0.5 of mae keeps no useless model out",
        ),
        ("mae", "limit: 0.6, max_regression: 0.1", 0.5, ""),
        (
            "accuracy",
            "limit: 0.5, max_regression: 0.01",
            0.9,
            "the same answer 0.5333 for every row has 0.5333",
        ),
        ("accuracy", "limit: 0.7, max_regression: 0.01", 0.9, ""),
    ],
)
def test_a_guess_must_not_pass(metric: str, threshold: str, champion: float | None, words: str) -> None:
    task = "regression" if metric == "mae" else "binary"
    text = GATES.format(task=task, metric=metric).replace("limit: 0.6, max_regression: 0.1", threshold)
    gates = load_gates(Path("gates.yml"), text)
    frame = pd.DataFrame({"y": Y if metric == "mae" else CLASSES})
    found = list(passed_by_a_guess(gates, read_truth(frame, gates), {metric: champion}))
    assert words in " ".join(found)
    assert bool(found) == bool(words)


def test_repeated_rows() -> None:
    twice = np.repeat(np.arange(ROWS // 2), 2)
    assert "30 of 60 rows" in warned({"x": X[twice], "y": Y[twice]})["holdout.repeated"]


def test_what_the_records_say() -> None:
    records = Records(
        "m", "r", "h:1", "sha256:0", ROWS, "y", overlap=Overlap({}, True, "", ("No row where group is b.",)),
        clock=("time.time in model.py:3",), unconfined=("files", "network"),
    )  # fmt: skip
    found = warned({"x": X, "y": Y}, records=records)
    assert found.keys() == {"slices", "clock", "isolation"}
    assert "time.time in model.py:3" in found["clock"]
