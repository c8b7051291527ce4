"""A model's own code that reads the clock is named; libraries that do are not."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlroad.models.clock_reads import clock_reads
from mlroad.models.other_days import depends_on_day

_TIME = time.time


def _by_hour() -> float:
    return float(datetime.datetime.now(datetime.UTC).hour)


def _today() -> str:
    return str(datetime.date.today())


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (lambda: time.time() + 1, "time.time in test_clock_reads.py:"),
        (lambda: time.strftime("%H"), "time.strftime"),
        (_by_hour, "datetime.now"),
        (_today, "date.today"),
        (lambda: pd.Timestamp.now("UTC").hour, "Timestamp.now"),
        (lambda: pd.Timestamp.today().year, "Timestamp.today"),
        (lambda: pd.Timestamp("now"), 'Timestamp("now") in test_clock_reads.py:'),
        (lambda: np.datetime64("today", "D"), 'datetime64("today")'),
        (lambda: pd.to_datetime("now", utc=True), 'to_datetime("now")'),
    ],
)
def test_reads(work: Callable[[], object], name: str) -> None:
    assert [name in read for read in clock_reads(work)[0]] == [True]


def test_harmless_calls() -> None:
    def work() -> None:
        logging.getLogger("x").warning("a log line has a time")
        time.perf_counter()
        datetime.datetime.fromisoformat("2026-01-01").strftime("%H")
        pd.Timestamp("2026-01-01").normalize()
        pd.to_datetime(pd.DataFrame({"today": ["2026-01-01"]})["today"])
        pd.to_datetime({"now": "2026-01-01"}["now"])

    assert clock_reads(work)[0] == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda: [time.time()],
        lambda: [datetime.datetime.now(datetime.UTC).hour],
        lambda: [float(datetime.date.today().weekday() > 4)],
        lambda: [date.today().isoformat()],
        lambda: [time.strftime("%m")],
        lambda: [pd.Timestamp.now().year],
    ],
)
def test_an_answer_that_depends_on_the_day(answer: Callable[[], list[Any]]) -> None:
    assert depends_on_day(answer, [globals()])
    assert date.today() is not None
    assert date is datetime.date  # everything is as before
    assert time.time is _TIME


def test_an_answer_that_does_not() -> None:
    def answer() -> list[Any]:
        made = datetime.datetime.now(datetime.UTC)
        assert isinstance(made, datetime.datetime)
        assert isinstance(date(2026, 1, 1), date)
        return [round(time.time() - time.time()), (made - made).days]

    assert not depends_on_day(answer, [globals()])
