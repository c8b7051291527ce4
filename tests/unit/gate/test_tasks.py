"""The metrics of every task: their figures are scikit-learn's, on all rows and on repeated rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.core.problems import UserError
from mlroad.gate.bootstrap import Units, _resampled
from mlroad.gate.gates_file import Bootstrap, Gates, load_gates
from mlroad.gate.measures import Sums, Unmeasurable, Weighted
from mlroad.gate.metrics import READERS, measure, prepared, read_answers, read_truth
from mlroad.gate.tasks.task import Predictions, Truth, apart
from mlroad.models.metric_names import TASKS, Task, metric_of, of_task
from mlroad.models.model_process import ModelBroken

CLASSES = ("a", "b", "c", "d")
AVERAGES = ("precision", "recall", "f1", "jaccard")


def classes(rows: int, seed: int = 1, labels: bool = False) -> tuple[Truth, Predictions]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    truth[:4] = range(4)
    chances = rng.dirichlet(np.ones(4), rows) + 0.8 * np.eye(4)[truth] * rng.random(rows)[:, None]
    chances /= chances.sum(axis=1, keepdims=True)
    if labels:  # class d is never predicted
        chosen = np.where(rng.random(rows) < 0.7, truth, rng.integers(0, 3, rows)).clip(max=2)
        return Truth(truth, CLASSES), Predictions(chosen.astype(float), "label", CLASSES)
    return Truth(truth, CLASSES), Predictions(chances, "probability", CLASSES)


def labels(rows: int, seed: int = 1) -> tuple[Truth, Predictions]:
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, 3)) < [0.5, 0.2, 0.1]).astype(int)
    truth[0], truth[1] = 1, 0
    return Truth(truth, ("x", "y", "z")), Predictions(
        0.3 * truth + 0.7 * rng.random((rows, 3)), "probability"
    )


def queries(rows: int, seed: int = 1) -> tuple[Truth, Predictions]:
    rng = np.random.default_rng(seed)
    relevance = rng.integers(0, 4, rows) * (rng.random(rows) < 0.6)
    scores = np.round(relevance + rng.normal(size=rows), 1)  # ties
    order = rng.permutation(np.arange(rows) // 6)
    return Truth(relevance.astype(float), groups={"query": order}), Predictions(scores, "score")


def averages(sk: Any, truth: Any, said: Any, average: str) -> dict[str, float]:
    of = {
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
        "jaccard": sk.jaccard_score,
    }
    return {f"{name}_{average}": of[name](truth, said, average=average, zero_division=0) for name in AVERAGES}


def of_classes(truth: Truth, predicted: Predictions) -> Mapping[str, float]:
    from sklearn import metrics as sk

    said = predicted.labels
    found = {
        "accuracy": sk.accuracy_score(truth.values, said),
        "balanced_accuracy": sk.balanced_accuracy_score(truth.values, said),
        "matthews_corrcoef": sk.matthews_corrcoef(truth.values, said),
        "cohen_kappa": sk.cohen_kappa_score(truth.values, said),
    }
    for average in ("macro", "weighted", "micro"):
        found |= averages(sk, truth.values, said, average)
    if predicted.kind == "label":
        return found
    p, numbers = predicted.values, range(4)
    return found | {
        "log_loss": sk.log_loss(truth.values, p, labels=numbers),
        "brier": sk.brier_score_loss(truth.values, p, labels=numbers, scale_by_half=False),
        "roc_auc_ovr": sk.roc_auc_score(truth.values, p, multi_class="ovr", labels=numbers),
        "roc_auc_ovr_weighted": sk.roc_auc_score(
            truth.values, p, multi_class="ovr", average="weighted", labels=numbers
        ),
        "top_k_accuracy@2": sk.top_k_accuracy_score(truth.values, p, k=2, labels=numbers),
    }


def of_labels(truth: Truth, predicted: Predictions) -> Mapping[str, float]:
    from sklearn import metrics as sk

    found = {
        "roc_auc_macro": sk.roc_auc_score(truth.values, predicted.values, average="macro"),
        "average_precision_macro": sk.average_precision_score(
            truth.values, predicted.values, average="macro"
        ),
        "accuracy": sk.accuracy_score(truth.values, predicted.labels),
        "hamming_loss": sk.hamming_loss(truth.values, predicted.labels),
    }
    for average in ("macro", "weighted", "micro", "samples"):
        found |= averages(sk, truth.values, predicted.labels, average)
    return found


def of_queries(truth: Truth, predicted: Predictions) -> Mapping[str, float]:
    from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

    found: dict[str, list[float]] = {"ndcg": [], "ndcg@3": []}
    for query in np.unique(truth.groups["query"]):
        rows = truth.groups["query"] == query
        relevance, scores = truth.values[rows][None], predicted.values[rows][None]
        if relevance.any() and rows.sum() > 1:
            found["ndcg"].append(ndcg_score(relevance, scores))
            found["ndcg@3"].append(ndcg_score(relevance, scores, k=3))
            # scikit-learn's precision of tied rows is that of the whole group, as ours.
            found.setdefault("map", []).append(label_ranking_average_precision_score(relevance > 0, scores))
    return {name: float(np.mean(values)) for name, values in found.items()}


def outputs(rows: int, seed: int = 4) -> tuple[Truth, Predictions]:
    """Three targets of different scales."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3)) * np.array([1, 50, 0.01]) + np.array([9, 0, 3])
    return Truth(values), Predictions(values + 0.3 * rng.normal(size=(rows, 3)), "value")


