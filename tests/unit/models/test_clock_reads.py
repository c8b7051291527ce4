"""A model's own code that reads the clock is named; libraries that do are not."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable

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
    ],
)
def test_reads(work: Callable[[], object], name: str) -> None:
    assert [name in read for read in clock_reads(work)] == [True]


def test_harmless_calls() -> None:
    def work() -> None:
        logging.getLogger("x").warning("a log line has a time")
        time.perf_counter()
        datetime.datetime.fromisoformat("2026-01-01").strftime("%H")

    assert clock_reads(work) == []
