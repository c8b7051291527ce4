"""The paired bootstrap: the uncertainty of a figure, and of a difference between two models, on this holdout.

Paired means that both models and all metrics use the same resamples (Efron & Tibshirani 1993, An Introduction
to the Bootstrap, chapters 6 and 13). So what makes a row hard for both models cancels out of the difference.
What is drawn are units: rows, or what belongs together (a patient, a query, a block in time). See
interval_methods.py for how intervals are made of the resamples.

Resamples are drawn as counts of each unit. Up to `EXACT_ROWS` units the counts are multinomial: n units are
drawn with replacement; where a class is rare, within each class, for the metrics that count classes. Above,
each unit's count is an independent Poisson(1) variable, which gives the same interval in the limit of many
and needs no random access (Chamandy, Muralidharan, Najmi & Naidu 2012, Estimating Uncertainty for Massive
Data Streams, Google; Hanley & MacGibbon 2006, Computer Methods and Programs in Biomedicine 83:57-62). The
Poisson variable is rounded to probabilities of 1/65,536, which moves its mean by less than 2e-5 and its
variance by less than 1e-4.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlroad.gate.gates_file import Bootstrap
from mlroad.gate.influence import Quotient, few_decide, influence_of, quotient_of
from mlroad.gate.interval_methods import (
    Interval,
    accelerated,
    paired_shares,
    studentized,
    symmetric,
    through,
    wilson,
)
from mlroad.gate.measures import (
    MOST,
    Floats,
    Measure,
    OfSamples,
    Rows,
    Sums,
    Unmeasurable,
    Weighted,
    Weights,
    whole,
)

EXACT_ROWS = 5_000
_AT_ONCE = 1_600_000
"""Counts that each thread holds at once, one byte each above `EXACT_ROWS`. It affects the draws."""
_TILE = 131_072
"""Counts drawn at once: they and their random bits fit into the processor's cache."""
RARE = 20
"""With fewer rows of a class, resamples are drawn within each class."""
_LEAST = 5
"""With fewer rows of the class that a metric is about, or fewer units, it is not judged."""
_ALIKE = "almost all of its values are the same, so another sample could move it far"
_LEVELS = (
    np.cumsum([65_536 * math.exp(-1) / math.factorial(k) for k in range(MOST)]).round().astype(np.uint16)
)
"""A count is the number of levels that a random 16-bit number reaches."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of one metric: of the candidate, and of the difference candidate - champion."""

    candidate: Interval | None
    difference: Interval | None
    note: str = ""
    """Why there are none, as a clause, although the figure can be measured."""


@dataclass(frozen=True, slots=True)
class Units:
    """What is resampled. ``numbers`` [rows] from 0: rows with one number are drawn together."""

    numbers: Rows | None = None
    name: str = "rows"
    strata: Rows | None = None
    """The class of each row, from 0, where classes have rows of their own."""
    moments: Rows | None = None
    """The number of each row's moment, if blocks in time are drawn."""
    block: int | None = None
    """The moments in a block that gates.yml names."""

    def where(self, mask: Any) -> Units:
        """Those of the selected rows. Blocks in time are as long as the moments that are left allow."""
        if self.moments is not None:
            return blocks_of(np.unique(self.moments[mask], return_inverse=True)[1], self.block)
        numbers = None if self.numbers is None else np.unique(self.numbers[mask], return_inverse=True)[1]
        return replace(self, numbers=numbers, strata=None if self.strata is None else self.strata[mask])

    def count(self, rows: int) -> int:
        """How many there are."""
        return rows if self.numbers is None else int(self.numbers.max(initial=-1)) + 1


