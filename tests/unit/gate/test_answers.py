"""Answers that are texts, vectors or several outputs: from the model's process to the records and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.gate.agreement import AGREEMENT, check_agreement, single_answers
from mlroad.gate.checks import GateChecks
from mlroad.gate.holdout import row_answers
from mlroad.gate.records import ModelAnswers, Records, Values, read_records, write_records
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.model_worker import as_array
from tests.unit.gate import toy

FRAME = pd.DataFrame({"x1": [1.0, 2.0, 3.0], "x2": [0.0, 0.0, 1.0]})
TEXTS = np.array(["é", "", 'a "b"\n,'], dtype=object)
MIXED = np.array([["yes", 0.5], ["no", 0.25], ["", 1e300]], dtype=object)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (list(TEXTS), TEXTS),
        (pd.Series(TEXTS), TEXTS),
        (pd.DataFrame({"label": MIXED[:, 0], "p": MIXED[:, 1].astype(float)}), MIXED),
        ({"label": MIXED[:, 0], "p": MIXED[:, 1].astype(float)}, MIXED),
        ({"mean": [1, 2, 3], "all": np.eye(3)}, np.column_stack([[1, 2, 3], np.eye(3)])),
        (pd.Series([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, 2], [3, 4], [5, 6]])),
        ([1, 2, 3], np.array([1.0, 2, 3])),
    ],
)
def test_what_a_model_may_answer(answer: Any, expected: Values) -> None:
    found = as_array(answer)
    assert found.shape == expected.shape
    assert (found == expected).all()


@pytest.mark.parametrize("answer", [[object()], {"a": [1], "b": [1, 2]}, {}, pd.Series([[1.0], [1.0, 2.0]])])
def test_what_it_may_not(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"the model answers with|same shape"):
        as_array(answer)


def records(values: Values, again: Values, path: Path) -> Records:
    found = Records(
        "m", "r", "h:1", "sha256:0", 3, "y", candidate=ModelAnswers("d", values=values),
        again={way: ModelAnswers("d", values=again) for way in ("repeated", "restarted", "shuffled", "sizes")}
        | {"single": single_answers("d", values, {1: list(np.ravel(values[1]))}, "")}
        | {"first": ModelAnswers("d", values=values)},
        single_rows=(1,), first_rows=(1,),
    )  # fmt: skip
    write_records(path, found)
    return read_records(path)


@pytest.mark.parametrize("values", [TEXTS, MIXED, np.eye(3)])
def test_records_keep_every_answer(tmp_path: Path, values: Values) -> None:
    kept = records(values, values, tmp_path)
    assert kept.candidate
    assert kept.candidate.values is not None
    assert kept.candidate.values.shape == values.shape
    assert (kept.candidate.values == values).all()
    checks = GateChecks()
    check_agreement(checks, kept, "")
    assert [(its.id, its.result) for its in checks.found] == [(AGREEMENT, "passed")]
    other = values.copy()
    other[2] = other[1]
    checks = GateChecks()
    check_agreement(checks, records(values, other, tmp_path), "")
    assert (checks.found[0].result, "1 of 3 rows" in checks.found[0].what) == ("failed", True)


def test_texts_come_out_of_the_models_process(stock: Path) -> None:
    body = "return pd.DataFrame({'t': ['é' * int(x) for x in x1], 'p': x2})"
    with ModelProcess(toy.saved(body, stock)) as model:
        found = row_answers(model.predict(FRAME), 3)
        assert found.tolist() == [["é", 0.0], ["éé", 0.0], ["ééé", 1.0]]
        model.prepare_rows([2])
        assert model.predict_row(2)[0] == ["ééé", 1.0]
    with (
        ModelProcess(toy.saved("return ['\\ud800'] * n", stock)) as broken,
        pytest.raises(ModelBroken, match="not Unicode"),
    ):
        broken.predict(FRAME)
