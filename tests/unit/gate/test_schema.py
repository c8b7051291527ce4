"""gates.yml: every valid key, and every mistake with its line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.data.version import DatasetVersion
from mlroad.gate.gates_file import Bootstrap, Threshold, load_gates
from mlroad.gate.model_rules import missing_columns

GOOD = """task: regression
holdout: azureml:toys_holdout:1
target: y
champion: optional
decide_by: mae
metrics:
  mae: {limit: 60, max_regression: 3}
  r2: {limit: 0.3, direction: higher}
slices:
  - {column: sex, metric: mae, limit: 65, max_regression: 6, min_rows: 10}
  - {column: sex, metric: r2, limit: 0.1}
latency: {p95_ms: 100}
size: {max_mb: 20}
inference_tests: [pyfunc]
onnx: {max_difference: 0}
bootstrap: {resamples: 2000, confidence: 0.9, seed: 1}
"""


def test_everything(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    file.write_text(GOOD, encoding="utf-8")
    gates = load_gates(file)
    assert gates.holdout == "toys_holdout:1"
    assert gates.metrics == {"mae": Threshold(60, 3), "r2": Threshold(0.3)}
    assert [(gate.column, gate.metric, gate.min_rows) for gate in gates.slices] == [
        ("sex", "mae", 10),
        ("sex", "r2", 20),
    ]
    assert (gates.p95_ms, gates.max_mb, gates.onnx_difference) == (100, 20, 0)
    assert gates.inference_tests == ("pyfunc",)
    assert gates.bootstrap == Bootstrap(2000, 0.9, 1)
    assert not gates.champion_required


def test_the_least(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    least = GOOD.split("slices:", maxsplit=1)[0]
    file.write_text(least.replace("optional", "required").replace("azureml:", ""), encoding="utf-8")
    gates = load_gates(file)
    assert gates.champion_required
    assert gates.bootstrap == Bootstrap()
    assert (gates.p95_ms, gates.max_mb, gates.onnx_difference, gates.slices) == (None, None, None, ())
    assert gates.inference_tests == ()


def test_a_model_with_inference_tests_is_held_to_them(tmp_path: Path) -> None:
    """A line that is missing from gates.yml must not switch them off; an empty list says so openly."""
    file = tmp_path / "gates.yml"
    least = GOOD.split("slices:", maxsplit=1)[0]
    file.write_text(least, encoding="utf-8")
    (tmp_path / "inference_tests").mkdir()
    assert load_gates(file).inference_tests == ("pyfunc",)
    file.write_text(f"{least}inference_tests: [python, onnx]\n", encoding="utf-8")
    assert load_gates(file).inference_tests == ("pyfunc", "onnx"), "its name up to version 0.2"
    file.write_text(f"{least}inference_tests: []\n", encoding="utf-8")
    assert load_gates(file).inference_tests == ()


def test_lists_that_may_be_empty(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    text = GOOD.split("slices:", maxsplit=1)[0].replace("target: y", "target: [y]")
    file.write_text(f"{text}slices: []\ninference_tests: []\n", encoding="utf-8")
    gates = load_gates(file)
    assert (gates.targets, gates.slices, gates.inference_tests) == (("y",), (), ())


@pytest.mark.parametrize("targets", ["[]", "[a]"])
def test_too_few_labels(tmp_path: Path, targets: str) -> None:
    file = tmp_path / "gates.yml"
    text = TASKED.replace("TASK", "multilabel").replace("METRIC", "f1_macro")
    file.write_text(text.replace("target: y", f"target: {targets}"), encoding="utf-8")
    with pytest.raises(UserError, match="target is empty" if targets == "[]" else "target has one label"):
        load_gates(file)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("task: regression", "task: regresion", "1:7", "Did you mean regression?"),
        ("task: regression\n", "", "1:1", "The key task is missing"),
        ("target: y\n", "", "1:1", "The key target is missing"),
        ("target: y", "target: []", "3:9", "target is empty. Name at least one"),
        ("target: y", "target: [y, y]", "3:13", "y is named twice in target"),
        ("target: y", 'target: ""', "3:1", "target has no value"),
        ("holdout: azureml:toys_holdout:1", "holdout: ' '", "2:1", "holdout has no value"),
        ("column: sex, metric: r2", 'column: "", metric: r2', "11:6", "column has no value"),
        ("champion: optional", "champoin: optional", "4:1", "Did you mean champion?"),
        ("champion: optional", "champion: requird", "4:11", "Did you mean required?"),
        (
            "holdout: azureml:toys_holdout:1",
            "holdout: azureml:toys_holdout@latest",
            "2:10",
            "name different data",
        ),
        ("holdout: azureml:toys_holdout:1", "holdout: toys_holdout", "2:10", "not a dataset version"),
        ("decide_by: mae", "decide_by: mea", "5:12", "Did you mean mae?"),
        ("decide_by: mae", "decide_by: r2", "5:12", "no max_regression"),
        ("  mae: {", "  mea: {", "7:3", "Did you mean mae?"),
        ("  r2: {limit: 0.3", "  roc_auc: {limit: 0.3", "8:3", "is not a metric of regression"),
        ("limit: 60", "limt: 60", "7:9", "Did you mean limit?"),
        ("limit: 60", "limit: sixty", "7:16", "must be a number"),
        ("limit: 60", "limit: .nan", "7:16", "must be a number"),
        ("limit: 60", "limit: null", "7:9", "limit has no value"),
        ("max_regression: 3", "max_regression: -3", "7:36", "0 or more"),
        ("direction: higher", "direction: lower", "8:31", "Write higher."),
        ("{limit: 0.3, direction: higher}", "{direction: higher}", "8:7", "has no threshold"),
        ("metric: mae, limit: 65", "metric: maee, limit: 65", "10:27", "Did you mean mae?"),
        ("min_rows: 10", "min_row: 10", "10:62", "Did you mean min_rows?"),
        ("min_rows: 10", "min_rows: 1.5", "10:72", "whole number"),
        ("metric: r2, limit: 0.1", "metric: mae, limit: 0.1", "11:5", "Duplicate slice"),
        ("metric: r2, limit: 0.1", "metric: r2", "11:5", "has no threshold"),
        ("  - {column: sex, metric: r2, limit: 0.1}", "  - sex", "11:5", "This is not a slice"),
        ("latency: {p95_ms: 100}", "latency: {p95: 100}", "12:11", "Did you mean p95_ms?"),
        ("latency: {p95_ms: 100}", "latency: 100", "12:10", "must be a mapping"),
        ("latency: {p95_ms: 100}", "latency:", "12:1", "latency has no value"),
        ("max_mb: 20", "max_mb: 0", "13:16", "or more"),
        ("[pyfunc]", "[pyfun]", "14:19", "Did you mean pyfunc?"),
        ("[pyfunc]", "pyfunc", "14:18", "must be a list"),
        ("max_difference: 0}", "max_difference: yes}", "15:24", "must be a number"),
        ("resamples: 2000", "resamples: 10", "16:24", "from 100 to"),
        ("confidence: 0.9", "confidence: 95", "16:42", "from 0.5 to 0.999"),
        ("size:", "latency:", "13:1", "Duplicate key"),
        ("size: {", "sizes: {", "13:1", "Did you mean size?"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, place: str, words: str) -> None:
    file = tmp_path / "gates.yml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_gates(file)
    lines = [line for line in str(error.value).splitlines() if words in line]
    assert lines, str(error.value)
    assert lines[0].startswith(f"{file}:{place}: M"), str(error.value)


TASKED = """task: TASK
holdout: azureml:toys_holdout:1
target: y
champion: optional
decide_by: METRIC
metrics:
  METRIC: {max_regression: 1}
