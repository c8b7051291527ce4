"""Rows of one table that are almost rows of another: rounded, with another target, or with one changed value.

Rows are compared by sums of hashes, one for each column: without a column, a row has the sum minus that hash.
So time grows with rows times columns. Two independent rows can be equal by chance, more often after rounding:
how often, the tables themselves tell, by their rows that are equal to another row of the same table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
_OF_SPREAD = (3, 2)
_CELLS = 40_000_000
"""Values of the first table that are compared; of a larger one, a sample."""
_LEFT_OUT = 60
"""At most so many columns are left out, one at a time."""
_LEAST, _SHARE, _TIMES = 2, 0.01, 4
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
    return max(found, key=lambda near: near.count) if found else None


def _are_numbers(column: Column, other: Column) -> bool:
    return column.is_numeric and other.is_numeric


def _values(found: Any, numbers: bool) -> NDArray[Any]:
    if numbers:
        return np.ma.filled(np.ma.asarray(found).astype(np.float64), np.nan)
    return (
        pd.Series(np.ma.filled(np.ma.asarray(found, dtype=object), None)).astype(str).to_numpy(dtype=object)
    )


Pair = tuple[str, NDArray[Any], NDArray[Any]]


def _all(pairs: Sequence[Pair], exact: Sequence[str]) -> Iterator[NearRows]:
    plain = [_hashed(pair, None) for pair in pairs]
    yield from _compared(*_total(plain), "with equal features")
    if any(pair[1].dtype != object for pair in pairs if pair[0] not in exact):
        for decimals in _DECIMALS:
            rounded = [_hashed(pair, None if pair[0] in exact else decimals) for pair in pairs]
            yield from _compared(*_total(rounded), f"equal when rounded to {decimals} decimals")
        for digits in _OF_SPREAD:
            rounded = [_hashed(pair, None if pair[0] in exact else digits, of_spread=True) for pair in pairs]
            yield from _compared(*_total(rounded), "equal when rounded")
    if len(pairs) < 3:
        return  # what is left of the row says too little
    mine, theirs = _total(plain)
    for (name, *_), (left, right) in list(zip(pairs, plain, strict=True))[:_LEFT_OUT]:
        if name not in exact:
            with np.errstate(over="ignore"):
                yield from _compared(mine - left, theirs - right, f"equal but for {name}")


def _places(values: NDArray[np.float64]) -> int:
    """How many decimals more a column has if its values are small."""
    spread = float(np.nanstd(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0
    return -int(np.floor(np.log10(spread))) if spread > 0 else 0


def _hashed(pair: Pair, decimals: int | None, *, of_spread: bool = False) -> tuple[Hashes, Hashes]:
    """Hashes of the values of a column in both tables, numbers rounded if ``decimals`` is given."""
    name, *both = pair
    if both[0].dtype != object and decimals is not None:
        places = decimals + (_places(both[1]) if of_spread else 0)
        both = [np.round(values, places) + 0.0 for values in both]  # + 0.0: no negative zero
    salt = np.uint64(pd.util.hash_array(np.array([name], dtype=object))[0])
    left, right = (_mixed(pd.util.hash_array(values) ^ salt) for values in both)
    return left, right


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of splitmix64, so that sums of hashes do not cancel out."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _total(hashed: Sequence[tuple[Hashes, Hashes]]) -> tuple[Hashes, Hashes]:
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
