"""Latency: which times are red, with and without a champion, on the named machine and on others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from mlroad.gate.checks import GateChecks, is_waivable
from mlroad.gate.gates_file import Gates
from mlroad.gate.latency import LATENCY, ask_rows, check_latency
from mlroad.gate.records import Timings

ROWS = 200
QUIET = tuple(np.linspace(2, 2.2, 50))
BUSY = (*QUIET, *(30.0,) * 10)


@dataclass
class Limits:
    """The keys of gates.yml below `latency`."""

    p95_ms: float = 10
    max_ratio: float | None = None
    machine_ms: float | None = None


def times(typical: float, slow: float | None = None, seed: int = 0) -> tuple[float, ...]:
    """Times around ``typical``; every 8th is ``slow``."""
    made = typical * np.random.default_rng(seed).uniform(0.9, 1.1, ROWS)
    if slow is not None:
        made[::8] = slow
    return tuple(made)


def verdict(
    limits: Limits, mine: tuple[float, ...], *, champion: tuple[float, ...] = (), machine: Any = QUIET
) -> tuple[str, str]:
    checks = GateChecks()
    timings = Timings(mine, champion, cold=(500.0,), machine=machine)
    figures = check_latency(checks, cast("Gates", cast("Any", limits)), timings, ROWS, "")
    assert figures
    assert figures["cold_ms"] == 500
    return checks.found[0].result, checks.found[0].what


@pytest.mark.parametrize(
    ("limits", "mine", "champion", "machine", "result", "words"),
    [
        # Without a champion, and no machine named: a time within the limit holds on any machine.
        (Limits(), times(5), (), BUSY, "passed", "limit 10 ms"),
        (Limits(), times(20), (), QUIET, "failed", "Not measurable here: gates.yml names no machine"),
        # On the named machine, or one that is as fast.
        (Limits(machine_ms=2), times(5), (), QUIET, "passed", ""),
        (Limits(machine_ms=2), times(20), (), QUIET, "failed", "limit 10 ms."),
        # On a slower or a busy one.
        (Limits(machine_ms=1), times(20), (), QUIET, "failed", "Not measurable here: this machine takes 2.1"),
        (Limits(machine_ms=1), times(5), (), QUIET, "passed", ""),
        (Limits(machine_ms=2), times(20), (), BUSY, "failed", "Not measurable here"),
        # On a faster one, times are scaled.
        (Limits(machine_ms=4), times(4.5), (), QUIET, "passed", "Scaled to"),
        (Limits(machine_ms=8), times(5), (), QUIET, "failed", "Not measurable here: Scaled to"),
        (Limits(machine_ms=8), times(20), (), QUIET, "failed", "Scaled to"),
        # With a champion, a candidate that is as fast passes on any machine.
        (Limits(), times(20), times(20, seed=1), BUSY, "passed", "as fast as the champion"),
        (Limits(machine_ms=2), times(20), times(20, seed=1), BUSY, "passed", "Not measurable here"),
        (
            Limits(),
            times(20),
            times(10, seed=1),
            BUSY,
            "failed",
            "times as long as the champion for the same",
        ),
        (Limits(), times(2, slow=40), times(2, seed=1), BUSY, "failed", "Its slow requests (p95) take"),
        # A ratio that gates.yml names holds below the limit, too.
        (Limits(max_ratio=1.5), times(4), times(2, seed=1), QUIET, "failed", "`max_ratio` is 1.5"),
        (Limits(max_ratio=3), times(4), times(2, seed=1), QUIET, "passed", "champion on the same machine"),
        (Limits(), times(4), times(2, seed=1), QUIET, "passed", ""),
    ],
)
def test_results(limits: Limits, mine: Any, champion: Any, machine: Any, result: str, words: str) -> None:
    found, what = verdict(limits, mine, champion=champion, machine=machine)

    assert (found, words in what) == (result, True), what


def test_what_cannot_be_measured_can_be_waived() -> None:
    assert is_waivable(LATENCY)


def test_same_weights_on_a_machine_with_pauses() -> None:
    """Ten times the time in one of five requests, at random: the verdict stays in 50 of 50."""
    rng = np.random.default_rng(4)

    def paused(seed: int) -> tuple[float, ...]:
        return tuple(np.array(times(3, seed=seed)) * np.where(rng.random(ROWS) < 0.2, 10, 1))

    found = [
        verdict(Limits(max_ratio=1.5), paused(k), champion=paused(k + 50), machine=BUSY)[0] for k in range(50)
    ]
    assert set(found) == {"passed"}


class Waiting:
    """A model that had to wait for the processor all the time, which `predict_row` leaves out."""

    def prepare_rows(self, rows: Any) -> None:
        """Nothing."""

    def predict_row(self, row: int) -> tuple[list[float], float]:
        time.sleep(0.005)
        return [float(row)], 0.00001


def test_the_cold_start_is_never_shorter_than_it_took() -> None:
    timings, _ = ask_rows([cast("Any", Waiting())], 3)
    assert timings.cold[0] >= 5
    assert max(timings.candidate) < 1