"""


@pytest.mark.parametrize(
    ("task", "metric", "more", "place", "words"),
    [
        ("classification", "f1", "", "1:7", "Write binary (two classes) or multiclass."),
        ("binary", "f1_macro", "", "7:3", "f1_macro is not a metric of binary"),
        ("multiclass", "f1", "", "7:3", "f1 is not a metric of multiclass"),
        ("ranking", "ndcg@0", "query: q\n", "7:3", "ndcg@0 is not a metric of ranking"),
        ("ranking", "ndcg", "", "1:1", "The key query is missing"),
        ("forecast", "mase", "", "1:1", "The key time is missing"),
        ("regression", "mae", "query: q\n", "8:1", "query is for ranking, but the task is regression"),
        ("regression", "mae", "season: 7\n", "8:1", "season is for forecast"),
        ("regression", "mae", "block: 7\n", "8:1", "block is for forecast"),
        ("text", "exact_match", "classes: [a, b]\n", "8:1", "classes is for binary and multiclass"),
        ("binary", "f1", "classes: [a, b, c]\n", "8:10", "two, the positive one last"),
        ("binary", "f1", "classes: [a, a]\n", "8:14", "a is named twice"),
        ("multiclass", "accuracy", "classes: [a]\n", "8:10", "at least two"),
        ("multiclass", "accuracy", "classes: []\n", "8:10", "classes is empty"),
        ("regression", "mae", "quantiles: []\n", "8:12", "quantiles is empty"),
        ("ranking", "ndcg", "query: q\nresample_by: q\n", "9:14", "A ranking is resampled by query"),
        ("forecast", "mae", "time: t\nresample_by: s\n", "9:14", "resampled by blocks in time"),
        ("forecast", "mae", "time: t\nseason: 0\n", "9:9", "must be from 1"),
        ("regression", "mae", "quantiles: [0.1, 0.9]\n", "8:12", "Add 0.5"),
        ("regression", "pinball", "quantiles: [0.9, 0.1]\n", "8:18", "not in order"),
        ("regression", "pinball", "quantiles: [1]\n", "8:13", "not between 0 and 1"),
        ("multilabel", "f1_macro", "", "3:9", "target must be a list"),
        ("binary", "f1", "resample_by: [a]\n", "8:14", "resample_by must be text"),
    ],
)
def test_wrong_for_the_task(
    tmp_path: Path, task: str, metric: str, more: str, place: str, words: str
) -> None:
    file = tmp_path / "gates.yml"
    file.write_text(TASKED.replace("TASK", task).replace("METRIC", metric) + more, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_gates(file)
    lines = [line for line in str(error.value).splitlines() if words in line]
    assert lines, str(error.value)
    assert lines[0].startswith(f"{file}:{place}: M"), str(error.value)


@pytest.mark.parametrize(
    ("task", "metric", "more"),
    [
        ("binary", "f1", "classes: [no, yes]\nresample_by: patient\n"),
        ("multiclass", "top_k_accuracy@3", "classes: [1, 2, 3]\n"),
        ("ranking", "ndcg@10", "query: q\n"),
        ("forecast", "mase", "time: t\nseries: s\nseason: 7\nblock: 14\n"),
        ("regression", "pinball", "quantiles: [0.1, 0.9]\n"),
        ("text", "rougeL", ""),
    ],
)
def test_right_for_the_task(tmp_path: Path, task: str, metric: str, more: str) -> None:
    file = tmp_path / "gates.yml"
    file.write_text(TASKED.replace("TASK", task).replace("METRIC", metric) + more, encoding="utf-8")
    gates = load_gates(file)
    assert gates.metric(metric)
    assert gates.classes in ((), ("no", "yes"), ("1", "2", "3"))


def test_limits_outside_the_range_of_a_metric(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    for old, new, words in (
        ("limit: 60", "limit: -1", "limit is -1, but the metric is always 0 or more"),
        ("limit: 0.3", "limit: 1.5", "limit is 1.5, but the metric is always at most 1"),
    ):
        file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(UserError, match=re.escape(words)):
            load_gates(file)


def test_columns_that_the_holdout_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "schema.yml").write_text(
        "fields:\n- {name: y, type: number}\n- {name: patient, type: integer}\n"
    )
    file = tmp_path / "gates.yml"
    version = DatasetVersion(tmp_path / "1.yml", "toys_holdout", "1", "uri_file", "x", schema="schema.yml")
    text = TASKED.replace("TASK", "regression").replace("METRIC", "mae")
    for column, found in (("patient", []), ("patients", ["8:14"])):
        file.write_text(f"{text}resample_by: {column}\n", encoding="utf-8")
        problems = list(missing_columns(load_gates(file), version))
        assert [f"{its.at.line}:{its.at.column}" for its in problems] == found
        assert all("Did you mean patient?" in its.fix for its in problems)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "gates.yml"
    text = GOOD.replace("champion", "champoin").replace("limit: 60", "limt: 60").replace("max_mb", "mb")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_gates(file)
    assert {4, 7, 13} <= {problem.at.line for problem in error.value.problems}


@pytest.mark.parametrize("text", ["", "[]", "task: [", "metrics: {}\n"])
def test_no_gates(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gates.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        load_gates(file)
