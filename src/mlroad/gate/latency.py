"""Latency: single rows timed by the gate, candidate and champion in turn, judged so that load does not count.

A busy machine slows both models and this process. So a time above the limit is compared with the champion's:
a candidate passes if it is shown to be as fast, by the ratio for the same rows and by how many more of its
requests are slow, both with an interval. More requests are made until that is clear. The limit in
milliseconds is for one machine, which gates.yml can name by `machine_ms`: the time of a small fixed
computation, measured between the rows. On a slower or busier machine, a time above the limit says nothing; on
a faster one, times are scaled. On Linux, time in which other programs had the processor does not count where
the model cannot have caused it: see `_charged`. What the comparison cannot decide is "not measurable here".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from mlroad.gate.checks import GateChecks, exceeds, number
from mlroad.gate.gates_file import Gates
from mlroad.gate.interval_methods import wilson
from mlroad.gate.records import Floats, Timings
from mlroad.models.model_process import ModelBroken, ModelProcess

LATENCY = "latency.p95"
TIMED_ROWS = 200
"""At most this many rows are timed."""
_AGAIN = 3
"""How often the rows of a small holdout are asked, so that rare slow requests are seen."""
LEAST_TIMED = 20
"""A slow model is timed on at least this many rows."""
SLOWER = 1.25
"""How many times slower than the champion a candidate is allowed to be if it is above the limit in ms."""
_AS_FAST = 1.25
"""Two machines are as fast as each other if the fixed computation differs by less than this factor."""
_QUIET = 1.5
"""A machine is quiet if the slow ones of its fixed computations (p95) take less than this factor longer."""
_WARM_UP = 4
"""Requests that are not counted, after the first one: that is the cold start."""
_SECONDS = 10.0
"""A model is slow if its requests take longer in all: then the verdict may be clear with fewer."""
_LONGEST = 60.0
"""Seconds with those in which other programs had the processor."""
_LIKE_OTHERS = 1.5
"""A request is like the others if its own time is below this factor of theirs."""
_RARE = 0.05
"""A model is slow if more than this share of its requests is: that is what p95 means."""
_MOST = 32
"""So many times as many requests are made at most. After each doubling, the verdict may be clear."""
_FEW, _MORE = -3.5, 3.9
"""Scores (of a standard normal) that few more requests are slow than of the champion's, and that more are.

Each holds for one look at one time. All looks together err in less than 1 of 1,000: see test_latency_laws.py.
"""
_ENOUGH, _ROUGHLY = 164, -1.64
"""With fewer requests, even without a slow one, `_FEW` is out of reach. A slow model needs less then."""
_SLOW_START = 2.33
"""The score that more of the first requests are slow: it is not green then, and may be chance."""
_BETWEEN = 4
"""The fixed computation is timed after so many rows."""


def ask_rows(
    models: Sequence[ModelProcess],
    rows: int,
    most: int = TIMED_ROWS,
    is_clear: Callable[[Timings], bool] = lambda _: True,
) -> tuple[Timings, dict[int, list[float | str]]]:
    """Time one row at a time, both models in turn, so that a busy machine is equally busy for both.

    Also returns the first model's answers by row. The rows are those of the table that each model predicted
    last, the holdout with its ``rows`` rows, at most ``most``. More requests are made while it is not clear.
    """
    chosen = np.linspace(0, rows - 1, min(rows, most)).astype(int).tolist()
    enough = min(most, _AGAIN * len(chosen))
    times: list[list[float]] = [[] for _ in models]
    waited: list[list[float]] = [[] for _ in models]
    machine: list[float] = []
    answers: dict[int, list[float | str]] = {}
    cold: tuple[float, ...] = ()

    def found() -> Timings:
        other, other_waited = (tuple(its[1]) if len(models) > 1 else () for its in (times, waited))
        return Timings(tuple(times[0]), other, "", cold, tuple(machine), tuple(waited[0]), other_waited)

    try:
        for model in models:
            model.prepare_rows(chosen)
        cold = tuple(_first_answer(model, chosen[0]) for model in models)
        for row in chosen[:_WARM_UP]:
            for model in models:
                model.predict_row(row)
        started, spent = time.monotonic(), 0.0
        for count in range(max(_MOST * enough, _ENOUGH)):
            row = chosen[count % len(chosen)]
            if count % _BETWEEN == 0:
                machine.append(fixed_computation())
            # Each goes first in half of the rows: the second finds warmer caches.
            for place in range(len(models)) if count % 2 else reversed(range(len(models))):
                answer, took = models[place].predict_row(row)
                spent += took.own
                times[place].append(took.own * 1000)
                waited[place].append(took.waited * 1000)
                if place == 0:
                    answers.setdefault(row, answer)
            made = count + 1
            if time.monotonic() - started > _LONGEST and made >= min(LEAST_TIMED, enough):
                break
            late = spent > _SECONDS and made < _ENOUGH
            if (_doubles(made, enough) or (late and _doubles(made, LEAST_TIMED))) and is_clear(found()):
                break
    except ModelBroken as error:
        return Timings(error=str(error)), {}
    return found(), answers


def _doubles(count: int, first: int) -> bool:
    """Whether it is the first one, or that doubled some times. (Each look is another chance to err.)"""
    return count % first == 0 and (count // first).bit_count() == 1


def fixed_computation() -> float:
    """The milliseconds of a small fixed computation: how fast this machine is now."""
    started = time.perf_counter()
    values = np.arange(20_000, dtype=np.float64)
    total = 0.0
    for step in range(40):
        total += float(np.sqrt(values + step).sum())
        for place in range(250):
            total += place * step % 7
    return (time.perf_counter() - started) * 1000


def _first_answer(model: ModelProcess, row: int) -> float:
    """The milliseconds of the first answer. Waiting for a processor counts: it can be most of them."""
    started = time.perf_counter()
    model.predict_row(row)
    return (time.perf_counter() - started) * 1000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times slower the candidate is than the champion, with the 95 % interval."""

    value: float
    low: float
    high: float


