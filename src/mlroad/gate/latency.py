"""Latency: single rows timed by the gate, candidate and champion in turn, judged so that load does not count.

A busy machine slows both models and this process. So a time above the limit is compared with the champion's,
by the ratio for the same rows, with an interval: a candidate that is as fast passes. The limit in
milliseconds is for one machine, which gates.yml can name by `machine_ms`: the time of a small fixed
computation, measured between the rows. On a slower or busier machine, a time above the limit says nothing; on
a faster one, times are scaled. On Linux, time in which other programs had the processor does not count where
the model cannot have caused it: see `_charged`. What the comparison cannot decide is "not measurable here".
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlroad.gate.checks import GateChecks, exceeds, number
from mlroad.gate.gates_file import Gates
from mlroad.gate.records import Floats, Timings
from mlroad.models.model_process import ModelBroken, ModelProcess

LATENCY = "latency.p95"
TIMED_ROWS = 200
"""At most this many rows are timed. Fewer rows are asked again, so that rare slow requests are seen."""
_AGAIN = 3
"""How often a row is asked at most: a model that remembers rows is slow in a third of the requests."""
LEAST_TIMED = 20
"""A slow model is timed on at least this many rows, and on no more after `_SECONDS`."""
SLOWER = 1.25
"""How many times slower than the champion a candidate is allowed to be if it is above the limit in ms."""
_AS_FAST = 1.25
"""Two machines are as fast as each other if the fixed computation differs by less than this factor."""
_QUIET = 1.5
"""A machine is quiet if the slow ones of its fixed computations (p95) take less than this factor longer."""
_WARM_UP = 4
"""Requests that are not counted, after the first one: that is the cold start."""
_SECONDS = 10.0
_LONGEST = 60.0
"""Seconds with those in which other programs had the processor."""
_LIKE_OTHERS = 1.5
"""A request is like the others if its own time is below this factor of theirs."""
_UNSURE = 3.0
"""The slow requests can be compared if their interval ends below this, times the ratio that is allowed."""
_RARE = 0.05
"""A model is slow if more than this share of its requests is: that is what p95 means."""
_CHANCE = 0.005
"""The chance of so many more slow requests than the champion's, below which the model is their reason."""
_BETWEEN = 4
"""The fixed computation is timed after so many rows."""
_RESAMPLES = 2000


def ask_rows(
    models: Sequence[ModelProcess], rows: int, most: int = TIMED_ROWS
) -> tuple[Timings, dict[int, list[float | str]]]:
    """Time one row at a time, both models in turn, so that a busy machine is equally busy for both.

    Also returns the first model's answers by row. The rows are those of the table that each model predicted
    last, the holdout with its ``rows`` rows; at most ``most`` are asked.
    """
    chosen = np.linspace(0, rows - 1, min(rows, most)).astype(int).tolist()
    calls = [row for _ in range(_AGAIN) for row in chosen][:most]
    times: list[list[float]] = [[] for _ in models]
    waited: list[list[float]] = [[] for _ in models]
    machine: list[float] = []
    answers: dict[int, list[float | str]] = {}
    try:
        for model in models:
            model.prepare_rows(chosen)
        cold = tuple(_first_answer(model, chosen[0]) for model in models)
        for row in chosen[:_WARM_UP]:
            for model in models:
                model.predict_row(row)
        started = time.monotonic()
        for count, row in enumerate(calls):
            if count % _BETWEEN == 0:
                machine.append(fixed_computation())
            # Each goes first in half of the rows: the second finds warmer caches.
            for place in range(len(models)) if count % 2 else reversed(range(len(models))):
                answer, took = models[place].predict_row(row)
                times[place].append(took.own * 1000)
                waited[place].append(took.waited * 1000)
                if place == 0:
                    answers.setdefault(row, answer)
            late = sum(map(sum, times)) > _SECONDS * 1000 or time.monotonic() - started > _LONGEST
            if late and len(times[0]) >= min(LEAST_TIMED, len(chosen)):
                break
    except ModelBroken as error:
        return Timings(error=str(error)), {}
    other, other_waited = (tuple(its[1]) if len(models) > 1 else () for its in (times, waited))
    return Timings(tuple(times[0]), other, "", cold, tuple(machine), tuple(waited[0]), other_waited), answers


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


def ratios(timings: Timings) -> tuple[Ratio, Ratio] | None:
    """Of the typical request (the median of ratios of the same row), and of the slow ones (p95 by p95)."""
    if not timings.champion:
        return None
    mine, theirs = np.array(timings.candidate), np.array(timings.champion)
    drawn = np.random.default_rng(0).integers(0, len(mine), (_RESAMPLES, len(mine)))
    pairs = mine / theirs
    typical = np.median(pairs[drawn], axis=1)
    slow = np.percentile(mine[drawn], 95, axis=1) / np.percentile(theirs[drawn], 95, axis=1)
    points = float(np.median(pairs)), float(np.percentile(mine, 95) / np.percentile(theirs, 95))
    ends = (np.percentile(found, (2.5, 97.5)) for found in (typical, slow))
    first, second = (
        Ratio(point, float(low), float(high)) for point, (low, high) in zip(points, ends, strict=True)
    )
    return first, second


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
    speed = float(np.median(timings.machine)) if timings.machine else None
    slow = float(np.percentile(timings.machine, 95)) if timings.machine else None
    both = ratios(timings)
    passed, why = _judge(gates, timings, both, (speed, slow) if speed and slow else None)
    against = f" (champion on the same machine: {number(other)} ms)" if other is not None else ""
    what = (
        f"One row takes {number(p95)} ms (p95 of {len(timings.candidate)} rows, p50 {number(p50)} ms), "
        f"limit {number(gates.p95_ms)} ms{against}.{why}"
    )
    checks.add(LATENCY, "passed" if passed else "failed", what, p95, gates.p95_ms)
    return {
        "p50_ms": p50, "p95_ms": p95, "rows": len(timings.candidate), "champion_p95_ms": other,
        "budget_ms": gates.p95_ms, "cold_ms": timings.cold[0] if timings.cold else None,
        "machine_ms": speed, "budget_machine_ms": gates.machine_ms, "max_ratio": gates.max_ratio,
        "ratio": both and [both[0].value, both[0].low, both[0].high],
    }  # fmt: skip


