"""The bootstrap, compared with a slow, simple one, and with theory where there is a formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from mlroad.gate import bootstrap, metrics
from mlroad.gate.bootstrap import (
    EXACT_ROWS,
    Intervals,
    _multinomial,
    _poisson,
    _resampled,
    method,
)
from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.influence import influence_of
from mlroad.gate.measures import MOST, Floats, Measure, Sums, Unmeasurable, Weighted, Weights
from mlroad.gate.metric_checks import Rows, judge_metrics
from mlroad.gate.tasks.curves import BLOCK
from mlroad.gate.tasks.task import Predictions, Truth
from mlroad.models.metric_names import of_task

CLASSIFICATION = of_task("binary")
REGRESSION = tuple(name for name in of_task("regression") if name != "pinball")
METRICS = [*REGRESSION, *CLASSIFICATION]


class Found(NamedTuple):
    candidate: tuple[float, float]
    difference: tuple[float, float] | None


def task_of(name: str) -> Any:
    return "regression" if name in REGRESSION else "binary"


def prepared(name: str, truth: Floats, predicted: Floats) -> Measure:
    kind: Any = "value" if name in REGRESSION else "probability"
    return metrics.prepared(name, task_of(name), Truth(truth), Predictions(predicted, kind))


def measure(name: str, truth: Floats, predicted: Floats) -> float:
    return metrics.value_of(prepared(name, truth, predicted), len(truth))


def intervals(
    truth: Floats,
    mine: Floats,
    other: Floats | None,
    names: Sequence[str],
    settings: Bootstrap,
    stream: int = 0,
) -> dict[str, Intervals | Unmeasurable]:
    models = [mine] if other is None else [mine, other]
    pairs = {name: [prepared(name, truth, model) for model in models] for name in names}
    return bootstrap.intervals(pairs, len(truth), settings, stream)


def data(task: str, rows: int, seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """The truth, and the predictions of two models, of which the first is better."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    first, second = signal + 0.5 * rng.normal(size=rows), signal + 0.7 * rng.normal(size=rows)
    if task == "regression":
        return signal, first, second
    return (signal > 0.3).astype(float), 1 / (1 + np.exp(-first)), 1 / (1 + np.exp(-second))


def of(found: object) -> Found:
    assert isinstance(found, Intervals), found
    assert found.candidate, found.note
    return Found(found.candidate, found.difference)


def scikit_learn(name: str, truth: Floats, predicted: Floats) -> float:
    """The metric according to scikit-learn."""
    from sklearn import metrics as sk

    if name in REGRESSION:
        found = {
            "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error, "r2": sk.r2_score,
            "mape": sk.mean_absolute_percentage_error, "explained_variance": sk.explained_variance_score,
        }  # fmt: skip
        return float(found[name](truth, predicted))
    classes, labels = truth.astype(int), (predicted > 0.5).astype(int)
    of_chances = {
        "roc_auc": sk.roc_auc_score, "brier": sk.brier_score_loss,
        "average_precision": sk.average_precision_score,
    }  # fmt: skip
    if name in of_chances:
        return float(of_chances[name](classes, predicted))
    if name == "log_loss":
        return float(sk.log_loss(classes, predicted, labels=[0, 1]))
    of_labels = {
        "accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score,
        "matthews_corrcoef": sk.matthews_corrcoef, "cohen_kappa": sk.cohen_kappa_score,
    }  # fmt: skip
    if name in of_labels:
        return float(of_labels[name](classes, labels))
    if name == "specificity":
        return float(sk.recall_score(classes, labels, pos_label=0, zero_division=0))
    of_class = {
        "f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score,
        "jaccard": sk.jaccard_score,
    }  # fmt: skip
    return float(of_class[name](classes, labels, zero_division=0))


@pytest.mark.parametrize("rows", [7, 60, 2_000])
@pytest.mark.parametrize("digits", [16, 1, 0], ids=lambda digits: f"{digits} digits")
@pytest.mark.parametrize("name", [*METRICS])
def test_figures_are_those_of_scikit_learn(name: str, digits: int, rows: int) -> None:
    """With ties, with labels instead of probabilities, and for constant predictions."""
    truth, mine, _ = data(task_of(name), rows, seed=rows)
    truth[:2] = [0, 1]
    for predicted in (np.round(mine, digits), np.full(rows, 0.25), np.full(rows, 1.0)):
        wanted = scikit_learn(name, truth, predicted)
        assert measure(name, truth, predicted) == pytest.approx(wanted, rel=1e-12, abs=1e-14)


