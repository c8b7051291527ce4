"""Latency: which times are red, with and without a champion, on the named machine and on others."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from mlroad.gate.checks import GateChecks, is_waivable
from mlroad.gate.gates_file import Gates
from mlroad.gate.latency import LATENCY, ask_rows, check_latency
from mlroad.gate.records import Timings
from mlroad.models.model_process import Took

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
    return judged(limits, Timings(mine, champion, cold=(500.0,), machine=machine))


def judged(limits: Limits, timings: Timings) -> tuple[str, str]:
    checks = GateChecks()
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
            "times the champion's time for the same rows; 1.25 is allowed",
        ),
        (
            Limits(),
            times(2, slow=40),
            times(2, seed=1),
            BUSY,
            "failed",
            "25 of 200 requests take more than 12.5 ms; 0",
        ),
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


def beside_loops(
    own: tuple[float, ...], seed: int, share: float = 0.3, most: float = 60
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The model's own times, and what a part of its requests waited for a processor."""
    rng = np.random.default_rng(seed)
    return own, tuple(np.where(rng.random(len(own)) < share, rng.uniform(0, most, len(own)), 0))


def spinning(every: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A model that looks at the clock until 30 ms have passed, and has a processor for a fifth of that."""
    own, waited = beside_loops(times(2), 9)
    spins = np.arange(ROWS) % every == 0
    return tuple(np.where(spins, 7, own)), tuple(np.where(spins, 25, waited))


@pytest.mark.parametrize("champion", [True, False], ids=["with a champion", "without one"])
@pytest.mark.parametrize(
    ("mine", "result", "words"),
    [
        (beside_loops(times(2), 1), "passed", ""),
        (beside_loops(times(2), 1, 0.6, 300), "passed", ""),
        (beside_loops(times(4), 1), "passed", ""),
        (spinning(1), "failed", "Not measurable here: with its waiting for a processor, it takes 32 ms"),
        (spinning(8), "failed", "Not measurable here: with its waiting for a processor, it takes 32 ms"),
        (beside_loops(times(2, slow=40), 1), "failed", ""),
    ],
)  # fmt: skip
def test_beside_busy_loops(mine: Any, result: str, words: str, champion: bool) -> None:
    other, other_waited = beside_loops(times(2, seed=1), 2) if champion else ((), ())
    timings = Timings(
        mine[0], other, cold=(500.0,), machine=BUSY, waited=mine[1], champion_waited=other_waited
    )
    found, what = judged(Limits(p95_ms=20), timings)

    assert (found, words in what) == (result, True), what


def test_a_tail_that_a_busy_machine_nearly_hides() -> None:
    """The interval of the two p95 says nothing: some requests of the champion are as slow. The count does."""
    noise = np.random.default_rng(3)
    theirs = tuple(np.where(noise.random(ROWS) < 0.06, 60, times(2, seed=1)))
    mine = np.array(times(2, slow=40))
    mine[noise.random(ROWS) < 0.06] = 60

    found, what = verdict(Limits(p95_ms=20), tuple(mine), champion=theirs, machine=BUSY)
    assert (found, "requests take more than 25 ms" in what) == ("failed", True), what


def test_a_machine_that_hides_everything_is_not_green() -> None:
    """One request in 25 takes very long, by chance more or fewer than 5 %: p95 says nothing."""
    noise = np.random.default_rng(5)
    mine, theirs = (tuple(np.where(noise.random(ROWS) < 0.05, 400, times(25, seed=seed))) for seed in (1, 2))

    found, what = verdict(Limits(p95_ms=20), mine, champion=theirs, machine=BUSY)
    assert (found, "Not measurable here: the machine is too busy" in what) == ("failed", True), what


def test_same_weights_beside_loops() -> None:
    """The verdict is the same in 50 of 50, whatever each request waited."""
    found = []
    for seed in range(50):
        mine, waited = beside_loops(times(2, seed=seed), seed, 0.5)
        theirs, other = beside_loops(times(2, seed=seed + 50), seed + 50, 0.5)
        timings = Timings(mine, theirs, cold=(500.0,), machine=BUSY, waited=waited, champion_waited=other)
        found.append(judged(Limits(p95_ms=10), timings)[0])
    assert set(found) == {"passed"}


class Counting:
    """A model that counts how often it is asked for each row."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()

    def prepare_rows(self, rows: Any) -> None:
        """Nothing."""

    def predict_row(self, row: int) -> tuple[list[float], Took]:
        self.asked[row] += 1
        return [float(row)], Took(0.001)


@pytest.mark.parametrize(("rows", "calls"), [(8, 24), (60, 180), (150, 200), (1000, 200)])
def test_rows_of_a_small_holdout_are_asked_again(rows: int, calls: int) -> None:
    """A slow answer in one of 8 is seen then. Not often: a model that remembers rows is slow only once."""
    model = Counting()
    timings, answers = ask_rows([cast("Any", model)], rows)

    assert len(timings.candidate) == len(timings.waited) == calls
    assert sorted(answers) == sorted(model.asked)


class Waiting:
    """A model that had to wait for the processor all the time, which `predict_row` leaves out."""

    def prepare_rows(self, rows: Any) -> None:
        """Nothing."""

    def predict_row(self, row: int) -> tuple[list[float], Took]:
        time.sleep(0.005)
        return [float(row)], Took(0.00001, 0.005)


def test_the_cold_start_is_never_shorter_than_it_took() -> None:
    timings, _ = ask_rows([cast("Any", Waiting())], 3)
    assert timings.cold[0] >= 5
    assert max(timings.candidate) < 1
