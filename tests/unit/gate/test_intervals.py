"""The methods of intervals, against scipy; and what the gate says instead of an interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from mlroad.gate.bootstrap import Intervals, Units, block_length, blocks_of, intervals
from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.interval_methods import _t, paired_shares, wilson
from mlroad.gate.measures import OfSamples, Unmeasurable
from mlroad.gate.metrics import padded_measures, prepared
from mlroad.gate.tasks.task import Predictions, Truth
from tests.benchmarks.bench_coverage import SOURCES, coverage

FEW = Bootstrap(resamples=400)


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (19, 20), (1, 200), (150, 200)])
def test_wilson_is_that_of_scipy(hits: int, rows: int) -> None:
    wanted = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    assert wilson(hits, rows, 0.95) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_wilson_of_no_rows_knows_nothing() -> None:
    assert wilson(0, 0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize("degrees", [5, 9, 30, 1000])
def test_quantiles_of_student(degrees: int) -> None:
    for confidence in (0.8, 0.95, 0.99):
        wanted = stats.t.ppf((1 + confidence) / 2, degrees)
        assert _t(confidence, degrees) == pytest.approx(wanted, rel=6e-3)


def test_paired_shares() -> None:
    mine, other = np.array([1.0, 1, 1, 0] * 25), np.array([1.0, 0, 1, 0] * 25)
    low, high = paired_shares(mine, other, 100, 0.95)
    assert 0.1 < low < 0.25 < high < 0.4
    assert paired_shares(mine, mine, 100, 0.95) == (0, 0)


def found_of(name: str, truth: Any, mine: Any, units: Units | None = None) -> Intervals | Unmeasurable:
    """The intervals of a candidate without a champion."""
    task: Any = "regression" if name in ("mae", "rmse", "r2") else "binary"
    kind: Any = "value" if task == "regression" else "probability"
    part = prepared(name, task, Truth(truth, ("0", "1") if task == "binary" else ()), Predictions(mine, kind))
    return intervals({name: [part]}, len(truth), FEW, units=units)[name]


@pytest.mark.parametrize("name", ["recall", "f1", "balanced_accuracy", "roc_auc", "average_precision"])
def test_too_few_positives(name: str) -> None:
    rng = np.random.default_rng(1)
    for positives in (4, 5):
        truth = (np.arange(60) < positives).astype(int)
        found = found_of(name, truth, rng.random(60))
        assert isinstance(found, Unmeasurable) == (positives < 5)
        assert positives == 5 or "too few rows of a class to judge: 4" in str(found)


@pytest.mark.parametrize("name", ["roc_auc_ovr", "f1_macro", "balanced_accuracy", "f1_weighted"])
def test_too_few_of_one_of_several_classes(name: str) -> None:
    rng = np.random.default_rng(1)
    for few in (4, 5):
        truth = np.where(np.arange(60) < few, 2, np.arange(60) % 2)
        chances = rng.dirichlet(np.ones(3), 60) + 0.5 * np.eye(3)[truth]
        classes = ("a", "b", "c")
        mine = Predictions(chances / chances.sum(axis=1, keepdims=True), "probability", classes)
        found = intervals({name: [prepared(name, "multiclass", Truth(truth, classes), mine)]}, 60, FEW)[name]
        assert isinstance(found, Unmeasurable) == (few < 5 and name != "f1_weighted"), found


@pytest.mark.parametrize("rows", [3, 5])
def test_too_few_rows(rows: int) -> None:
    found = found_of("mae", np.arange(float(rows)), np.arange(float(rows)) + [0.5, 0.1, 0.2, 0.3, 0.4][:rows])
    assert isinstance(found, Unmeasurable) == (rows < 5)
    assert rows == 5 or str(found).startswith("too few rows to judge: 3")


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_good_models_have_a_figure_without_an_interval(name: str) -> None:
    """Errors that are alike, or one among 100: nothing is broken."""
    for errors in (np.where(np.arange(100), 0.0, 7.0), np.where(np.arange(100), 5.0, 5.1)):
        found = found_of(name, errors, np.zeros(100))
        assert isinstance(found, Intervals), found
        assert found.candidate or found.note


def test_heavy_tails_are_said() -> None:
    rng = np.random.default_rng(2)
    errors = rng.normal(size=200)
    plain = found_of("rmse", errors, np.zeros(200))
    assert isinstance(plain, Intervals)
    assert plain.candidate
    errors[0] = 40
    for name in ("rmse", "r2"):
        heavy = found_of(name, errors, 0.1 * errors)
        assert isinstance(heavy, Intervals)
        assert heavy.candidate is None
        assert "two rows make so much of it" in heavy.note
    mean = found_of("mae", errors, np.zeros(200))
    assert isinstance(mean, Intervals)
    assert mean.candidate


def test_too_few_units() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=90)
    for count in (9, 10):
        found = found_of("mae", truth, truth + rng.normal(size=90), Units(np.arange(90) % count, "patients"))
        assert isinstance(found, Unmeasurable) == (count < 10)
        assert count == 10 or "there are only 9 patients to resample" in str(found)


def test_rows_of_a_unit_count_once() -> None:
    """Each of 30 values five times: as wide as the interval of the 30, √5 wider than that of 150 rows."""
    rng = np.random.default_rng(4)
    errors = np.repeat(rng.normal(size=30), 5)
    alone = found_of("mae", errors[::5], np.zeros(30))
    together = found_of("mae", errors, np.zeros(150), Units(np.arange(150) // 5, "patients"))
    apart = found_of("mae", errors, np.zeros(150))
    widths = []
    for its in (alone, together, apart):
        assert isinstance(its, Intervals)
        assert its.candidate
        widths.append(its.candidate[1] - its.candidate[0])
    assert widths[1] == pytest.approx(widths[0], rel=1e-9)
    assert widths[1] / widths[2] == pytest.approx(5**0.5, rel=0.2)


def test_blocks_in_time() -> None:
    assert [block_length(moments) for moments in (1, 15, 60, 200, 1000)] == [1, 1, 6, 12, 20]
    units = blocks_of(np.arange(200))
    assert units.count(200) == 17
    part = units.where(np.arange(200) < 40)
    assert part.name == "blocks of 4 steps in time"
    assert part.count(40) == 10
    assert blocks_of(np.arange(10), 5).count(10) == 2


def test_almost_equal_values_have_an_interval() -> None:
    """Of 40 rows, one is off by half: many resamples do not have it at all."""
    part = prepared(
        "mae", "regression", Truth(np.zeros(40)), Predictions(np.where(np.arange(40), 0.0, 0.5), "value")
    )
    found = intervals({"mae": [part]}, 40, FEW)["mae"]
    assert isinstance(found, Intervals)
    assert found.candidate
    assert found.candidate[0] < 0.0125 < found.candidate[1] < 0.15


def test_a_metric_of_a_sample_is_called_for_each_resample() -> None:
    values = np.random.default_rng(5).normal(size=50)
    calls = []

    def medians(counts: Any, units: Any) -> Any:
        assert units is None
        calls.extend(counts.sum(axis=0))
        return np.array([[np.median(np.repeat(values, count)) for count in counts.T]])

    found = intervals({"median": [OfSamples(medians)]}, 50, FEW)["median"]
    assert isinstance(found, Intervals)
    assert found.candidate
    assert found.candidate[0] < np.median(values) < found.candidate[1]
    assert len(calls) >= 400
    assert set(calls) == {50}


def test_differences_of_counts_rest_on_more_than_a_handful() -> None:
    """One row of 40 differs: no interval may be as narrow as resampling alone would make it."""
    truth = Truth(np.array([0] * 30 + [1] * 10), ("0", "1"))
    labels = truth.values.astype(float)
    labels[35:] = 0
    other = labels.copy()
    other[34] = 0
    mine, champion = Predictions(labels, "label", truth.classes), Predictions(other, "label", truth.classes)
    pair = [prepared("f1", "binary", truth, model) for model in (mine, champion)]
    more = padded_measures(["f1", "recall"], "binary", (truth, mine, champion), Units())
    assert set(more) == {"f1"}
    found = intervals({"f1": pair}, 40, FEW, padded=more)["f1"]
    assert isinstance(found, Intervals)
    assert found.difference
    assert found.difference[0] < 0 < found.difference[1]
    assert padded_measures(["f1"], "binary", (truth, mine, mine), Units()) == {}


@pytest.mark.slow
def test_coverage_of_rare_positives() -> None:
    """Percentile intervals cover 77 % here. Of 80 holdouts, 76 are expected, with a deviation of 2."""
    [source] = [source for source in SOURCES if source.name == "binary, 10 % positive"]
    found = coverage(source, 80)
    for name in ("recall", "f1", "precision", "roc_auc"):
        assert found[name][0] >= 0.86, name