def slowly(name: str, truth: Floats, mine: Floats, other: Floats, resamples: int) -> tuple[Floats, Floats]:
    """Draw rows with replacement, and let scikit-learn compute the metric each time."""
    rng = np.random.default_rng(99)
    own, difference = [], []
    for _ in range(resamples):
        rows = rng.integers(0, len(truth), len(truth))
        value = scikit_learn(name, truth[rows], mine[rows])
        own.append(value)
        difference.append(value - scikit_learn(name, truth[rows], other[rows]))
    return np.array(own), np.array(difference)


@pytest.mark.parametrize("name", [*METRICS])
def test_metrics_from_counts_are_those_of_repeated_rows(name: str) -> None:
    """The weighted formulas give the same result as scikit-learn on repeated rows."""
    truth, mine, _ = data(task_of(name), 60)
    mine = np.round(mine, 1)  # ties
    rng = np.random.default_rng(5)
    counts = rng.poisson(1, (20, 60)).astype(np.uint8)
    part = prepared(name, truth, mine)
    if isinstance(part, Weighted):
        found = part.of(np.pad(counts.T, ((0, 1), (0, 0))))
    else:
        assert isinstance(part, Sums)
        found = part.finish(counts.astype(float) @ part.columns, counts.sum(axis=1).astype(float))
    for row, value in zip(counts, found, strict=True):
        where = np.repeat(np.arange(60), row)
        assert value == pytest.approx(scikit_learn(name, truth[where], mine[where]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "r2"])
def test_each_models_influences_are_worked_out_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Although the candidate's serve its own interval and that of the difference: a jackknife is slow."""
    asked: list[Measure] = []

    def counted(measure: Measure, rows: int, units: Any) -> Floats | None:
        asked.append(measure)
        return influence_of(measure, rows, units)

    monkeypatch.setattr(bootstrap, "influence_of", counted)
    truth, mine, other = data(task_of(name), 60)
    pair = [prepared(name, truth, model) for model in (mine, other)]
    found = bootstrap.intervals({name: pair}, 60, Bootstrap(100))[name]
    assert isinstance(found, Intervals)
    assert found.candidate
    assert found.difference
    assert sorted(map(id, asked)) == sorted(map(id, pair))


@pytest.mark.parametrize("rows", [2, 31, 1000])
@pytest.mark.parametrize("digits", [16, 2, 1, 0], ids=lambda digits: f"{digits} digits")
@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_the_area_is_that_of_scikit_learn(rows: int, digits: int, kind: type) -> None:
    """With no ties, some ties and almost only ties; with the largest weights and with zero weights."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(rows)
    truth, mine, _ = data("binary", rows, seed=3)
    truth[:2] = 0.0, 1.0
    mine = np.round(mine, digits)
    most = MOST if kind is np.uint8 else 5_000
    counts = [rng.integers(0, most, rows, endpoint=True), rng.poisson(1, rows).clip(max=MOST)]
    counts += [np.full(rows, most), np.where(np.arange(rows) < 2, 1, 0), truth * most]
    weights: Weights = np.pad(np.array(counts).T.astype(kind), ((0, 1), (0, 0)))
    part = prepared("roc_auc", truth, mine)
    assert isinstance(part, Weighted)
    found = part.of(weights)
    assert math.isnan(found[-1])  # no negative
    for own, value in zip(weights.T[:-1, :-1], found[:-1], strict=True):
        if own[truth == 1].any() and own[truth == 0].any():
            assert value == pytest.approx(roc_auc_score(truth, mine, sample_weight=own), rel=1e-12, abs=1e-12)
        else:
            assert math.isnan(value)


def test_weights_fit_into_their_bits() -> None:
    assert np.iinfo(np.uint8).max >= MOST * BLOCK
    # A product in one block is at most MOST times the sum of all the weights before it.
    assert np.iinfo(np.uint16).max >= MOST * MOST * BLOCK * BLOCK


def test_poisson_counts() -> None:
    """The share of each count is that of a Poisson variable, up to 1/65,536 and sampling error."""
    counts = _poisson(np.random.SFC64(1), 200_001, 21)
    assert counts.shape == (200_002, 21)
    assert not counts[-1].any()
    drawn = counts[:-1].ravel()
    shares = np.bincount(drawn, minlength=MOST + 1) / len(drawn)
    for count, share in enumerate(shares):
        expected = math.exp(-1) / math.factorial(count)
        assert share == pytest.approx(expected, abs=1e-5 + 4 * math.sqrt(expected / len(drawn))), count
    assert drawn.var() == pytest.approx(1, abs=3e-3)
    # Rows are independent of each other, and so are resamples.
    for first, second in ((counts[1:-1], counts[:-2]), (counts[:-1, 1:], counts[:-1, :-1])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 3e-3


@pytest.mark.parametrize("rows", [EXACT_ROWS, EXACT_ROWS + 1])
def test_every_resample_is_what_scikit_learn_says(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All metrics use the same counts; this test takes those of the second chunk."""
    from sklearn.metrics import f1_score, log_loss, roc_auc_score

    monkeypatch.setattr(bootstrap, "_AT_ONCE", 32 * rows)
    truth, mine, _ = data("binary", rows)
    mine = np.round(mine, 3)
    parts = [prepared(name, truth, mine) for name in ("roc_auc", "log_loss", "f1")]
    found = _resampled(parts, rows, Bootstrap(resamples=50, seed=3), stream=4)
    bits = np.random.SFC64(np.random.SeedSequence([3, 4, 1]))
    counts = _multinomial(bits, rows, 18) if rows <= EXACT_ROWS else _poisson(bits, rows, 18)
    for number, own in enumerate(counts[:-1].T):
        expected = (
            roc_auc_score(truth, mine, sample_weight=own),
            log_loss(truth, mine, sample_weight=own),
            f1_score(truth, mine > 0.5, sample_weight=own),
        )
        assert [values[32 + number] for values in found] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("rows", [300, 3 * EXACT_ROWS])
