"""Every difference between two gates.yml is named, and whether it makes passing easier."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlroad.gate.settings import flat_settings
from mlroad.report.changed_rules import settings_changes

GATES = """task: regression
holdout: azureml:h:1
target: y
champion: required
decide_by: mae
resample_by: patient
metrics:
  mae: {limit: 60, max_regression: 3}
  r2: {limit: 0.3}
slices:
  - {column: sex, metric: mae, limit: 65, max_regression: 6, min_rows: 30}
  - {column: sex, metric: r2, limit: 0.2}
latency: {p95_ms: 100, max_ratio: 2, machine_ms: 3}
size: {max_mb: 20}
inference_tests: [pyfunc]
onnx: {max_difference: 0.5}
bootstrap: {resamples: 1000, confidence: 0.9, seed: 3}
"""
OTHERS = """query: q
time: day
series: shop
season: 7
block: 3
quantiles: [0.1, 0.5]
classes: [no, yes]
files: {table: labels.csv, column: file}
"""
"""The keys of other tasks."""


def changes(text: str, old: str = GATES) -> list[tuple[str, str]]:
    found = settings_changes(flat_settings(old), flat_settings(text), {})
    return [(change.kind, change.what) for change in found]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values that are no mappings or lists of mappings."""
    if isinstance(node, dict):
        return [place for key, below in node.items() for place in places(below, (*path, key))]
    if isinstance(node, list) and node and isinstance(node[0], dict):
        return [place for number, below in enumerate(node) for place in places(below, (*path, number))]
    return [path]


@given(
    data=st.data(), value=st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.lists(st.text()))
)
def test_any_change_of_any_key_is_named(data: st.DataObject, value: Any) -> None:
    content = yaml.safe_load(GATES + OTHERS)
    place = data.draw(st.sampled_from(places(content)))
    changed = copy.deepcopy(content)
    node = changed
    for part in place[:-1]:
        node = node[part]
    remove = data.draw(st.booleans())
    before = node.pop(place[-1])
    if not remove:
        node[place[-1]] = value
    found = changes(yaml.safe_dump(changed), GATES + OTHERS)
    number = type(value) in (int, float) and type(before) in (int, float)
    same = not remove and value == before and (number or type(value) is type(before))
    assert bool(found) != same
    if place[0] != "slices" and found:
        assert any(".".join(map(str, place)) in what for _, what in found)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("champion: required", "champion: optional", "loosened"),
        ("confidence: 0.9", "confidence: 0.8", "changed"),
        ("seed: 3", "seed: 4", "changed"),
        ("min_rows: 30", "min_rows: 5", "loosened"),
        ("mae: {limit: 60,", "mae: {limit: 61,", "loosened"),
        ("r2: {limit: 0.3}", "r2: {limit: 0.31}", "stricter"),
        ("metric: r2, limit: 0.2", "metric: r2, limit: 0.1", "loosened"),
        ("max_ratio: 2, ", "", "loosened"),
        ("p95_ms: 100", "p95_ms: 50", "stricter"),
        ("inference_tests: [pyfunc]", "inference_tests: []", "loosened"),
        ("inference_tests: [pyfunc]", "inference_tests: [onnx]", "loosened"),
        ("inference_tests: [pyfunc]", "inference_tests: [pyfunc, dotnet]", "stricter"),
        ("classes: [no, yes]", "classes: [yes, no]", "changed"),
        ("time: day\n", "", "changed"),
        ("onnx: {max_difference: 0.5}\n", "", "loosened"),
        ("resample_by: patient", "resample_by: visit", "changed"),
        ("task: regression", "task: forecast", "changed"),
    ],
)
def test_kinds(old: str, new: str, kind: str) -> None:
    whole = GATES + OTHERS
    assert old in whole
    assert [its for its, _ in changes(whole.replace(old, new), whole)] == [kind]


def test_a_section_of_another_kind() -> None:
    """A base branch may hold a gates.yml that the gate refuses."""
    assert ("changed", "bootstrap is new: [1].") in changes(
        GATES.replace("bootstrap: {resamples: 1000, confidence: 0.9, seed: 3}", "bootstrap: [1]")
    )
    for text in (
        "slices: 3\n",
        "slices: [[1]]\n",
        "bootstrap: 3\n",
        "metrics: []\n",
        "a: {[1]: 2}\n",
        "2026-13-45",
    ):
        assert isinstance(flat_settings(text), dict)


def test_no_difference() -> None:
    """Neither comments and order, nor a default that is written down, nor another way to write a number."""
    for old, new in (
        ("[pyfunc]", "[python]"), ("limit: 60,", "limit: 60.0,"), ("seed: 3", "seed: 3.0"),
        ("max_mb: 20}", "max_mb: 20 }  # a comment"),
    ):  # fmt: skip
        assert old in GATES
        assert changes(GATES.replace(old, new)) == []
    both = GATES.replace("[pyfunc]", "[pyfunc, onnx]")
    assert changes(both.replace("[pyfunc, onnx]", "[onnx, pyfunc]"), both) == []
    first, second = GATES.partition("slices:\n")[2].splitlines(keepends=True)[:2]
    assert changes(GATES.replace(first + second, second + first)) == []
    assert changes(f"# a comment\n{GATES}") == []
    assert changes(yaml.safe_dump(yaml.safe_load(GATES), sort_keys=True)) == []
    short = "task: regression\nmetrics: {mae: {limit: 3}}\n"
    assert changes(f"{short}bootstrap: {{seed: 7, resamples: 10000, confidence: 0.95}}\n", short) == []
