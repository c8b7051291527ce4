"""Statistics of columns.

Counts, minimum, maximum and mean are exact, from one pass over all rows. For large tables, standard
deviations, quantiles and plots come from a sample. NaN counts as missing, because most libraries write
missing numbers that way. Infinite numbers are counted separately, and left out of means and standard
deviations.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlroad.core.text import number
from mlroad.data import sql
from mlroad.data.cells import Cells
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table

EXACT_UP_TO = 1_000_000
"""Up to this many rows, distinct counts, standard deviations and quantiles are exact."""
SAMPLE = 250_000
"""The approximate size of the sample of a larger table: shares in plots are then accurate to 0.2 %."""
CATEGORIES = 1_000
"""Up to this many distinct values, each one is counted."""
QUANTILES = (0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Profile:
    """The statistics of a column of one version. Those that its type does not have are None."""

    column: Column
    rows: int
    missing: int
    distinct: int
    distinct_is_exact: bool
    infinite: int = 0
    minimum: str | None = None
    maximum: str | None = None
    lowest: float | None = None
    """The minimum as a number on an axis: times are seconds since 1970."""
    highest: float | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[float, ...] = ()
    """At `QUANTILES`."""
    categories: tuple[tuple[str, int], ...] = ()
    """Each value with its count, most frequent first; empty if there are more than `CATEGORIES`."""

    @property
    def share_missing(self) -> float:
        return self.missing / self.rows if self.rows else 0.0

    @property
    def median(self) -> float | None:
        return self.quantiles[QUANTILES.index(0.5)] if self.quantiles else None


@dataclass(frozen=True, slots=True)
class TableProfile:
    """The profiles of a table's columns. ``drawn`` is the view that plots count: all rows or a sample."""

    table: Table
    columns: Mapping[str, Profile]
    drawn: str
    is_sample: bool


def profile(engine: TableEngine, table: Table) -> TableProfile:
    """The statistics of all columns of a table."""
    is_exact = table.rows <= EXACT_UP_TO
    drawn = table.view if is_exact else _sample(engine, table)
    found: dict[str, Profile] = {}
    for columns in _alike(table.columns):
        cells = Cells(engine, table.view, [c.name for c in columns], table.rows, len(table.columns))
        figures = _figures(cells, columns, is_exact)
        with_axis = [column for column in columns if has_axis(column)]
        sample = cells if is_exact else Cells(engine, drawn, [c.name for c in with_axis], SAMPLE)
        spreads = _spreads(sample, with_axis, is_exact)
        categories = _categories(cells, [c for c in columns if 0 < figures[c.name]["distinct"] <= CATEGORIES])
        for column in columns:
            values, counted = figures[column.name], categories.get(column.name, ())
            quantiles, std = spreads.get(column.name, ((), None))
            distinct = len(counted) or values.pop("distinct")
            found[column.name] = Profile(
                **{
                    **values,
                    "column": column,
                    "rows": table.rows,
                    "distinct": distinct,
                    "distinct_is_exact": is_exact or bool(counted),
                    "std": std,
                    "quantiles": quantiles,
                    "categories": counted,
                }
            )
    return TableProfile(table, {c.name: found[c.name] for c in table.columns}, drawn, not is_exact)


def has_axis(column: Column) -> bool:
    """Whether the values of a column can be placed on an axis."""
    return column.is_numeric or column.is_time


def axis(column: Column) -> str:
    """A column as numbers on an axis, in SQL; null if missing or infinite."""
    return _axis(sql.name(column.name), column)


def axis_text(value: float | None, column: Column) -> str:
    """A number on a column's axis as text: a time, or a number."""
    if value is None:
        return ""
    return _time(value, column) if column.is_time else number(value)


def _alike(columns: Sequence[Column]) -> list[list[Column]]:
    """The columns of each type."""
    groups: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        groups.setdefault((column.type, column.kind), []).append(column)
    return list(groups.values())


def _figures(cells: Cells, columns: Sequence[Column], is_exact: bool) -> dict[str, dict[str, Any]]:
    """Counts, ends and means of columns of one type."""
    parts = _aggregates(columns[0], is_exact, careful=False)
    rows = cells.each({column.name: tuple(parts.values()) for column in columns})
    # Values that are not finite make the quick statistics unusable, which reveals them.
    careful = _aggregates(columns[0], is_exact, careful=True)
    spoiled = [
        column for column in columns if _is_spoiled(column, dict(zip(parts, rows[column.name], strict=True)))
    ]
    rows |= cells.each({column.name: tuple(careful.values()) for column in spoiled})
    return {name: dict(zip(parts, row, strict=True)) for name, row in rows.items()}