def test_any_number_of_threads_finds_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, mine, other = data("binary", rows)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 32 * rows)  # many chunks
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(bootstrap, "_cores", lambda cores=cores: cores)
        found.append(intervals(truth, mine, other, list(CLASSIFICATION), Bootstrap(resamples=300)))
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mae", "r2", "roc_auc", "f1"])
def test_against_a_plain_bootstrap(name: str) -> None:
    truth, mine, other = data(task_of(name), 150)
    own, difference = slowly(name, truth, mine, other, 800)
    found = of(intervals(truth, mine, other, [name], Bootstrap(resamples=4000))[name])
    for interval, plain in ((found.candidate, own), (found.difference, difference)):
        assert interval is not None
        low, high = np.quantile(plain, [0.025, 0.975])
        # With 800 resamples, the ends are accurate to about a tenth of the interval's width.
        assert interval == pytest.approx((low, high), abs=0.15 * (high - low))


@pytest.mark.parametrize("rows", [EXACT_ROWS, 4 * EXACT_ROWS])
def test_against_theory(rows: int) -> None:
    """The mean of n errors is normal with deviation s/√n; that of a share p is √(p(1-p)/n)."""
    truth, mine, other = data("regression", rows)
    found = of(intervals(truth, mine, other, ["mae"], Bootstrap(resamples=4000))["mae"])
    errors = np.abs(mine - truth)
    half = 1.96 * errors.std() / math.sqrt(rows)
    assert found.candidate == pytest.approx((errors.mean() - half, errors.mean() + half), abs=0.12 * half)
    pairs = errors - np.abs(other - truth)
    half = 1.96 * pairs.std() / math.sqrt(rows)
    assert found.difference == pytest.approx((pairs.mean() - half, pairs.mean() + half), abs=0.12 * half)
    classes, p, _ = data("binary", rows)
    share = ((p > 0.5) == (classes == 1)).mean()
    half = 1.96 * math.sqrt(share * (1 - share) / rows)
    accuracy = of(intervals(classes, p, None, ["accuracy"], Bootstrap(resamples=4000))["accuracy"])
    assert accuracy.candidate == pytest.approx((share - half, share + half), abs=0.12 * half)
    assert accuracy.difference is None


def test_both_ways_of_counting_agree() -> None:
    """Just below and above the limit, the two methods give the same result."""
    truth, mine, other = data("binary", EXACT_ROWS + 1)
    names = list(CLASSIFICATION)
    few = intervals(truth[:-1], mine[:-1], other[:-1], names, Bootstrap(resamples=3000))
    many = intervals(truth, mine, other, names, Bootstrap(resamples=3000))
    assert "multinomial" in method(EXACT_ROWS)
    assert "Poisson" in method(EXACT_ROWS + 1)
    for name in names:
        first, second = of(few[name]).difference, of(many[name]).difference
        assert first is not None
        assert second == pytest.approx(first, abs=0.15 * (first[1] - first[0])), name


def test_pairing_makes_a_small_difference_visible() -> None:
    truth, mine, _ = data("regression", 400)
    other = mine + 0.05 * np.sign(mine - truth)  # each error is 0.05 larger
    found = of(intervals(truth, mine, other, ["mae"], Bootstrap(resamples=1000))["mae"])
    assert found.difference == pytest.approx((-0.05, -0.05), abs=1e-9)
    assert found.candidate[1] - found.candidate[0] > 0.05


