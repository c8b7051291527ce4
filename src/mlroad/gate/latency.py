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
from typing import Any

import numpy as np

from mlroad.gate.checks import GateChecks, exceeds, number
from mlroad.gate.gates_file import Gates
from mlroad.gate.interval_methods import paired_shares, wilson
from mlroad.gate.records import Floats, Timings
from mlroad.models.model_process import ModelBroken, ModelProcess

LATENCY = "latency.p95"
TIMED_ROWS = 200
"""At most this many rows are timed."""
_AGAIN = 3
"""How often the rows of a small holdout are asked, so that rare slow requests are seen."""
_MOST_AGAIN = 10
"""How often a row is asked at most: a model that remembers rows is slow in a tenth of the requests."""
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
_RARE = 0.05
"""A model is slow if more than this share of its requests is: that is what p95 means."""
_LOOKS = 8
"""So many times as many requests are made at most, while the verdict is not clear."""
_SHOWN, _SURE = 0.95, 0.999
"""The confidence that few more requests are slow than of the champion's, and that more are."""
_BETWEEN = 4
"""The fixed computation is timed after so many rows."""
_RESAMPLES = 2000


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
        started = time.monotonic()
        for count in range(min(_LOOKS * enough, _MOST_AGAIN * len(chosen))):
            row = chosen[count % len(chosen)]
            if count % _BETWEEN == 0:
                machine.append(fixed_computation())
            # Each goes first in half of the rows: the second finds warmer caches.
            for place in range(len(models)) if count % 2 else reversed(range(len(models))):
                answer, took = models[place].predict_row(row)
                times[place].append(took.own * 1000)
                waited[place].append(took.waited * 1000)
                if place == 0:
                    answers.setdefault(row, answer)
            made = count + 1
            if time.monotonic() - started > _LONGEST and made >= min(LEAST_TIMED, enough):
                break
            late = sum(map(sum, times)) > _SECONDS * 1000 and made % LEAST_TIMED == 0
            if (made % enough == 0 or late) and is_clear(found()):
                break
    except ModelBroken as error:
        return Timings(error=str(error)), {}
    return found(), answers


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
    """Of the typical request: the median of the ratios for the same row."""
    pairs = np.array(timings.candidate) / np.array(timings.champion)
    drawn = np.random.default_rng(0).integers(0, len(pairs), (_RESAMPLES, len(pairs)))
    low, high = np.percentile(np.median(pairs[drawn], axis=1), (2.5, 97.5))
    return Ratio(float(np.median(pairs)), float(low), float(high))


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
    above = wilson(float((np.array(timings.candidate) > gates.p95_ms).sum()), len(timings.candidate), _SHOWN)
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
    both: when its times are divided by what is allowed, then at any time (without `max_ratio`: above the
    limit) at most 5 % more of its requests may be slower. That is a Kolmogorov-Smirnov test of one side.
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
    few = not exceeds(ratio.high, most)
    for own, other in sides:
        times = np.quantile(other, np.linspace(0, 1, 41))
        for bound in dict.fromkeys([floor, *times[times > floor].tolist()]):
            slow, usual_slow = own > bound, other > bound
            shares = (slow.astype(np.float64), usual_slow.astype(np.float64), len(own))
            if slow.mean() > _RARE and paired_shares(*shares, _SURE)[0] > 0:
                count = f"{slow.sum()} of {len(own)} requests take more than {number(bound * most)} ms"
                count += f"; {usual_slow.sum()} of the champion's take more than {number(bound)} ms"
                return _Found(False, f" {count}.")
            few = few and paired_shares(*shares, _SHOWN)[1] < _RARE
    first = slice(TIMED_ROWS)  # a slow start: many requests would hide it
    if (mine[first] > limit).mean() - (theirs[first] > limit).mean() > 2 * _RARE:
        noise = f"more of its first requests than of the champion's take more than {number(limit * most)} ms"
        return _Found(False, f" Not measurable here: {noise}.")
    if not few:
        noise = f"the machine is too busy to show how fast it is. It takes {longer}"
        return _Found(False, f" Not measurable here: {noise}.", clear=False)
    return _Found(True, f" It is as fast as the champion: {_shown(ratio)} times its time for the same rows")


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