def _is_spoiled(column: Column, found: Mapping[str, Any]) -> bool:
    if not has_axis(column) or not found["distinct"]:
        return False
    ends = (found["lowest"], found["highest"], found["mean"])
    return any(end is None or not math.isfinite(end) for end in ends)


def _aggregates(column: Column, is_exact: bool, careful: bool) -> dict[str, str]:
    """The statistics of a column, {0} in SQL; ``careful`` handles values that are not finite."""
    value = "{0}"
    found = {
        "missing": f"count(*) - count({value})",
        "distinct": f"count(DISTINCT {value})" if is_exact else f"approx_count_distinct({value})",
        "infinite": "0",
    }
    if not has_axis(column):
        return found | dict.fromkeys(("minimum", "maximum", "lowest", "highest", "mean"), "NULL")
    if column.type == "TIMESTAMPTZ_NS":
        # The engine has few functions for this type.
        value = f"{value}::TIMESTAMPTZ"
    place = f"epoch({value})" if column.is_time else f"{value}::DOUBLE"
    if careful:
        place = _place(value, column)
        if column.is_float:
            found["missing"] = f"count(*) FILTER ({value} IS NULL OR isnan({value}))"
            found["infinite"] = f"count(*) FILTER (isinf({value}))"
        value = f"CASE WHEN isfinite({value}) THEN {value} END"
    low, high = f"min({value})", f"max({value})"
    # Minimum and maximum are also texts, because a double would round large integers.
    return found | {
        "minimum": f"{low}::VARCHAR",
        "maximum": f"{high}::VARCHAR",
        "lowest": _place(low, column),
        "highest": _place(high, column),
        "mean": f"avg({place})",
    }


def _axis(value: str, column: Column) -> str:
    return _place(f"{value}::TIMESTAMPTZ" if column.type == "TIMESTAMPTZ_NS" else value, column)


def _place(value: str, column: Column) -> str:
    if column.is_time:
        return f"CASE WHEN isfinite({value}) THEN epoch({value}) END"
    if column.is_float:
        return f"CASE WHEN isfinite({value}) THEN {value}::DOUBLE END"
    return f"{value}::DOUBLE"


def _sample(engine: TableEngine, table: Table) -> str:
    name = engine.fresh("sample")
    kept = [column for column in table.columns if has_axis(column) or column.kind == "string"]
    columns = [sql.name(column.name) for column in kept] or ["1 AS nothing"]
    engine.run(
        f"CREATE TEMP TABLE {name} AS SELECT {', '.join(columns)} FROM {table.view}"
        f" USING SAMPLE {100 * SAMPLE / table.rows:.6f}% (bernoulli, 42)"
    )
    return name


def _spreads(
    cells: Cells, columns: Sequence[Column], is_exact: bool
) -> dict[str, tuple[tuple[float, ...], float | None]]:
    """Quantiles of columns with an axis, and standard deviations of numbers."""
    function = "quantile_cont" if is_exact else "approx_quantile"
    at = f"[{', '.join(map(str, QUANTILES))}]"
    parts = {
        column.name: (f"{function}({_axis('{0}', column)}, {at})", f"stddev_samp({_axis('{0}', column)})")
        for column in columns
    }
    return {
        column.name: (tuple(quantiles or ()), std if column.is_numeric else None)
        for column, (quantiles, std) in zip(columns, cells.each(parts).values(), strict=True)
    }


def _categories(cells: Cells, columns: Sequence[Column]) -> dict[str, tuple[tuple[str, int], ...]]:
    names = [column.name for column in columns if column.kind in ("string", "boolean", "integer")]
    if not names:
        return {}
    found = cells.groups(names, "{0}::VARCHAR", "n DESC, {0}")
    return {name: tuple((str(value), int(count)) for value, count in rows) for name, rows in found.items()}


def _time(seconds: float, column: Column) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return number(seconds)
    return moment.strftime("%Y-%m-%d" if column.kind == "date" else "%Y-%m-%d %H:%M")
