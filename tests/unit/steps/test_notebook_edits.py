"""Changes to a notebook's code: which values are metrics."""

from __future__ import annotations

from typing import Any

import pytest

from mlroad.steps.notebook_cells import Cell
from mlroad.steps.notebook_edits import edit

_METRICS = """import numpy as np
from sklearn.metrics import f1_score, mean_squared_error as mse, r2_score
y, p = np.arange(1.0, 11), np.arange(10)
base = 2
"""


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a = r2_score(y, p)", ["a"]),
        ("a = model.score(X, y)", ["a"]),
        ("a = 100 * (1 - mse(y, p) / base) ** 0.5", ["a"]),
        ("a = round(float(r2_score(y, p)), 3)", ["a"]),
        ("a = np.sqrt(mse(y, p)).round(2)", ["a"]),
        ("a = mse(y, p) / (y.max() - y.min())", ["a"]),
        ("a = np.mean([r2_score(y, p + d) for d in (1, 2)])", ["a"]),
        ("a = mse(y, p)\nb = -a + r2_score(y, p)", ["a", "b"]),
        ("a = mse(y, p)\nc = [a for a in 'xy']", ["a"]),
        ("a = mse(y, p)\na = round(a**0.5, 2)\na *= 100", ["a"]),
        ("a = mse(y, p)\nb = np.sqrt(a)\nb = b.round(2)\nc = base + 1", ["a", "b"]),
        ("print(f'r2 {r2_score(y, p):.3f}')", ["r2"]),
        ("print({'r2': r2_score(y, p)})", ["r2"]),
        ("a = {'r2': r2_score(y, p)}", []),
        ("a = [mse(y, p), r2_score(y, p)]", []),
        ("a = mse(y, p), r2_score(y, p)", []),
        ("a = {d: mse(y, p + d) for d in (1, 2)}", []),
        ("a = np.array([mse(y, p)]) * 2", []),
        ("a = f1_score(y > 5, p > 5, average=None)", []),
        ("a = mse([[1, 2]], [[1, 1]], multioutput='raw_values')", []),
        ("a = f'r2 {r2_score(y, p):.3f}'", []),
        ("a = mse(y, p) / y", []),
        ("a = mse(y, p)\na = [a]", []),
        ("a = mse(y, p)\nfor a in 'xy': pass", []),
        ("print(f1_score(y > 5, p > 5, average=None))", []),
        ("[print(mse(y, p + d)) for d in (1, 2)]", []),
        ("print(*map(lambda d: mse(y, p + d), (1, 2)))", []),
    ],
)
def test_only_numbers_are_metrics(code: str, names: list[str]) -> None:
    cell = Cell(1, _METRICS + code, "evaluate")

    assert list(dict.fromkeys(edit([cell]).metrics)) == names

    class Model:
        def score(self, _features: object, _target: object) -> float:
            return 0.5

    values: dict[str, Any] = {"model": Model(), "X": 0}
    exec(cell.source, values)
    for name in names:  # as evaluate writes them
        float(values[name])