def blocks_of(moments: Rows, block: int | None = None) -> Units:
    """Blocks of neighbouring moments, whose numbers are from 0."""
    length = block or block_length(int(moments.max(initial=0)) + 1)
    return Units(moments // length, f"blocks of {length} steps in time", moments=moments, block=block)


def block_length(moments: int) -> int:
    """How many steps in time are resampled together: 2·T^(1/3), and at most a tenth of them.

    The error of a block bootstrap's variance is smallest for lengths that grow with the third root (Künsch
    1989, Annals of Statistics 17:1217-1241; Lahiri 2003, Resampling Methods for Dependent Data, chapter 3).
    """
    return max(1, min(math.ceil(2 * math.cbrt(moments)), moments // 10))


def method(units: int) -> str:
    """The method, as the verdict names it."""
    counts = "multinomial counts" if units <= EXACT_ROWS else "Poisson(1) counts (Chamandy et al. 2012)"
    return (
        "shares of rows: Wilson, differences Bonett & Price; means: studentized bootstrap (Hall 1988); "
        f"others: BCa bootstrap (Efron 1987); paired, {counts}"
    )


def intervals(
    measures: Mapping[str, Sequence[Measure]],
    rows: int,
    settings: Bootstrap,
    stream: int = 0,
    units: Units | None = None,
    padded: Mapping[str, Sequence[Measure]] | None = None,
) -> dict[str, Intervals | Unmeasurable]:
    """Intervals of all metrics from the same resamples.

    ``measures`` has each metric of the candidate and, if there is one, of the champion. ``stream`` selects
    other resamples of the same seed, for slices. For a metric that cannot be judged, there is the reason.
    """
    units = units or Units()
    found: dict[str, Intervals | Unmeasurable] = {}
    jobs: dict[str, _Job] = {}
    for name, pair in measures.items():
        if reason := _too_few(pair[0], units, rows):
            found[name] = Unmeasurable(reason)
        else:
            jobs[name] = _Job(pair, rows, settings.confidence, units)
    parts = [part for job in jobs.values() for part in job.parts]
    values = iter(_resampled(parts, rows, settings, stream, units) if parts else [])
    differences = _of_padded(padded or {}, settings, stream)
    for name, job in jobs.items():
        try:
            its = job.intervals([next(values) for _ in job.parts])
            found[name] = replace(its, difference=differences[name]) if name in differences else its
        except Unmeasurable as error:
            found[name] = error
    return found


def _of_padded(
    padded: Mapping[str, Sequence[Measure]], settings: Bootstrap, stream: int
) -> dict[str, Interval]:
    """The intervals of differences of counts, from measures of more rows: see `tasks.task.padded`."""
    parts = [part for pair in padded.values() for part in pair]
    if not parts or not isinstance(parts[0], Sums):
        return {}
    rows = len(parts[0].columns)
    values = iter(_resampled(parts, rows, settings, stream))
    found = {}
    for name, pair in padded.items():
        influence = np.zeros(rows)
        for sign, part in zip((1, -1), pair, strict=True):
            its = influence_of(part, rows, None)
            influence = influence if its is None else influence + sign * its
        value = whole(pair[0], rows) - whole(pair[1], rows)
        found[name] = accelerated(value, next(values) - next(values), influence, settings.confidence)
    return found


def _too_few(measure: Measure, units: Units, rows: int) -> str:
    count = units.count(rows)
    if units.numbers is not None and count < 2 * _LEAST:
        return f"there are only {count} {units.name} to resample: too few to judge"
    if units.numbers is None and rows < _LEAST:
        return f"too few rows to judge: {rows}, at least {_LEAST} are needed"
    if not isinstance(measure, OfSamples) and measure.rare is not None and measure.rare < _LEAST:
        return f"too few rows of a class to judge: {measure.rare}, at least {_LEAST} are needed"
    return ""


class _Job:
    """One metric's intervals: what must be resampled for them, and how they are made of that."""

    def __init__(self, pair: Sequence[Measure], rows: int, confidence: float, units: Units) -> None:
        self._pair, self._rows, self._confidence, self._units = pair, rows, confidence, units
        self._small = units.count(rows) <= EXACT_ROWS
        self._quotients = [quotient_of(measure, units.numbers) for measure in pair] if self._small else []
        self._plain = units.numbers is None and all(
            isinstance(measure, Sums) and measure.is_share for measure in pair
        )
        self._influences: dict[int, Floats | None] = {}
        self.parts = [] if self._needs_none() else [*pair, *filter(None, self._quotients)]

    def _needs_none(self) -> bool:
        return self._plain and (len(self._pair) == 1 or self._same_rows())

    def _same_rows(self) -> bool:
        mine, other = self._pair
        assert isinstance(mine, Sums)
        assert isinstance(other, Sums)
        same = np.array_equal(mine.columns[:, 1], other.columns[:, 1])
        return same and mine.link is other.link and float(mine.link(np.array(0.25))) == 0.25  # type: ignore[misc]

    def intervals(self, values: list[Floats]) -> Intervals:
        """The intervals, from the values of `parts` in every resample."""
        models = len(self._pair)
        extra = iter(values[models:])
        errors = [(next(extra) if quotient and values else None) for quotient in self._quotients]
        difference = self._difference(values) if models > 1 else None
        if isinstance(self._pair[0], Sums) and self._pair[0].note:
            return Intervals(None, difference, self._pair[0].note)
        if self._small and few_decide(self._pair[0], self._units.numbers):
            note = f"two {self._units.name} make so much of it that another sample could move it far"
            return Intervals(None, difference, note)
        own = self._own(values[0] if values else None, errors[0] if errors else None)
        return Intervals(own, difference, "" if own else _ALIKE)

    def _own(self, values: Floats | None, errors: Floats | None) -> Interval | None:
        measure = self._pair[0]
        if self._plain and isinstance(measure, Sums) and measure.link:
            hits, below = measure.columns.sum(axis=0)
            return through(measure.link, wilson(hits, below, self._confidence))
        assert values is not None
        quotient = self._quotients[0] if self._quotients else None
        if quotient and errors is not None and quotient.on_logarithms:
            try:
                interval = studentized(*quotient.value, errors.real, errors.imag, self._confidence)
            except Unmeasurable:  # hardly any unit differs from the others
                return self._of_alike(quotient)
            assert quotient.link
            return through(quotient.link, (math.exp(interval[0]), math.exp(interval[1])))
        influence = self._influence(0)
        value = whole(measure, self._rows)
        if isinstance(measure, Weighted) and influence is not None and 0 < value < 1:
            accelerated(value, values, None, self._confidence)  # raises if it is often undefined
            return symmetric(value, influence, self._confidence, share=True)
        return accelerated(value, values, influence, self._confidence)

    def _influence(self, model: int) -> Floats | None:
        """How much each unit moves a model's figure, worked out once; None if that takes too long."""
        if self._small and model not in self._influences:
            self._influences[model] = influence_of(self._pair[model], self._rows, self._units.numbers)
        return self._influences.get(model)

    def _of_alike(self, quotient: Quotient) -> Interval | None:
        """Of values from 0 to 1, no mean varies more than one of 0 and 1: Wilson's interval suffices.

        None for other values.
        """
        above, below = quotient.columns[:, 0], quotient.columns[:, 1]
        if (above > below * (1 + 1e-9)).any():
            return None
        assert quotient.link
        units = int((below > 0).sum())
        share = float(above.sum() / below.sum())
        return through(quotient.link, wilson(share * units, units, self._confidence))

    def _difference(self, values: list[Floats]) -> Interval:
        mine, other = self._pair
        if self._needs_none():
            assert isinstance(mine, Sums)
            assert isinstance(other, Sums)
            return paired_shares(
                mine.columns[:, 0], other.columns[:, 0], mine.columns[:, 1].sum(), self._confidence
            )
        moved = values[0] - values[1]
        if not np.nan_to_num(moved).any():
            return 0.0, 0.0
        both = [self._influence(model) for model in range(2)]
        influence = None if both[0] is None or both[1] is None else both[0] - both[1]
        value = whole(mine, self._rows) - whole(other, self._rows)
        if isinstance(mine, Weighted) and influence is not None:
            return symmetric(value, influence, self._confidence)
        return accelerated(value, moved, influence, self._confidence)


def _resampled(
    parts: Sequence[Measure], rows: int, settings: Bootstrap, stream: int, units: Units | None = None
) -> list[Floats]:
    """The value of each part in every resample: one array [resamples] for each part.

    The number of threads makes no difference: each chunk of resamples has its own random stream. Counts are
    [unit, resample], so that each operation handles all resamples of a chunk at once.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    numbers, strata = (units.numbers, _rare_strata(units)) if units else (None, [])
    columns, places = _distinct(parts, rows, numbers)
    drawn = columns.shape[1]
    plain = any(_is_plain(part) for part in parts)

    def work(task: tuple[int, int]) -> list[Floats]:
        number, count = task
        seeds = np.random.SeedSequence([settings.seed, stream, number])
        draw = _multinomial if drawn <= EXACT_ROWS else _poisson
        weights = draw(np.random.SFC64(seeds), drawn, count) if plain or not strata else None
        by_class = _stratified(np.random.SFC64(seeds), strata, drawn, count) if strata else weights
        found = []
        sums: dict[int, Floats] = {}
        sampled: dict[Any, Floats] = {}
        for part, place in zip(parts, places, strict=True):
            mine = weights if _is_plain(part) else by_class
            assert mine is not None
            if isinstance(part, Sums):
                if id(mine) not in sums:
                    sums[id(mine)] = _product(columns, mine)
                its = sums[id(mine)]
                found.append(part.finish(its[place].T, its[0]))
            elif isinstance(part, Weighted):
                found.append(part.of(mine if numbers is None else mine[np.append(numbers, drawn)]))
            else:
                if part.of not in sampled:
                    sampled[part.of] = part.of(mine[:-1], numbers)
                found.append(sampled[part.of][part.model])
        return found

    # A multiple of 16, because the processor handles so many bytes of a row at once.
    chunk = min(settings.resamples, max(16, _AT_ONCE // rows // 16 * 16))
    # One thread for each chunk. Without the limit, the matrix library would start threads in each of them.
    with threadpool_limits(1), ThreadPoolExecutor(_cores()) as threads:
        done = list(threads.map(work, _tasks(settings.resamples, chunk)))
    return [np.concatenate([some[index] for some in done]) for index in range(len(parts))]


def _is_plain(part: Measure) -> bool:
    """Whether a metric is resampled without regard to classes: a mean varies with their shares, too."""
    return isinstance(part, Sums) and (part.link is not None or isinstance(part, Quotient))


def _rare_strata(units: Units) -> list[Rows]:
    """The rows of each class, if one is rare; nothing if none is, or if rows are not what is drawn."""
    if units.strata is None or units.numbers is not None or len(units.strata) > EXACT_ROWS:
        return []
    counts = np.bincount(units.strata)
    rare = counts[counts > 0].min() < RARE
    if not rare:
        return []
    order = np.argsort(units.strata, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(units.strata[order])) + 1)


def _distinct(parts: Sequence[Measure], rows: int, units: Rows | None) -> tuple[Floats, list[list[int]]]:
    """The columns of all parts as sums by unit [k, units], without duplicates, and the places of each part's.

    The first consists of the units' sizes: its sums are the total weights.
    """

    def by_unit(column: Floats, done: bool) -> bytes:
        summed = column if units is None or done else np.bincount(units, column)
        return summed.astype(np.float64).tobytes()

    found = {by_unit(np.ones(rows), done=False): 0}
    places = [
        [
            found.setdefault(by_unit(column, isinstance(part, Quotient)), len(found))
            for column in part.columns.T
        ]
        if isinstance(part, Sums)
        else []
        for part in parts
    ]
    return np.array([np.frombuffer(column) for column in found]), places


def _tasks(resamples: int, chunk: int) -> Iterator[tuple[int, int]]:
    for number, start in enumerate(range(0, resamples, chunk)):
        yield number, min(chunk, resamples - start)


def _multinomial(bits: np.random.SFC64, rows: int, count: int) -> NDArray[np.int64]:
    """How often each row is drawn in each resample: [rows + 1, count]. The last row is zeros, for `Area`."""
    drawn = np.random.Generator(bits).integers(0, rows, (count, rows))
    drawn += (rows + 1) * np.arange(count)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=count * (rows + 1))
    return counts.reshape(count, rows + 1).T.copy()


def _stratified(bits: np.random.SFC64, strata: Sequence[Rows], rows: int, count: int) -> NDArray[np.int64]:
    """As `_multinomial`, but each class keeps its number of rows."""
    counts = np.zeros((rows + 1, count), dtype=np.int64)
    generator = np.random.Generator(bits)
    for members in strata:
        share = np.full(len(members), 1 / len(members))
        counts[members] = generator.multinomial(len(members), share, count).T
    return counts


def _poisson(bits: np.random.SFC64, rows: int, count: int) -> NDArray[np.uint8]:
    """As `_multinomial`. No count is above `MOST`."""
    weights = np.zeros((rows + 1, count), dtype=np.uint8)
    drawn = weights[:-1].reshape(-1)
    reached = np.empty(_TILE, dtype=np.uint8)
    for start in range(0, len(drawn), _TILE):
        some = drawn[start : start + _TILE]
        more = reached[: len(some)]
        raw = bits.random_raw(-(-len(some) // 4)).view(np.uint16)[: len(some)]
        for level in _LEVELS:
            np.greater_equal(raw, level, out=more.view(np.bool_))  # a bool is a byte of 0 or 1
            some += more
    return weights


def _product(columns: Floats, weights: Weights) -> Floats:
    """``columns @ weights`` [k, resamples], in tiles."""
    total = np.zeros((len(columns), weights.shape[1]))
    some = max(1, _TILE // 2 // weights.shape[1])
    for start in range(0, columns.shape[1], some):
        end = min(start + some, columns.shape[1])
        total += columns[:, start:end] @ weights[start:end].astype(np.float64)
    return total


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
