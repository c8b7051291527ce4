"""Which columns shifted between two versions: tests of scipy, adjusted for the number of columns.

A column has shifted if chance does not explain the difference (a p-value, adjusted for all columns by
Benjamini and Hochberg) and the difference is large enough to matter. A table above `ROWS` rows is
sampled, always with the same seed, so that a comparison can be repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mlroad.core.text import count, percent
from mlroad.data import sql
from mlroad.data.continuation import Axis, Continuation, continuation
from mlroad.data.profile import Profile, TableProfile, axis, axis_text, has_axis
from mlroad.data.shift import LEVELS, SIGNIFICANT, Level, Shift
from mlroad.data.shift_tests import (
    FEW,
    Counts,
    Evidence,
    Numbers,
    compare_classes,
    compare_numbers,
    compare_order,
    compare_spread,
    compare_turnover,
)
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column

ROWS = 30_000
"""Rows of a version that tests read. More would only find differences that are too small to matter."""
_AT_ONCE = 32
_STEPS = {"date": 86_400.0}
Pair = tuple[Profile, Profile]


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the tests of a column found. ``note`` says how the column continues, if it does."""

    evidence: Sequence[Evidence]
    note: str = ""

    @property
    def p(self) -> float:
        return min((1.0, *(found.p * len(self.evidence) for found in self.evidence)))


def shifts(
    engine: TableEngine,
    before: TableProfile,
    after: TableProfile,
    names: Sequence[str],
    declared: Mapping[str, str],
) -> dict[str, Shift]:
    """The shift of each named column, which both versions have.

    ``declared`` are columns that are not judged, with the reason, such as ``seasonal``.
    """
    sides = [_Side(engine, before), _Side(engine, after)]
    found: dict[str, _Compared] = {}
    for start in range(0, len(names), _AT_ONCE):
        chosen = [(before.columns[name], after.columns[name]) for name in names[start : start + _AT_ONCE]]
        found |= _compare(engine, sides, chosen)
    judged = [name for name, compared in found.items() if compared.evidence and name not in declared]
    adjusted = dict(zip(judged, _adjusted([found[name].p for name in judged]), strict=True))
    return {
        name: _shift(compared, adjusted.get(name), declared.get(name, "")) for name, compared in found.items()
    }


def missing_by_chance(pairs: Sequence[Pair]) -> list[float]:
    """For each column, the adjusted chance of such a difference in missing values."""
    chances = []
    for pair in pairs:
        old, new = (np.array([found.missing, found.rows - found.missing]) for found in pair)
        found = compare_classes(old, new, ["missing", "present"])
        chances.append(found[0].p if found else 1.0)
    return _adjusted(chances)


def _adjusted(chances: Sequence[float]) -> list[float]:
    return [float(p) for p in stats.false_discovery_control(chances)] if chances else []


def _shift(compared: _Compared, p: float | None, declared: str) -> Shift:
    if not compared.evidence:
        return Shift(words=compared.note)
    size = max(found.size for found in compared.evidence)
    if p is None:
        return Shift(size=size, words=declared)
    # A test counts if it would have made the column significant by itself.
    factor = len(compared.evidence) * (p / compared.p if compared.p else 1.0)
    counted = [found for found in compared.evidence if found.p * factor <= SIGNIFICANT]
    if not counted:
        return Shift(size=size, p=p, words=compared.note)
    worst = max(counted, key=lambda found: (LEVELS.index(found.level), found.size))
    words = compared.note if worst.level == "stable" else worst.words
    return Shift(worst.level, worst.size, p, words)


class _Side:
    """The rows of one version that tests read."""

    def __init__(self, engine: TableEngine, profiled: TableProfile) -> None:
        self.engine = engine
        self.rows = profiled.table.rows
        self.view = profiled.drawn
        drawn = engine.row(f"SELECT count(*) FROM {self.view}")[0]
        if drawn > ROWS:
            self.view = engine.fresh("tested")
            kept = [c for c in profiled.table.columns if has_axis(c) or c.kind == "string"]
            columns = ", ".join(sql.name(column.name) for column in kept) or "1 AS nothing"
            engine.run(
                f"CREATE TEMP TABLE {self.view} AS SELECT {columns} FROM {profiled.drawn}"
                f" USING SAMPLE {100 * ROWS / drawn:.6f}% (bernoulli, 42)"
            )
            drawn = engine.row(f"SELECT count(*) FROM {self.view}")[0]
        self.weight = self.rows / drawn if drawn else 1.0

    def numbers(self, columns: Sequence[Column]) -> list[Numbers]:
        """The values of columns in row order, without missing ones."""
        if not columns:
            return []
        parts = [f"{axis(column)}::DOUBLE AS c{i}" for i, column in enumerate(columns)]
        arrays = self.engine.arrays(f"SELECT {', '.join(parts)} FROM {self.view}")
        return [np.ma.compressed(np.ma.masked_invalid(arrays[f"c{i}"])) for i in range(len(columns))]


