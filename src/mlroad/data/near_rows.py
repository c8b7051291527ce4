"""Rows of one table that are almost rows of another: rounded, in another unit, or with some other values.

Rows are compared by sums of hashes, one for each column: without a column, a row has the sum minus that hash.
So time grows with rows times columns. Two independent rows can be equal by chance, more often after rounding:
how often, the tables themselves tell, by their rows that are equal to another row of the same table.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table

Hashes = NDArray[np.uint64]
_DECIMALS = (3, 2, 1, 0)
"""Absolute decimals, and then decimals of a column's standard deviation."""
_OF_SPREAD = (3, 2, 1)
_CELLS = 40_000_000
"""Values of the first table that are compared; of a larger one, a sample."""
_LEFT_OUT = 60
"""At most so many columns are left out, one at a time."""
_BLOCKS, _WIDE = 4, 6
"""Of so many columns, half are compared at a time: if two values of a row are changed, a half has none."""
_LEAST, _SHARE, _TIMES = 2, 0.01, 4
_PLAIN = 0.9
_FEW, _LUCK = 30, 0.004
"""Fewer rows than this can be luck: no finding if that happens in more than 4 of 1,000 such tables."""


@dataclass(frozen=True, slots=True)
class NearRows:
    """Rows of the second table that are almost in the first."""

    count: int
    how: str
    """In which way they are equal, as a clause."""


