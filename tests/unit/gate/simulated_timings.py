"""Models with simulated times beside a champion, asked by the gate's own code, without waiting for anything.

`SAME` has the champion's times, each of `SLOW` is twice as slow in at least 5 % of its requests. On a quiet
machine, and on those of `NOISE`, which make some requests of both models slow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from mlroad.gate import latency
from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import Gates
from mlroad.gate.latency import ask_rows, check_latency, is_clear
from mlroad.models.model_process import Took

ROWS, _MOST, _TYPICAL = 200, 7000, 0.002
GREEN, UNKNOWN, SLOWER = "green", "not measurable here", "slower"
Times = Callable[[np.random.Generator], NDArray[Any]]


def _some(share: float, times: float) -> Times:
    """A random part of the requests takes so many times as long; all vary by 10 %."""
    return lambda rng: np.where(rng.random(_MOST) < share, times, 1) * rng.uniform(0.9, 1.1, _MOST)


NOISE: dict[str, Times] = {
    "quiet": _some(0, 1),
    "1 of 20 takes ten times as long": _some(0.05, 10),
    "1 of 5 takes ten times as long": _some(0.2, 10),
}
WIDE: dict[str, Times] = {
    "1 of 5 takes some time longer": lambda rng: np.where(
        rng.random(_MOST) < 0.2, 1 + rng.exponential(5, _MOST), 1
    ),
    "a deviation of 20 %": lambda rng: np.exp(0.2 * rng.normal(size=_MOST)),
    "a deviation of 50 %": lambda rng: np.exp(0.5 * rng.normal(size=_MOST)),
    "no variance (Cauchy)": lambda rng: 1 + np.abs(rng.standard_cauchy(_MOST)),
}
"""Here twice the time in a few requests is nothing that one sees: `max_ratio` allows more to all of them."""
SAME = _some(0, 1)
SLOW: dict[str, Times] = {
    "1 of 20, at random": lambda rng: np.where(rng.random(_MOST) < 0.05, 2, 1),
    "1 row of 20": lambda _: np.where(np.arange(_MOST) % ROWS % 20 == 0, 2, 1),
    "the first 30 requests": lambda _: np.where(np.arange(_MOST) < 30, 2, 1),
    "each": lambda _: np.full(_MOST, 2.0),
}


@dataclass
class _Limits:
    """The keys below `latency` in gates.yml."""

    p95_ms: float = 1
    max_ratio: float | None = 1.5
    machine_ms: float | None = None


class _Simulated:
    """A model that says how long it took."""

    def __init__(self, times: NDArray[Any]) -> None:
        self._times = iter((times * _TYPICAL).tolist())

    def prepare_rows(self, rows: Any) -> None:
        """Nothing."""

    def predict_row(self, row: int) -> tuple[list[float], Took]:
        return [float(row)], Took(next(self._times))


def verdicts(model: Times, noise: Times, seeds: Iterable[int]) -> Counter[str]:
    """What the gate says of the model beside a champion, on as many machines as there are seeds."""
    with patch.object(latency, "fixed_computation", lambda: 2.0):
        return Counter(_verdict(model, noise, np.random.default_rng(seed)) for seed in seeds)


def _verdict(model: Times, noise: Times, rng: np.random.Generator) -> str:
    gates = cast("Gates", cast("Any", _Limits()))
    both = [_Simulated(noise(rng) * model(rng)), _Simulated(noise(rng))]
    timings, _ = ask_rows(cast("Any", both), ROWS, is_clear=partial(is_clear, gates))
    checks = GateChecks()
    check_latency(checks, gates, timings, ROWS, "")
    if checks.found[0].result == "passed":
        return GREEN
    return UNKNOWN if "Not measurable here" in checks.found[0].what else SLOWER