def _judge(
    gates: Gates, timings: Timings, both: tuple[Ratio, Ratio] | None, speed: tuple[float, float] | None
) -> tuple[bool, str]:
    """Whether the candidate is fast enough, and what to say besides the figures."""
    assert gates.p95_ms is not None
    p95 = float(np.percentile(timings.candidate, 95))
    charged = float(np.percentile(_charged(timings.candidate, timings.waited, gates.p95_ms), 95))
    if both and gates.max_ratio is not None and (slower := _surely(both, gates.max_ratio)):
        return False, f" {slower}, and `max_ratio` is {number(gates.max_ratio)}."
    within, measurable, how = _limit(gates.p95_ms, gates.machine_ms, p95, speed)
    if within and charged > gates.p95_ms:
        measurable = False
        how = f"with its waiting for a processor, it takes {number(charged)} ms."
    if measurable and (within or both is None):
        return within, f" {how}" if how else ""
    unknown = "" if measurable else f" Not measurable here: {how}"
    if both is None:
        return False, f"{unknown} A waiver can accept that until there is a champion."
    most = SLOWER if gates.max_ratio is None else gates.max_ratio
    if slower := _surely(both, most) or _more_often(timings, gates.p95_ms, most):
        return False, f"{unknown if within else ''} {slower}."
    if both[1].high > _UNSURE * most:
        return False, f" Not measurable here: its slow requests (p95) take {_shown(both[1])} times as long."
    as_fast = f"It is as fast as the champion: {_shown(both[0])} times its time for the same rows"
    return True, f" {as_fast}, which has passed the limit.{unknown}"


def _charged(own: Sequence[float], waited: Sequence[float], limit: float) -> Floats:
    """The times, with what a request waited for a processor where the model may be the reason.

    A model that looks at the clock until some time has passed seems to wait on a busy machine. So waiting is
    left out only of requests whose own time is like that of requests that were quick with their waiting.
    """
    mine = np.array(own)
    if not len(waited):
        return mine
    whole = mine + np.array(waited)
    quick = mine[whole <= limit]
    usual = np.median(quick) if len(quick) >= len(mine) / 10 else 0.0
    return np.where(mine <= _LIKE_OTHERS * usual, mine, whole)


def _more_often(timings: Timings, limit: float, most: float) -> str:
    """Why its requests are above the limit more often than the champion's by more than chance; else empty.

    By the pairs in which only one of them is (a sign test), because a few slow requests of a busy machine
    make the interval of the two p95 wide. Times that are ``most`` times the champion's are allowed here, too.
    """
    charged = (
        _charged(timings.candidate, timings.waited, limit),
        _charged(timings.champion, timings.champion_waited, limit),
    )
    for mine, theirs in ((np.array(timings.candidate), np.array(timings.champion)), charged):
        above, other = mine > limit * most, theirs > limit
        more, less = int((above & ~other).sum()), int((other & ~above).sum())
        ways = sum(math.comb(more + less, count) for count in range(more, more + less + 1))
        if above.mean() > _RARE and ways / 2 ** (more + less) < _CHANCE:
            count = f"{above.sum()} of {len(above)} requests take more than {number(limit * most)} ms"
            return f"{count}; {other.sum()} of the champion's take more than {number(limit)} ms"
    return ""


def _limit(
    limit: float, named: float | None, p95: float, speed: tuple[float, float] | None
) -> tuple[bool, bool, str]:
    """Whether the time is within the limit, whether that can be said on this machine, and a sentence.

    ``speed`` is the median and the 95th percentile of the fixed computation.
    """
    if named is None or speed is None:
        # Load only adds time, so a time within the limit holds. Above it, the machine may be the reason.
        return p95 <= limit, p95 <= limit, "gates.yml names no machine (`machine_ms`)."
    times = speed[0] / named
    about = (
        f"this machine takes {number(speed[0])} to {number(speed[1])} ms for what takes {number(named)} ms"
    )
    about += " on the one in gates.yml"
    if times > _AS_FAST or speed[1] > _QUIET * named:
        return p95 <= limit, p95 <= limit, "" if p95 <= limit else f"{about}."
    if times < 1 / _AS_FAST:
        scaled = p95 / times
        return scaled <= limit, scaled <= limit or p95 > limit, f"Scaled to {number(scaled)} ms: {about}."
    return p95 <= limit, True, ""


def _surely(both: tuple[Ratio, Ratio], most: float) -> str:
    """Why the candidate is certainly slower than allowed; empty if it is not."""
    typical, slow = both
    if exceeds(typical.low, most):
        return f"It takes {_shown(typical)} times as long as the champion for the same rows"
    if exceeds(slow.low, most):
        return f"Its slow requests (p95) take {_shown(slow)} times as long as the champion's"
    return ""


def _shown(ratio: Ratio) -> str:
    return f"{number(ratio.value)} (95 % interval {number(ratio.low)} to {number(ratio.high)})"
