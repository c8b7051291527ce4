"""How often a 95 % interval of the gate holds the true value: every built-in metric, on holdouts of 200 rows.

The truth is measured on a much larger sample from the same source. Written as the table of
docs/reference/coverage.md. Set MLROAD_HOLDOUTS to simulate another number of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlroad.gate.bootstrap import Intervals, Units, blocks_of, intervals
from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.measures import Floats, Unmeasurable
from mlroad.gate.metrics import padded_measures, prepared, value_of
from mlroad.gate.tasks.task import Predictions, Truth
from mlroad.models.metric_names import Task, of_task

ROWS = 200
HOLDOUTS = int(os.environ.get("MLROAD_HOLDOUTS", "200"))
RESAMPLES = 1_000
Drawn = tuple[Truth, Predictions, Predictions, Units]


@dataclass(frozen=True, slots=True)
class Source:
    """Where holdouts come from: their rows, of a candidate and a champion that is a little worse."""

    name: str
    task: Task
    draw: Callable[[np.random.Generator, int], Drawn]
    metrics: tuple[str, ...] = ()
    large: int = 200_000

    def names(self) -> tuple[str, ...]:
        """The metrics that are measured."""
        return self.metrics or tuple(name.replace("@K", "@2") for name in of_task(self.task))


def _regression(errors: Callable[[np.random.Generator, int], Floats]) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, rows: int) -> Drawn:
        x, noise = rng.normal(0, 2, rows), errors(rng, rows)
        other = x + 0.3 * rng.normal(size=rows)
        return Truth(20 + x + noise), Predictions(20 + x, "value"), Predictions(20 + other, "value"), Units()

    return draw


def _binary(share: float) -> Callable[..., Drawn]:
    def draw(rng: np.random.Generator, rows: int) -> Drawn:
        truth = (rng.random(rows) < share).astype(int)
        base = rng.normal(size=rows) + 1.8 * truth + np.log(share / (1 - share)) - 0.3
        pair = [1 / (1 + np.exp(-1.5 * (base + blur * rng.normal(size=rows)))) for blur in (0.2, 0.6)]
        mine, other = (Predictions(p, "probability", ("0", "1")) for p in pair)
        return Truth(truth, ("0", "1")), mine, other, Units(strata=truth)

    return draw


def _multiclass(rng: np.random.Generator, rows: int) -> Drawn:
    shares, names = np.array([0.6, 0.3, 0.1]), ("a", "b", "c")
    truth = rng.choice(3, rows, p=shares)
    base = rng.normal(size=(rows, 3)) + 2 * np.eye(3)[truth]
    pair = [np.exp(base + blur * rng.normal(size=(rows, 3))) * shares for blur in (0.2, 0.6)]
    mine, other = (Predictions(p / p.sum(axis=1, keepdims=True), "probability", names) for p in pair)
    return Truth(truth, names), mine, other, Units(strata=truth)


def _multilabel(rng: np.random.Generator, rows: int) -> Drawn:
    shares = np.array([0.5, 0.3, 0.15])
    truth = (rng.random((rows, 3)) < shares).astype(int)
    base = rng.normal(size=(rows, 3)) + 2 * truth - 1 + np.log(shares / (1 - shares)) / 2
    pair = [1 / (1 + np.exp(-base - blur * rng.normal(size=(rows, 3)))) for blur in (0.2, 0.6)]
    mine, other = (Predictions(p, "probability") for p in pair)
    return Truth(truth, ("x", "y", "z")), mine, other, Units()


def _forecast(rng: np.random.Generator, rows: int) -> Drawn:
    """Errors of neighbouring days are alike: an autoregression with 0.5."""
    noise, last = rng.normal(size=rows), 0.0
    for step in range(rows):
        last = noise[step] = 0.5 * last + noise[step]
    days = np.arange(rows)
    signal = 20 + 5 * np.sin(days * 2 * np.pi / 7)
    truth = Truth(signal + noise, groups={"time": days, "scale": np.full(rows, 5.0)})
    other = signal + 0.4 * rng.normal(size=rows)
    return truth, Predictions(signal, "value"), Predictions(other, "value"), blocks_of(days)


def _ranking(rng: np.random.Generator, rows: int) -> Drawn:
    query = np.arange(rows) // 5
    truth = rng.integers(0, 4, rows) * (rng.random(rows) < 0.6)
    mine, other = (Predictions(truth + blur * rng.normal(size=rows), "score") for blur in (1.5, 1.8))
    return Truth(truth.astype(float), groups={"query": query}), mine, other, Units(query, "queries")


def _text(rng: np.random.Generator, rows: int) -> Drawn:
    words = np.array(
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"], dtype=object
    )

    def texts(chosen: Any) -> Any:
        return np.array([" ".join(row) for row in words[chosen]], dtype=object)

    truth = rng.integers(0, 10, (rows, 5))
    skill = rng.beta(4, 1, (rows, 1))  # some questions are hard
    pair = [
        np.where(rng.random((rows, 5)) < share * skill, truth, rng.integers(0, 10, (rows, 5)))
        for share in (1.0, 0.95)
    ]
    mine, other = (Predictions(texts(said), "text") for said in pair)
    return Truth(texts(truth)), mine, other, Units()


def _patients(rng: np.random.Generator, rows: int) -> Drawn:
    """Five rows for each patient, who share how hard they are."""
    patient = np.arange(rows) // 5
    hard = rng.normal(size=rows // 5)[patient]
    truth = (rng.random(rows) < 0.4).astype(int)
    base = (2 * truth - 1) * (1 + 0.8 * hard) + 0.8 * rng.normal(size=rows)
    pair = [1 / (1 + np.exp(-base - blur * rng.normal(size=rows))) for blur in (0.2, 0.6)]
    mine, other = (Predictions(p, "probability", ("0", "1")) for p in pair)
    return Truth(truth, ("0", "1")), mine, other, Units(patient, "patients")


SOURCES = (
    Source("regression", "regression", _regression(lambda rng, n: rng.normal(size=n))),
    Source(
        "regression, heavy tails (t, 3)",
        "regression",
        _regression(lambda rng, n: rng.standard_t(3, n)),
        ("mae", "rmse", "r2"),
    ),
    Source(
        "regression, heavier (t, 2.5)",
        "regression",
        _regression(lambda rng, n: rng.standard_t(2.5, n)),
        ("mae", "rmse"),
        4_000_000,
    ),
    Source("binary, 50 % positive", "binary", _binary(0.5)),
    Source("binary, 10 % positive", "binary", _binary(0.1)),
    Source(
        "binary, 40 patients of 5 rows",
        "binary",
        _patients,
        ("roc_auc", "log_loss", "brier", "accuracy", "balanced_accuracy", "precision", "recall", "f1"),
    ),
    Source("multiclass, 60, 30 and 10 %", "multiclass", _multiclass),
    Source("multilabel, 50, 30 and 15 %", "multilabel", _multilabel),
    Source("forecast, errors correlated 0.5", "forecast", _forecast),
    Source("ranking, 40 queries of 5 rows", "ranking", _ranking),
    Source("text", "text", _text, large=40_000),
)


def coverage(source: Source, holdouts: int, seed: int = 1) -> dict[str, tuple[float, float, float]]:
    """For each metric: shares of intervals that hold figure and difference, and of holdouts without any."""
    rng = np.random.default_rng(seed)
    names = source.names()
    truth, mine, other, _ = source.draw(rng, source.large)
    true = {}
    for name in names:
        both = [value_of(prepared(name, source.task, truth, model), len(truth)) for model in (mine, other)]
        true[name] = (both[0], both[0] - both[1])
    held = {name: [0, 0, 0] for name in names}
    for number in range(holdouts):
        truth, mine, other, units = source.draw(rng, ROWS)
        pairs = {}
        for name in names:
            try:
                pairs[name] = [prepared(name, source.task, truth, model) for model in (mine, other)]
                value_of(pairs[name][0], ROWS)
            except Unmeasurable:
                held[name][2] += 1
                pairs.pop(name, None)
        settings = Bootstrap(resamples=RESAMPLES, seed=number)
        more = padded_measures([*pairs], source.task, (truth, mine, other), units)
        found = intervals(pairs, ROWS, settings, units=units, padded=more)
        for name, its in found.items():
            if not isinstance(its, Intervals) or its.candidate is None or its.difference is None:
                held[name][2] += 1
            else:
                held[name][0] += its.candidate[0] <= true[name][0] <= its.candidate[1]
            if isinstance(its, Intervals) and its.difference is not None:
                held[name][1] += its.difference[0] <= true[name][1] <= its.difference[1]
    # An interval that is not given is not wrong: the column beside says how often that is.
    return {
        name: ((own + none) / holdouts, both / holdouts, none / holdouts)
        for name, (own, both, none) in held.items()
    }


def main() -> None:
    """Print the table."""
    print(f"{HOLDOUTS} holdouts of {ROWS} rows, {RESAMPLES:,} resamples, intervals of 95 %\n")
    print("| Source | Metric | Figure | Difference | No interval |\n|---|---|---|---|---|")
    for source in SOURCES:
        for name, (own, both, none) in coverage(source, HOLDOUTS).items():
            print(f"| {source.name} | `{name}` | {own:.1%} | {both:.1%} | {none:.1%} |", flush=True)


if __name__ == "__main__":
    main()