def of_outputs(truth: Truth, predicted: Predictions) -> Mapping[str, float]:
    from sklearn import metrics as sk

    of = {
        "mae": sk.mean_absolute_error,
        "rmse": sk.root_mean_squared_error,
        "mape": sk.mean_absolute_percentage_error,
        "pinball": sk.mean_pinball_loss,
        "r2": sk.r2_score,
        "explained_variance": sk.explained_variance_score,
    }
    return {name: function(truth.values, predicted.values) for name, function in of.items()}


def test_several_targets_are_those_of_scikit_learn() -> None:
    for rows, seed in ((40, 1), (900, 2)):
        truth, predicted = outputs(rows, seed)
        for name, wanted in of_outputs(truth, predicted).items():
            assert measure(name, "regression", truth, predicted) == pytest.approx(wanted, rel=1e-12), name


def test_multiclass_is_that_of_scikit_learn() -> None:
    for rows, seed, as_labels in ((60, 1, False), (900, 2, False), (60, 3, True), (4, 4, False)):
        truth, predicted = classes(rows, seed, as_labels)
        for name, wanted in of_classes(truth, predicted).items():
            found = measure(name, "multiclass", truth, predicted)
            assert found == pytest.approx(wanted, rel=1e-12, abs=1e-14), (name, rows)


def test_multilabel_is_that_of_scikit_learn() -> None:
    for rows, seed in ((40, 1), (900, 2)):
        truth, predicted = labels(rows, seed)
        for name, wanted in of_labels(truth, predicted).items():
            found = measure(name, "multilabel", truth, predicted)
            assert found == pytest.approx(wanted, rel=1e-12), name


def test_ranking_is_that_of_scikit_learn() -> None:
    truth, predicted = queries(300)
    for name, wanted in of_queries(truth, predicted).items():
        if name == "map":  # scikit-learn counts ties in its own way
            predicted = Predictions(predicted.values + 1e-9 * np.arange(300), "score")
            assert measure(name, "ranking", truth, predicted) == pytest.approx(
                of_queries(truth, predicted)[name]
            )
            continue
        assert measure(name, "ranking", truth, predicted) == pytest.approx(wanted, rel=1e-12), name


def test_ties_never_help_a_ranking() -> None:
    truth = Truth(np.array([0.0, 1.0, 0.0, 0.0]), groups={"query": np.zeros(4, dtype=int)})
    same = Predictions(np.ones(4), "score")
    assert measure("map", "ranking", truth, same) == 0.25
    assert measure("mrr", "ranking", truth, same) == 0.25
    assert measure("mrr", "ranking", truth, Predictions(truth.values, "score")) == 1