@pytest.mark.parametrize("rows", [300, 2 * EXACT_ROWS])
def test_the_seed_decides(rows: int) -> None:
    truth, mine, other = data("regression", rows)
    names = list(REGRESSION)
    settings = Bootstrap(resamples=500)
    first = intervals(truth, mine, other, names, settings)
    assert intervals(truth, mine, other, names, settings) == first
    # Neither other metrics of the same gate nor other slices change the result.
    alone = of(intervals(truth, mine, other, ["mae"], settings)["mae"])
    assert alone.difference == pytest.approx(of(first["mae"]).difference, rel=1e-9)
    assert intervals(truth, mine, other, names, Bootstrap(500, seed=8)) != first
    assert intervals(truth, mine, other, names, settings, stream=1) != first


def test_equal_models_differ_by_nothing() -> None:
    truth, mine, _ = data("regression", 2 * EXACT_ROWS)
    found = intervals(truth, mine, mine.copy(), list(REGRESSION), Bootstrap(resamples=200))
    assert {of(found[name]).difference for name in REGRESSION} == {(0.0, 0.0)}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "binary"])
def test_coverage(task: str) -> None:
    """Of 200 holdouts, about 95 % have an interval that holds the true value."""
    name = {"regression": "mae", "binary": "roc_auc"}[task]
    truth, mine, _ = data(task, 200_000, seed=11)
    true = measure(name, truth, mine)
    hits = 0
    for number in range(200):
        rows = slice(number * 200, number * 200 + 200)
        low, high = of(
            intervals(truth[rows], mine[rows], None, [name], Bootstrap(resamples=300))[name]
        ).candidate
        hits += low <= true <= high
    assert 180 <= hits <= 199  # 190 expected, deviation 3.1; percentile intervals are slightly narrow


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "reason"),
    [
        ("roc_auc", [1, 1, 1], [0.2, 0.3, 0.4], "all rows are of one class"),
        ("r2", [2, 2, 2], [1, 2, 3], "the target is the same in all rows"),
        ("recall", [0, 0, 0], [0.2, 0.3, 0.9], "no row is of class 1"),
        ("f1", [0, 0, 0], [0.2, 0.3, 0.9], "no row is of class 1"),
        ("mae", [], [], "there are no rows"),
        ("mae", [1e308, -1e308], [-1e308, 1e308], "inf"),
    ],
)
def test_what_cannot_be_measured(name: str, truth: list[float], predicted: list[float], reason: str) -> None:
    with pytest.raises(Unmeasurable, match=reason):
        measure(name, np.array(truth, float), np.array(predicted, float))


def test_look_alikes_can_be_measured() -> None:
    one = np.array([1.0, 1.0, 1.0])
    assert measure("accuracy", one, np.array([0.9, 0.9, 0.1])) == pytest.approx(2 / 3)
    assert measure("log_loss", one, np.array([0.9, 0.9, 0.9])) == pytest.approx(-math.log(0.9))
    assert measure("precision", np.array([0.0, 1.0]), np.array([0.1, 0.2])) == 0.0
    assert measure("brier", one, one) == 0.0
    assert measure("roc_auc", np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 1.0
    assert measure("mae", one, np.array([1.5, 1.5, -0.1])) == pytest.approx(0.7)


def test_too_few_of_a_class_has_no_interval() -> None:
    truth = np.zeros(30)
    truth[0] = 1.0
    found = intervals(truth, np.linspace(0, 1, 30), None, ["roc_auc"], Bootstrap(resamples=1000))["roc_auc"]
    assert isinstance(found, Unmeasurable)
    assert "too few rows of a class to judge: 1" in str(found)


def test_method_is_one_for_all_metrics() -> None:
    """All metrics of a gate use the same resamples: for errors of ±1, mae² equals rmse² in each of them."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=300)
    mine = truth + rng.choice([0.0, 1.0], 300)
    found = intervals(truth, mine, None, ["mae", "rmse"], Bootstrap(resamples=500))
    mae, rmse = of(found["mae"]).candidate, of(found["rmse"]).candidate
    assert np.sqrt(mae) == pytest.approx(rmse, rel=1e-3)


@pytest.mark.parametrize(
    ("shift", "word"), [(0.0, "equal"), (0.001, "equal"), (-0.3, "better"), (0.2, "worse")]
)
def test_words(shift: float, word: str, tmp_path: object) -> None:
    """The difference is compared with max_regression, the interval with 0."""
    from pathlib import Path

    from mlroad.gate.gates_file import load_gates
    from tests.unit.gate.toy import GATES

    file = Path(str(tmp_path)) / "gates.yml"
    file.write_text(GATES, encoding="utf-8")
    rng = np.random.default_rng(3)
    truth, noise = rng.normal(size=400), rng.normal(size=400)
    champion = truth + noise
    candidate = truth + noise * (1 + shift / np.abs(noise).mean()) + 0.02 * rng.normal(size=400)
    judged = judge_metrics(
        GateChecks(),
        load_gates(file),
        Rows(Truth(truth), Predictions(candidate, "value"), Predictions(champion, "value")),
    )
    assert judged["mae"].verdict == word
