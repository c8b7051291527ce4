"""Features that tell the target are named in every task, and honest ones are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.leakage import telling_features
from mlroad.gate.metrics import read_truth
from mlroad.models.metric_names import Task

N = 400
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 3))
NOISE = RNG.normal(size=N)
Y = np.round(X @ [1, 1.5, -2] + RNG.normal(size=N) + 20, 4)
YES, RARE = (Y > 20).astype(int), (np.quantile(Y, 0.95) < Y).astype(int)
NAMES = np.array(["low", "middle", "high"])[np.digitize(Y, [18.5, 21.5])]
QUERY = np.repeat(np.arange(N // 8), 8)
RELEVANT = np.clip(np.round(Y - 19), 0, 3).astype(int)
SAID = np.array([f"{RNG.choice(['small', 'odd'])} case number {k} is {v:.0f}" for k, v in enumerate(Y)])
DAYS = pd.date_range("2024-01-01", periods=N)
SPREAD = float(Y.std())
TARGETS: dict[Task, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "regression": ({"y": Y}, "mae", {}),
    "binary": ({"y": YES}, "accuracy", {}),
    "multiclass": ({"y": NAMES}, "accuracy", {}),
    "multilabel": ({"y": YES, "rare": RARE}, "accuracy", {"target": ["y", "rare"]}),
    "forecast": ({"y": Y, "day": DAYS}, "mae", {"time": "day"}),
    "ranking": ({"y": RELEVANT, "query": QUERY}, "ndcg", {"query": "query"}),
    "text": ({"y": SAID}, "token_f1", {}),
}
LEAKS: dict[Task, dict[str, Any]] = {
    "regression": {
        "another unit": 1000 * Y,
        "shifted": 5 - Y,
        "ranks": pd.Series(Y).rank(),
        "logarithm": np.log(Y),
        "3 % noise": Y + 0.03 * SPREAD * NOISE,
        "rounded": Y.round(),
        "deciles": pd.qcut(Y, 10, labels=False),
        "clipped": Y.clip(18, 22),
        "distance": abs(Y - 20),
        "text": [f"{v:.4f}" for v in Y],
        "with a unit": [f"{v:.2f} kg" for v in Y],
        "with a comma": [f"{v:.2f}".replace(".", ",") for v in Y],
        "in an id": [f"id-{k}/{v:.2f}/x" for k, v in enumerate(Y)],
        "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(Y, unit="D"),
        "date as text": [f"{pd.Timestamp('2020-01-01') + pd.Timedelta(hours=v):%F %T}" for v in 100 * Y],
        "gaps": np.where(RNG.random(N) < 0.9, Y, np.nan),
        "often wrong": np.where(RNG.random(N) < 0.9, Y, RNG.permutation(Y)),
        "a gap above 20": np.where(Y > 20, np.nan, NOISE),
    },
    "binary": {
        "turned": 1 - YES,
        "noise": YES + 0.05 * NOISE,
        "sorted by it": np.argsort(np.argsort(YES + 0.01 * RNG.random(N))),
        "word": [f"case {k}: {'approved' if v else 'denied'}" for k, v in enumerate(YES)],
        "gaps": np.where(YES, np.nan, NOISE),
        "gaps in texts": [None if v else "ok" for v in YES],
        "an amount afterwards": np.where(YES, RNG.gamma(2, 100, N) + 1, 0.0),
        "the number behind it": Y,
        "1 % wrong": np.where(RNG.random(N) < 0.99, YES, 1 - YES),
    },
    "multiclass": {
        "codes": pd.factorize(NAMES)[0],
        "codes with noise": pd.factorize(NAMES)[0] + 0.02 * NOISE,
        "capitals": [name.upper() for name in NAMES],
        "sentence": [f"{k} was {name}." for k, name in enumerate(NAMES)],
        "one class": NAMES == "low",
        "the number behind it": Y,
        "gaps": np.where(NAMES == "low", np.nan, NOISE),
    },
    "multilabel": {"one label": RARE, "sum": YES + RARE},
    "forecast": {
        "another unit": Y / 7,
        "next day": np.append(Y[1:], Y[-1]),
        "running sum": np.cumsum(Y),
    },
    "ranking": {
        "place": pd.Series(-RELEVANT).groupby(QUERY).rank(method="first"),
        "noise": RELEVANT + 0.05 * NOISE,
        "clicks": 100 * RELEVANT + RNG.integers(0, 99, N),
        "whether it is": RELEVANT > 0,
    },
    "text": {
        "itself": SAID,
        "capitals": [text.upper() for text in SAID],
        "prefix": [f"Answer: {text}" for text in SAID],
        "inside": [f"Q{k}? It is {text}. Thanks" for k, text in enumerate(SAID)],
    },
}
HONEST: dict[Task, dict[str, Any]] = {
    "regression": {
        "noise 15 %": Y + 0.15 * SPREAD * NOISE,
        "row": np.arange(N),
        "id": [f"C{k:05}" for k in range(N)],
        "date": DAYS,
        "constant": np.ones(N),
        "nothing": [None] * N,
        "price": [f"{v:.2f} EUR" for v in RNG.gamma(2, 9, N)],
        "rare flag": np.arange(N) == Y.argmax(),
    },
    "binary": {
        "near": Y + NOISE,
        "gaps": np.where(RNG.random(N) < 0.3, np.nan, NOISE),
        "words": [f"it was {RNG.choice(['good', 'bad'])} {k}" for k in range(N)],
    },
    "multiclass": {"near": Y + NOISE, "city": RNG.choice(list("ABCDE"), N)},
    "multilabel": {"flag": RNG.integers(0, 2, N)},
    "forecast": {
        "yesterday": np.append(0, Y[:-1]),
        "weekday": np.arange(N) % 7,
        "mean before": pd.Series(Y).shift(1).rolling(3).mean().fillna(20),
    },
    "ranking": {"place in a list": np.tile(np.arange(8), N // 8), "near": RELEVANT + 2 * NOISE},
    "text": {"question": [f"what of number {k}?" for k in range(N)], "word": [t.split()[0] for t in SAID]},
}


def said(task: Task, feature: Any) -> list[str]:
    columns, metric, more = TARGETS[task]
    document = {
        "task": task, "holdout": "azureml:h:1", "target": "y", "champion": "optional", "decide_by": metric,
        "metrics": {metric: {"max_regression": 0.1}}, **more,
    }  # fmt: skip
    gates = load_gates(Path("gates.yml"), json.dumps(document))
    frame = pd.DataFrame({"x0": X[:, 0], "x1": X[:, 1], "f": feature, **columns})
    return list(telling_features(gates, Holdout("h:1", "", frame, read_truth(frame, gates))))


@pytest.mark.parametrize("task", TARGETS)
def test_leaks_are_named(task: Task) -> None:
    missed = [name for name, feature in LEAKS[task].items() if not said(task, feature)]
    assert not missed


@pytest.mark.parametrize("task", TARGETS)
def test_honest_features_are_not(task: Task) -> None:
    found = {name: its for name, feature in HONEST[task].items() if (its := said(task, feature))}
    assert not found


def test_a_slow_series_is_no_leak() -> None:
    """Of a random walk, yesterday's value explains nearly all."""
    walk = np.cumsum(NOISE) + 100
    before = TARGETS["forecast"]
    TARGETS["forecast"] = ({"y": walk, "day": DAYS}, "mae", {"time": "day"})
    try:
        assert not said("forecast", np.append(100, walk[:-1]))
        assert said("forecast", 3 * walk)
    finally:
        TARGETS["forecast"] = before