def test_pinball_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import mean_pinball_loss

    rng = np.random.default_rng(1)
    truth = Truth(rng.normal(size=50), quantiles=(0.1, 0.5, 0.9))
    values = truth.values[:, None] + np.sort(rng.normal(size=(50, 3)), axis=1)
    wanted = np.mean(
        [mean_pinball_loss(truth.values, v, alpha=a) for v, a in zip(values.T, truth.quantiles, strict=True)]
    )
    predicted = Predictions(values, "quantiles")
    assert measure("pinball", "regression", truth, predicted) == pytest.approx(wanted, rel=1e-12)
    median = Predictions(values[:, 1], "value")
    for task in ("regression", "forecast"):
        assert measure("mae", task, truth, predicted) == measure("mae", task, truth, median)


def test_mase_and_smape_by_hand() -> None:
    """Two series; the first moves by 1 each step, the second by 4, and has two horizons for each moment."""
    frame = pd.DataFrame(
        {
            "t": [1, 2, 3, 1, 1, 2, 2, 3, 3],
            "shop": ["a"] * 3 + ["b"] * 6,
            "y": [10.0, 11, 12, 4, 4, 8, 8, 4, 4],
        }
    )
    gates = some_gates("forecast", "mase", "time: t\nseries: shop\n")
    truth = read_truth(frame, gates)
    assert truth.groups["scale"].tolist() == [1.0] * 3 + [4.0] * 6
    predicted = read_answers(truth.values + 2, truth, gates)
    assert measure("mase", "forecast", truth, predicted) == pytest.approx((3 * 2 + 6 * 0.5) / 9)
    expected = np.mean(2 * 2 / (2 * truth.values + 2))
    assert measure("smape", "forecast", truth, predicted) == pytest.approx(expected)
    with pytest.raises(Unmeasurable, match="too short for its season"):
        gates = some_gates("forecast", "mase", "time: t\nseries: shop\nseason: 3\n")
        measure("mase", "forecast", read_truth(frame, gates), predicted)


def test_texts() -> None:
    truth = Truth(np.array(["The cat sat.", "Ein schöner Tag", "one two three", ""], dtype=object))
    answers = np.array(["cat  SAT", "ein schöner Morgen", "three two one", ""], dtype=object)
    predicted = Predictions(answers, "text")
    assert measure("exact_match", "text", truth, predicted) == 0.5
    assert measure("token_f1", "text", truth, predicted) == pytest.approx((1 + 2 / 3 + 1 + 1) / 4)
    rouge = {name: measure(name, "text", truth, predicted) for name in ("rouge1", "rouge2", "rougeL")}
    assert rouge["rouge1"] == pytest.approx((0.8 + 2 / 3 + 1 + 0) / 4)
    assert rouge["rouge2"] == pytest.approx((2 / 3 + 0.5 + 0 + 0) / 4)
    assert rouge["rougeL"] == pytest.approx((0.8 + 2 / 3 + 1 / 3 + 0) / 4)


@pytest.mark.parametrize(
    ("task", "make", "figures"),
    [
        ("multiclass", classes, of_classes),
        ("multilabel", labels, of_labels),
        ("ranking", queries, of_queries),
        ("regression", outputs, of_outputs),
    ],
)
def test_resampled_figures_are_those_of_repeated_rows(
    task: Task, make: Callable[..., tuple[Truth, Predictions]], figures: Callable[..., Mapping[str, float]]
) -> None:
    """Each metric from weights is the metric of the rows, each repeated as often."""
    truth, predicted = make(48)
    rng = np.random.default_rng(3)
    count = rng.integers(1, 4, 48)
    if task == "ranking":
        count = rng.integers(1, 2, 48)  # a repeated row would be a longer query
    again = np.repeat(np.arange(48), count)
    for name in figures(truth, predicted):
        part = prepared(name, task, truth, predicted)
        if isinstance(part, Weighted):
            found = part.of(np.append(count, 0)[:, None].astype(np.int64))
        else:
            assert isinstance(part, Sums)
            found = part.finish((count @ part.columns)[None], np.array([float(count.sum())]))
        wanted = measure(name, task, truth.where(again), predicted.where(again))
        assert found[0] == pytest.approx(wanted, rel=1e-9), name