def typical_ratio(timings: Timings) -> Ratio:
    """Of the typical request: the median of the ratios for the same row, with an interval of ranks."""
    pairs = np.array(timings.candidate) / np.array(timings.champion)
    half = min(0.5, 0.98 / float(np.sqrt(len(pairs))))
    low, median, high = np.quantile(pairs, (0.5 - half, 0.5, 0.5 + half)).tolist()
    return Ratio(median, low, high)


def check_latency(
    checks: GateChecks, gates: Gates, timings: Timings | None, rows: int, again: str
) -> dict[str, Any] | None:
    """The check of the recorded times. None if gates.yml has no limit."""
    if gates.p95_ms is None:
        return None
    if timings is None or (not timings.error and len(timings.candidate) < min(LEAST_TIMED, rows)):
        checks.add(LATENCY, "broken", f"Too few rows were timed. {again}", None, gates.p95_ms)
        return None
    if timings.error:
        what = f"The model fails when it gets one row at a time: {timings.error}."
        checks.add(LATENCY, "broken", what, None, gates.p95_ms)
        return None
    p50, p95 = (float(np.percentile(timings.candidate, share)) for share in (50, 95))
    other = float(np.percentile(timings.champion, 95)) if timings.champion else None
    ratio = typical_ratio(timings) if timings.champion else None
    found = _judge(gates, timings, ratio)
    against = f" (champion on the same machine: {number(other)} ms)" if other is not None else ""
    what = (
        f"One row takes {number(p95)} ms (p95 of {len(timings.candidate)} rows, p50 {number(p50)} ms), "
        f"limit {number(gates.p95_ms)} ms{against}.{found.why}"
    )
    checks.add(LATENCY, "passed" if found.passed else "failed", what, p95, gates.p95_ms)
    return {
        "p50_ms": p50, "p95_ms": p95, "rows": len(timings.candidate), "champion_p95_ms": other,
        "budget_ms": gates.p95_ms, "cold_ms": timings.cold[0] if timings.cold else None,
        "machine_ms": _speed(timings)[0], "budget_machine_ms": gates.machine_ms, "max_ratio": gates.max_ratio,
        "ratio": ratio and [ratio.value, ratio.low, ratio.high],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    passed: bool
    why: str = ""
    """What to say besides the figures: empty, or sentences with a space before them."""
    clear: bool = True
    """False if more requests could show more."""


def is_clear(gates: Gates, timings: Timings) -> bool:
    """Whether more requests would not change what `check_latency` says."""
    if gates.p95_ms is None:
        return True
    return _judge(gates, timings, typical_ratio(timings) if timings.champion else None).clear


def _speed(timings: Timings) -> tuple[float | None, float | None]:
    """The milliseconds of the fixed computation, and those of its slow ones (p95)."""
    if not timings.machine:
        return None, None
    return float(np.median(timings.machine)), float(np.percentile(timings.machine, 95))


def _judge(gates: Gates, timings: Timings, ratio: Ratio | None) -> _Found:
    """Whether the candidate is fast enough."""
    assert gates.p95_ms is not None
    p95 = float(np.percentile(timings.candidate, 95))
    charged = float(np.percentile(_charged(timings.candidate, timings.waited, gates.p95_ms), 95))
    within, measurable, how = _limit(gates.p95_ms, gates.machine_ms, p95, _speed(timings))
    if within and charged > gates.p95_ms:
        measurable = False
        how = f"with its waiting for a processor, it takes {number(charged)} ms."
    unknown = "" if measurable else f" Not measurable here: {how}"
    above = wilson(float((np.array(timings.candidate) > gates.p95_ms).sum()), len(timings.candidate), 0.95)
    by_limit = _Found(within, f" {how}" if how else "", clear=not above[0] < _RARE < above[1])
    if ratio is None:
        if measurable:
            return by_limit
        return _Found(False, f"{unknown} A waiver can accept that until there is a champion.")
    is_good = within and measurable
    if is_good and gates.max_ratio is None:
        return by_limit
    compared = _compared(timings, ratio, gates.max_ratio, gates.p95_ms)
    if not compared.passed:
        return replace(compared, why=f"{unknown if within else ''}{compared.why}")
    if is_good:
        return by_limit
    return _Found(True, f"{compared.why}, which has passed the limit.{unknown}")


def _compared(timings: Timings, ratio: Ratio, named: float | None, limit: float) -> _Found:
    """Whether the candidate takes at most as many times as long as the champion as is allowed.

    Typically, by the pairs of the same row. And in the slow requests, of which a busy machine makes some for
    both: when its times are divided by what is allowed, then less than 5 % more of its requests may be above
    any time of the champion's slower half (without `max_ratio`: and above the limit).
    """
    most, floor = (SLOWER, limit) if named is None else (named, 0.0)
    allowed = f"{number(most)} is allowed" if named is None else f"`max_ratio` is {number(most)}"
    longer = f"{_shown(ratio)} times the champion's time for the same rows; {allowed}"
    if exceeds(ratio.low, most):
        return _Found(False, f" It takes {longer}.")
    mine, theirs = np.array(timings.candidate) / most, np.array(timings.champion)
    sides = [(mine, theirs)]
    if timings.waited and timings.champion_waited:
        usual = _LIKE_OTHERS * float(np.median(theirs))
        its = max(usual, most * float(np.median(theirs))) / most
        sides += [(
            _with_waiting(mine, np.array(timings.waited) / most, its),
            _with_waiting(theirs, np.array(timings.champion_waited), usual),
        )]  # fmt: skip
    needed = _FEW if len(mine) >= _ENOUGH else _ROUGHLY
    few = not exceeds(ratio.high, most)
    for own, other in sides:
        all_, first = _Slow(own, other, floor), _Slow(own[:TIMED_ROWS], other[:TIMED_ROWS], floor)
        if (bound := all_.most_above(_MORE)) is not None:
            count = f"{(own > bound).sum()} of {len(own)} requests take more than {number(bound * most)} ms"
            count += f"; {(other > bound).sum()} of the champion's take more than {number(bound)} ms"
            return _Found(False, f" {count}.")
        if (bound := first.most_above(_SLOW_START)) is not None:
            noise = f"more of its first requests than of the champion's take {number(bound * most)} ms"
            return _Found(False, f" Not measurable here: {noise} or more.")
        few = few and all_.are_few(needed)
    if not few:
        noise = f"the machine is too busy, or about 5 % of its requests are slow. It takes {longer}"
        return _Found(False, f" Not measurable here: {noise}.", clear=False)
    return _Found(True, f" It is as fast as the champion: {_shown(ratio)} times its time for the same rows")


class _Slow:
    """How many requests take longer than each time of the champion's slower half."""

    def __init__(self, own: Floats, other: Floats, floor: float) -> None:
        times = np.sort(other)[len(other) // 2 :]
        self.times = np.array([max(floor, times[0]), *times[times > floor]])
        self._share, self._usual = (self._above(its) / len(own) for its in (own, other))
        slower, faster = own > other, own < other
        self._rows = len(own)
        self._more = self._above(own[slower]) - self._above(other[slower])
        self._fewer = self._above(other[faster]) - self._above(own[faster])

    def _above(self, values: Floats) -> Floats:
        return len(values) - np.searchsorted(np.sort(values), self.times, "right").astype(np.float64)

    def most_above(self, score: float) -> float | None:
        """The time above which more requests of the candidate are, and too many; None if there is none."""
        scores = np.where(self._share > _RARE, self._scores(np.zeros(1)), -np.inf)
        return float(self.times[np.argmax(scores)]) if scores.max() > score else None

    def are_few(self, needed: float) -> bool:
        """Whether the candidate adds less than 5 % of slow ones to the requests that are quick else."""
        excess = _RARE * (1 - self._usual)
        # If it adds none, the probability of that is exact.
        none = (self._more == 0) & ((1 - excess) ** self._rows < NormalDist().cdf(needed))
        return bool((none | (self._scores(excess) < needed)).all())

    def _scores(self, excess: Floats) -> Floats:
        """How far the two shares are from this difference, in standard errors.

        Tango 1998, Statistics in Medicine 17:891-908: unlike an interval, it holds for a few slow requests.
        """
        rows, more, fewer = self._rows, self._more, self._fewer
        linear = (2 * rows - more + fewer) * excess - more - fewer
        constant = -fewer * excess * (1 - excess)
        alone = (np.sqrt(linear**2 - 8 * rows * constant) - linear) / (4 * rows)
        error = np.sqrt(rows * (2 * alone + excess * (1 - excess)))
        return np.where(error > 0, (more - fewer - rows * excess) / np.where(error > 0, error, 1), 0.0)


def _with_waiting(own: Floats, waited: Floats, usual: float) -> Floats:
    """The times, with what a request waited for a processor if its own time is longer than usual."""
    return np.where(own <= usual, own, own + waited)


def _charged(own: Sequence[float], waited: Sequence[float], limit: float) -> Floats:
    """The times, with what a request waited for a processor where the model may be the reason.

    A model that looks at the clock until some time has passed seems to wait on a busy machine. So waiting is
    left out only of requests whose own time is like that of requests that were quick with their waiting.
    """
    mine = np.array(own)
    if not len(waited):
        return mine
    quick = mine[mine + np.array(waited) <= limit]
    usual = float(np.median(quick)) if len(quick) >= len(mine) / 10 else 0.0
    return _with_waiting(mine, np.array(waited), _LIKE_OTHERS * usual)


def _limit(
    limit: float, named: float | None, p95: float, speed: tuple[float | None, float | None]
) -> tuple[bool, bool, str]:
    """Whether the time is within the limit, whether that can be said on this machine, and a sentence.

    ``speed`` is the median and the 95th percentile of the fixed computation.
    """
    now, slow = speed
    if named is None or now is None or slow is None:
        # Load only adds time, so a time within the limit holds. Above it, the machine may be the reason.
        return p95 <= limit, p95 <= limit, "gates.yml names no machine (`machine_ms`)."
    times = now / named
    about = f"this machine takes {number(now)} to {number(slow)} ms for what takes {number(named)} ms"
    about += " on the one in gates.yml"
    if times > _AS_FAST or slow > _QUIET * named:
        return p95 <= limit, p95 <= limit, "" if p95 <= limit else f"{about}."
    if times < 1 / _AS_FAST:
        scaled = p95 / times
        return scaled <= limit, scaled <= limit or p95 > limit, f"Scaled to {number(scaled)} ms: {about}."
    return p95 <= limit, True, ""


def _shown(ratio: Ratio) -> str:
    return f"{number(ratio.value)} (95 % interval {number(ratio.low)} to {number(ratio.high)})"