def _compare(engine: TableEngine, sides: Sequence[_Side], pairs: Sequence[Pair]) -> dict[str, _Compared]:
    on_axis = [pair for pair in pairs if all(has_axis(profile.column) for profile in pair)]
    values = [side.numbers([pair[i].column for pair in on_axis]) for i, side in enumerate(sides)]
    found: dict[str, _Compared] = {}
    for pair, old, new in zip(on_axis, *values, strict=True):
        found[pair[0].column.name] = _numbers(pair, old, new, sides)
    for pair in pairs:
        name = pair[0].column.name
        if name in found:
            continue
        if all(profile.categories for profile in pair):
            found[name] = _Compared(_classes(pair))
        elif pair[0].column.kind == "string" and all(profile.distinct for profile in pair):
            found[name] = _texts(pair, *_text_counts(engine, sides, name), sides)
        else:
            found[name] = _Compared(())
    return found


def _numbers(pair: Pair, before: Numbers, after: Numbers, sides: Sequence[_Side]) -> _Compared:
    column = pair[1].column
    # Exact counts of all rows, so that rare classes are seen in large tables too.
    exact = _classes(pair) if all(0 < len(profile.categories) <= FEW for profile in pair) else []
    is_number = column.kind == "number" and pair[0].column.kind == "number"
    step = _STEPS.get(column.kind, 0.0 if is_number else 1.0)
    axes = [
        Axis(values, step, side.weight, is_unique=not is_number and _is_unique(profile))
        for values, side, profile in zip((before, after), sides, pair, strict=True)
    ]
    further = continuation(*axes, grows=column.is_time)
    are_codes = column.kind == "integer" and further is None
    note = ""
    if further:
        before, after = further.before, further.after
        note = _continues(further, column)

    def show(value: float) -> str:
        return axis_text(value, column)

    if exact and not further:
        # Of two classes, an order says nothing more.
        is_binary = max(profile.distinct for profile in pair) <= 2
        return _Compared([*exact, *([] if is_binary else compare_spread(before, after, show))])
    return _Compared(compare_numbers(before, after, show, are_codes=are_codes), note)


def _continues(found: Continuation, column: Column) -> str:
    first, last = (axis_text(float(end), column) for end in (found.new.min(), found.new.max()))
    if found.is_shorter:
        return f"continues, but ends earlier: {first} to {last} are gone"
    return f"continues: {first} is new" if first == last else f"continues: {first} to {last} are new"


def _is_unique(profile: Profile) -> bool:
    return profile.distinct_is_exact and profile.distinct == profile.rows - profile.missing


def _classes(pair: Pair) -> list[Evidence]:
    old, new = (dict(profile.categories) for profile in pair)
    labels = list(dict.fromkeys([*old, *new]))
    before, after = (np.array([side.get(label, 0) for label in labels]) for side in (old, new))
    found = compare_classes(before, after, labels)
    return found + compare_turnover(before, after) if len(labels) > FEW else found


def _text_counts(engine: TableEngine, sides: Sequence[_Side], name: str) -> tuple[Counts, Counts]:
    """How often each text occurs in both samples, in natural order: item 9 before item 10."""
    text = sql.name(name)
    parts = [f"SELECT {text} AS v, {i} AS side FROM {side.view}" for i, side in enumerate(sides)]
    rows = " UNION ALL ".join(parts)
    arrays = engine.arrays(
        f"SELECT count(*) FILTER (side = 0) AS old, count(*) FILTER (side = 1) AS new FROM ({rows})"
        r" WHERE v IS NOT NULL GROUP BY v ORDER BY regexp_replace(v, '\d+$', ''),"
        r" try_cast(regexp_extract(v, '\d+$') AS HUGEINT), v"
    )
    return arrays["old"], arrays["new"]


def _texts(pair: Pair, before: Counts, after: Counts, sides: Sequence[_Side]) -> _Compared:
    places, further = np.arange(len(before), dtype=float), None
    if before.max(initial=0) <= 1 and after.max(initial=0) <= 1:
        axes = [
            Axis(np.repeat(places, counts), 1.0, side.weight, is_unique=True)
            for counts, side in zip((before, after), sides, strict=True)
        ]
        further = continuation(*axes, grows=True)
        if further and further.is_shorter:
            gone = percent(len(further.new) / before.sum())
            return _Compared((), f"continues, but ends earlier: {gone} of the texts are gone")
        if further and len(further.after):
            return _Compared((), f"continues: {percent(len(further.new) / after.sum())} of the texts are new")
    turnover, order = compare_turnover(before, after), compare_order(before, after)
    lost = not np.any((before > 0) & (after > 0))
    if lost and order:
        words = f"all values are new: none of the {count(pair[0].distinct, 'value')} before is left"
        # Numbers that continue may be those of new rows, such as invoices.
        level: Level = "shifted" if further else order[0].level
        order = [replace(found, words=words, level=level) for found in order]
    return _Compared([*turnover, *order])
