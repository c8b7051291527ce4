"""A model's own code that reads the clock is named; libraries that do are not."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from mlroad.models.clock_reads import clock_reads


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
    assert [name in read for read in clock_reads(work)] == [True]


def test_harmless_calls() -> None:
    def work() -> None:
        logging.getLogger("x").warning("a log line has a time")
        time.perf_counter()
        datetime.datetime.fromisoformat("2026-01-01").strftime("%H")
        pd.Timestamp("2026-01-01").normalize()
        pd.to_datetime(pd.DataFrame({"today": ["2026-01-01"]})["today"])
        pd.to_datetime({"now": "2026-01-01"}["now"])

    assert clock_reads(work) == []