def find_near_rows(
    engine: TableEngine, first: Table, second: Table, targets: Sequence[str], exact: Sequence[str] = ()
) -> NearRows | None:
    """The most such rows of ``second`` that any of the ways finds, or None if there are none.

    ``targets`` and columns that only one table has do not count. Columns of ``exact`` must be equal: of a
    series, rows of neighbouring moments may be alike but for the moment.
    """
    columns = [
        (column, other)
        for column in first.columns
        if (other := second.column(column.name)) and column.name not in targets
    ]
    if not columns or not first.rows or not second.rows:
        return None
    most = max(1, _CELLS // len(columns))
    sample = f" USING SAMPLE reservoir({most} ROWS) REPEATABLE (1)" if first.rows > most else ""
    names = ", ".join(sql.name(column.name) for column, _ in columns)
    tables = [engine.arrays(f"SELECT {names} FROM {table.view}{more}")
              for table, more in ((first, sample), (second, ""))]  # fmt: skip
    pairs: list[Pair] = []
    for column, other in columns:
        left, right = (_values(found[column.name], _are_numbers(column, other)) for found in tables)
        pairs.append((column.name, left, right))
    found = list(_all(pairs, exact))
    most_rows = max((near.count for near in found), default=0)
    # The ways come from the plainest to the vaguest: a few more rows do not make a vaguer one better.
    return next((near for near in found if near.count >= _PLAIN * most_rows), None)


def _are_numbers(column: Column, other: Column) -> bool:
    return column.is_numeric and other.is_numeric


def _values(found: Any, numbers: bool) -> NDArray[Any]:
    if numbers:
        return np.ma.filled(np.ma.asarray(found).astype(np.float64), np.nan)
    texts = pd.Series(np.ma.filled(np.ma.asarray(found, dtype=object), None)).astype(str)
    return texts.str.split().str.join(" ").str.lower().fillna("").to_numpy(dtype=object)


Pair = tuple[str, NDArray[Any], NDArray[Any]]
_Both = tuple[Hashes, Hashes]
_Change = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""What is made of a column's values; the values of the second table are given too."""


def _all(pairs: Sequence[Pair], exact: Sequence[str]) -> Iterator[NearRows]:
    plain = [_hashed(pair, _as_it_is) for pair in pairs]
    yield from _compared(*_total(plain), "with equal features")
    wholes = [plain]
    if any(pair[1].dtype != object for pair in pairs if pair[0] not in exact):

        def changed(change: _Change) -> list[_Both]:
            return [_hashed(pair, _as_it_is if pair[0] in exact else change) for pair in pairs]

        for decimals in _DECIMALS:
            how = f"equal when rounded to {decimals} decimals"
            yield from _compared(*_total(changed(partial(_rounded, decimals=decimals))), how)
        for digits in _OF_SPREAD:
            wholes.append(changed(partial(_rounded_by_spread, digits=digits)))
            yield from _compared(*_total(wholes[-1]), "equal when rounded")
        yield from _compared(*_total(changed(_digits)), "equal but for the unit of its numbers")
    if len(pairs) < 3:
        return  # what is left of the row says too little
    mine, theirs = _total(plain)
    for (name, *_), (left, right) in list(zip(pairs, plain, strict=True))[:_LEFT_OUT]:
        if name not in exact:
            with np.errstate(over="ignore"):
                yield from _compared(mine - left, theirs - right, f"equal but for {name}")
    if len(pairs) >= _WIDE:
        for hashed in wholes[:3]:
            yield from _halves(pairs, hashed, exact)


def _halves(pairs: Sequence[Pair], hashed: Sequence[_Both], exact: Sequence[str]) -> Iterator[NearRows]:
    """Rows that are equal in two blocks of columns, and in those that must be equal."""
    free = [its for pair, its in zip(pairs, hashed, strict=True) if pair[0] not in exact]
    fixed = [its for pair, its in zip(pairs, hashed, strict=True) if pair[0] in exact]
    for first, second in combinations([free[start::_BLOCKS] for start in range(_BLOCKS)], 2):
        yield from _compared(*_total([*fixed, *first, *second]), "equal in half of their columns")


def _as_it_is(values: NDArray[Any], _: NDArray[Any]) -> NDArray[Any]:
    return values


def _rounded(values: NDArray[Any], _: NDArray[Any], decimals: int) -> NDArray[Any]:
    if values.dtype == object:
        return values
    return np.asarray(np.round(values, decimals) + 0.0)  # + 0.0: no negative zero


def _rounded_by_spread(values: NDArray[Any], like: NDArray[Any], digits: int) -> NDArray[Any]:
    return values if values.dtype == object else _rounded(values, like, digits + _places(like))


def _digits(values: NDArray[Any], _: NDArray[Any]) -> NDArray[Any]:
    """The first digits, wherever the point is: they are the same in grams and kilograms."""
    if values.dtype == object:
        return values
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        power = np.floor(np.log10(np.abs(values)))
        return _rounded(np.where(values == 0, 0.0, values / 10.0**power), values, 5)


def _places(values: NDArray[np.float64]) -> int:
    """How many decimals more a column has if its values are small."""
    spread = float(np.nanstd(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0
    return -int(np.floor(np.log10(spread))) if spread > 0 else 0


def _hashed(pair: Pair, change: _Change) -> _Both:
    """Hashes of the values of a column in both tables, changed first."""
    name, *both = pair
    salt = np.uint64(pd.util.hash_array(np.array([name], dtype=object))[0])
    left, right = (_mixed(pd.util.hash_array(change(values, both[1])) ^ salt) for values in both)
    return left, right


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of splitmix64, so that sums of hashes do not cancel out."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _total(hashed: Sequence[_Both]) -> _Both:
    left, right = (sum(side[1:], start=side[0]) for side in zip(*hashed, strict=True))
    return left, right


def _compared(first: Hashes, second: Hashes, how: str) -> Iterator[NearRows]:
    """The rows of the second that are in the first, if they are more than chance explains."""
    known, counts = np.unique(first, return_counts=True)
    count = int(np.isin(second, known).sum())
    if count < max(_LEAST, _SHARE * len(second)):
        return
    repeated = float(counts[counts > 1].sum()) / len(first)
    # The second table tells it for a first table of a few rows: the share of its pairs that are equal.
    alike = np.unique(second, return_counts=True)[1].astype(float)
    pairs = float((alike * (alike - 1)).sum()) / max(len(second) * (len(second) - 1), 1)
    by_chance = max(repeated, min(1.0, pairs * len(first))) * len(second)
    if count > _TIMES * by_chance + 1 and not (count < _FEW and _luck(count, first, second) > _LUCK):
        yield NearRows(count, how)


def _luck(count: int, first: Hashes, second: Hashes) -> float:
    """How probable so many equal rows in both tables are, given those that are equal within one of them.

    A one-sided binomial test: of all pairs of independent rows that are equal, those across the tables are a
    share that the numbers of rows tell.
    """
    within = sum(_repeated(table) for table in (first, second)) // 2
    across, inside = len(first) * len(second), (len(first) ** 2 + len(second) ** 2) / 2
    share, total = across / (across + inside), count + within
    return sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count, total + 1))


def _repeated(table: Hashes) -> int:
    counts = np.unique(table, return_counts=True)[1]
    return int(counts[counts > 1].sum())
