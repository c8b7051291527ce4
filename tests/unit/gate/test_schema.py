"""gates.yml: every valid key, and every mistake with its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.gate.gates_file import Bootstrap, Threshold, load_gates

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
inference_tests: [python]
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
    assert gates.inference_tests == ("python",)
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
    assert load_gates(file).inference_tests == ("python",)
    file.write_text(f"{least}inference_tests: []\n", encoding="utf-8")
    assert load_gates(file).inference_tests == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("task: regression", "task: regresion", "1:7", "Did you mean regression?"),
        ("task: regression\n", "", "1:1", "The key task is missing"),
        ("target: y\n", "", "1:1", "The key target is missing"),
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
        ("[python]", "[pyton]", "14:19", "Did you mean python?"),
        ("[python]", "python", "14:18", "must be a list"),
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