def test_every_metric_of_every_task_is_there() -> None:
    for task in TASKS:
        names = [name.replace("@K", "@") for name in of_task(task)]
        assert sorted(READERS[task].measures) == sorted(names), task
    assert metric_of("ndcg@10", "ranking") == metric_of("ndcg", "ranking")
    for wrong in ("ndcg@0", "ndcg@-1", "ndcg@x", "ndcg@", "top_k_accuracy", "mae@3"):
        assert metric_of(wrong) is None, wrong


def some_gates(task: Task, metric: str, more: str = "", target: str = "y") -> Gates:
    text = (
        f"task: {task}\nholdout: azureml:h:1\ntarget: {target}\nchampion: optional\ndecide_by: {metric}\n"
        f"metrics:\n  {metric}: {{max_regression: 0.1}}\n{more}"
    )
    return load_gates(Path("gates.yml"), text)


def test_classes_are_read_as_they_are_written() -> None:
    frame = pd.DataFrame(
        {"y": ["no", "yes", "no"], "n": [2, 10, 2], "f": [1.0, 0.0, 1.0], "b": [True, False, True]}
    )
    yes = read_truth(frame, some_gates("binary", "f1", "classes: [no, yes]\n"))
    assert (yes.values.tolist(), yes.classes) == ([0, 1, 0], ("no", "yes"))
    for column, named in (("n", ("2", "10")), ("f", ("0", "1")), ("b", ("false", "true"))):
        truth = read_truth(frame, some_gates("multiclass", "accuracy", target=column))
        assert truth.classes == named
    gates = some_gates("multiclass", "accuracy", "classes: [a, b, c]\n")
    with pytest.raises(UserError, match=r'the value "no", which is not in `classes`'):
        read_truth(frame, gates)
    with pytest.raises(UserError, match=r"other values than 0 and 1.*Name its two values"):
        read_truth(frame, some_gates("binary", "f1"))


@pytest.mark.parametrize("named", [(1, 0), (1, 2), (-1, 1), ("no", "yes")])
def test_numbers_that_are_names_of_classes_are_labels(named: tuple[Any, Any]) -> None:
    """A perfect model is perfect, whichever two numbers the classes are."""
    target = list(named) * 3
    gates = some_gates("binary", "accuracy", f"classes: [{named[0]}, {named[1]}]\n")
    truth = read_truth(pd.DataFrame({"y": target}), gates)
    answers = np.array(target if isinstance(named[0], int) else [0, 1] * 3, dtype=float)
    predicted = read_answers(answers, truth, gates)
    assert predicted.kind == "label"
    assert measure("accuracy", "binary", truth, predicted) == 1
    chances = read_answers(np.array([0.1, 0.9] * 3), truth, gates)
    assert chances.kind == "probability"
    assert measure("accuracy", "binary", truth, chances) == 1


def test_a_slice_on_the_median_needs_it_among_the_quantiles() -> None:
    more = "quantiles: [0.1, 0.9]\nslices:\n  - {column: g, metric: mae, limit: 1}\n"
    with pytest.raises(UserError, match="mae is measured on the median, but quantiles has no"):
        some_gates("regression", "pinball", more)
    some_gates("regression", "pinball", more.replace("mae", "pinball"))


