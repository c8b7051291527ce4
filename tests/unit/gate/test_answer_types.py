"""What a model may answer with, without a process: numbers and texts, and no look-alikes of them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.gate.checks import number
from mlroad.models.model_worker import as_array


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.ma.masked_array([1.0, 2.0], [False, True]), "masked"),
        (np.ma.masked_array([1.0, 2.0]), "masked"),
        (np.array([1 + 2j, 3]), "complex128"),
        ([1.5, 2j], "complex128"),
        (np.array(["1.5", 2.5], dtype=object), "value 2 of 2 is 2.5"),
        (pd.Series([1.5, "2.5"]), "value 1 of 2 is 1.5"),
        (["abc", float("nan")], "value 2 of 2 is nan"),
        (["abc", None], "value 2 of 2 is None"),
        ([1, "abc"], "value 1 of 2 is 1"),
        ({"a": ("abc", 2), "b": [1, 2]}, "value 2 of 2 is 2"),
        (np.array([b"1.5", b"2"]), "|S3"),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), "datetime64"),
        (pd.to_datetime([1.5, 2.5]), "datetime64"),
        (pd.Series(pd.to_datetime([1.5, 2.5])), "datetime64"),
        (np.array([1, 2], dtype="timedelta64[s]"), "timedelta64"),
        ([datetime.date(2026, 1, 1)], "datetime.date"),
        (pd.DataFrame({"a": [1.5, 2.5], "b": [1j, 2j]}), "complex"),
        ({"a": np.ma.masked_array([1.0], [True])}, "masked"),
        ([], "nothing"),
    ],
)
def test_what_is_refused(answer: Any, words: str) -> None:
    if isinstance(answer, list) and not answer:
        answer = np.array([], dtype=object)
    with pytest.raises(ValueError, match="the model answers with") as error:
        as_array(answer)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        [1, 2],
        [True, False],
        [Decimal(1), 2.0],
        [Fraction(1, 2), 1],
        np.array([1, 2], dtype=np.float16),
        pd.Series([1, None], dtype="Int64"),
        np.array([np.float32(1), np.int8(2)], dtype=object),
        pd.Series([1.0, None], dtype="Float64"),
    ],
)
def test_numbers(answer: Any) -> None:
    found = as_array(answer)
    assert found.dtype.kind in "iubf"
    assert found.shape == (2,)


def test_texts_stay_texts() -> None:
    """So a task with numbers refuses "1.5" instead of reading it."""
    assert as_array(["1.5", "2.5"]).dtype == object


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e300, "1e+300"), (-2.5e99, "-2.5e+99"), (123456.7, "123,457"), (999.96, "1000"), (1e-9, "1e-09")],
)
def test_long_figures_are_short(value: float, shown: str) -> None:
    assert number(value) == shown