@pytest.mark.parametrize(
    ("task", "metric", "answer", "words"),
    [
        ("multiclass", "log_loss", [[0.5, 0.5]] * 3, "2 numbers for each row, but there are 3 classes"),
        ("multiclass", "log_loss", [[0.5, 0.5, 0.5]] * 3, "not probabilities that add up to 1"),
        ("multiclass", "log_loss", ["a", "b", "c"], "labels a, b, c, but a metric in gates.yml needs prob"),
        ("multiclass", "accuracy", ["a", "b", "x"], 'answers "x", which is not one of the classes a, b, c'),
        ("multiclass", "accuracy", [0.0, 1.0, 2.0], 'answers "0", which is not one of the classes'),
        ("multiclass", "accuracy", [[0.2, 0.3, np.nan]] * 3, "NaN or infinite"),
        ("multilabel", "f1_macro", [[0.5]] * 3, r"shape \[3, 1\], not \[3, 2\]: one for each label"),
        ("multilabel", "f1_macro", [[0.5, 2]] * 3, "not probabilities"),
        ("multilabel", "roc_auc_macro", [[0, 1]] * 3, "needs probabilities"),
        ("forecast", "mae", [[1.0, 2.0]] * 3, "shape"),
        ("regression", "mae", [[1.0]] * 3, r"shape \[3, 1\], not \[3, 2\]: one for each target"),
        ("regression", "mae", [[1.0, np.nan]] * 3, "NaN or infinite"),
        ("ranking", "ndcg", ["a", "b", "c"], "answers with texts"),
        ("text", "exact_match", [1.0, 2.0, 3.0], "1.0, which is not a text"),
    ],
)
def test_answers_that_are_refused(task: Task, metric: str, answer: Any, words: str) -> None:
    frame = pd.DataFrame(
        {"y": ["a", "b", "c"], "u": [0, 1, 1], "v": [1, 0, 1], "n": [1.0, 2.0, 3.0], "t": [1, 2, 3]}
    )
    more = {"forecast": "time: t\n", "ranking": "query: t\n"}.get(task, "")
    target = {"multilabel": "[u, v]", "regression": "[u, v]", "forecast": "n", "ranking": "n"}.get(task, "y")
    gates = some_gates(task, metric, more, target)
    truth = read_truth(frame, gates)
    given = np.array(answer, dtype=object if isinstance(answer[0], str) else float)
    with pytest.raises(ModelBroken, match=words):
        read_answers(given, truth, gates)


def test_several_targets_have_no_quantiles() -> None:
    with pytest.raises(UserError, match="quantiles are for one target, and there are several"):
        some_gates("regression", "pinball", "quantiles: [0.1, 0.9]\n", "[u, v]")
    assert some_gates("regression", "mae", "", "[u]").targets == ("u",)


def test_quantiles_that_are_refused() -> None:
    gates = some_gates("regression", "pinball", "quantiles: [0.1, 0.9]\n")
    truth = read_truth(pd.DataFrame({"y": [1.0, 2.0]}), gates)
    with pytest.raises(ModelBroken, match="cross in 1 of 2 rows"):
        read_answers(np.array([[1.0, 2.0], [2.0, 1.0]]), truth, gates)
    assert read_answers(np.array([[1.0, 2.0], [2.0, 2.0]]), truth, gates).kind == "quantiles"


def test_rows_of_any_task_are_taken_and_compared() -> None:
    truth, predicted = classes(20)
    rows = np.array([3, 1, 1])
    assert truth.where(rows).values.tolist() == truth.values[rows].tolist()
    assert np.array_equal(predicted.where(rows).values, predicted.values[rows])
    assert not predicted.constant
    assert predicted.where(rows[1:]).constant
    assert apart(np.array(["a", "b"], dtype=object), np.array(["a", "c"], dtype=object)).tolist() == [0, 1]
    assert apart(np.array([[1.0, 2.0]]), np.array([[1.0, 2.5]])).tolist() == [0.5]
    assert truth.shown[0] == "a"
    assert set(predicted.shown) <= set(CLASSES)


def test_units_are_drawn_together() -> None:
    """The mean of two clusters varies as the mean of two numbers, whatever their sizes are."""
    values = np.array([0.0] * 50 + [1.0] * 50)
    truth, predicted = Truth(np.zeros(100)), Predictions(values, "value")
    part = prepared("mae", "regression", truth, predicted)
    units = np.repeat([0, 1], 50)
    [found] = _resampled([part], 100, Bootstrap(resamples=400), 0, Units(units))
    assert set(found) == {0.0, 0.5, 1.0}
    assert found.std() == pytest.approx(0.5 / np.sqrt(2), abs=0.03)
