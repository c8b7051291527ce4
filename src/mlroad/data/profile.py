"""Statistics of columns.

Counts, minimum, maximum and mean are exact, from one pass over all rows. For large tables, standard
deviations, quantiles and plots come from a sample. NaN counts as missing, because most libraries write
missing numbers that way. Infinite numbers are counted separately, and left out of means and standard
deviations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlroad.core.text import number
from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table

EXACT_UP_TO = 1_000_000
"""Up to this many rows, distinct counts, standard deviations and quantiles are exact."""
SAMPLE = 250_000
"""The approximate size of the sample of a larger table: shares in plots are then accurate to 0.2 %."""
CATEGORIES = 1_000
"""Up to this many distinct values, each one is counted."""
QUANTILES = (0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999)
_AT_ONCE = 32
"""Columns per query: the planning time of a query grows faster than the number of its columns."""
FLOATS = ("FLOAT", "DOUBLE")


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
    figures = [
        found
        for start in range(0, len(table.columns), _AT_ONCE)
        for found in _all_rows(engine, table.view, table.columns[start : start + _AT_ONCE], is_exact)
    ]
    figures = [
        # Values that are not finite make the quick statistics unusable, which reveals them.
        _all_rows(engine, table.view, [column], is_exact, careful=True)[0]
        if _is_spoiled(column, found)
        else found
        for column, found in zip(table.columns, figures, strict=True)
    ]
    quantiles, spreads = _spread(engine, table, drawn, is_exact)
    found: dict[str, Profile] = {}
    for column, values in zip(table.columns, figures, strict=True):
        categories = _categories(engine, table, column, values["distinct"])
        found[column.name] = Profile(
            column=column,
            rows=table.rows,
            missing=values["missing"],
            distinct=len(categories) or values["distinct"],
            distinct_is_exact=is_exact or bool(categories),
            infinite=values["infinite"],
            minimum=values["minimum"],
            maximum=values["maximum"],
            lowest=values["lowest"],
            highest=values["highest"],
            mean=values["mean"],
            std=spreads.get(column.name),
            quantiles=quantiles.get(column.name, ()),
            categories=categories,
        )
    return TableProfile(table, found, drawn, not is_exact)


def has_axis(column: Column) -> bool:
    """Whether the values of a column can be placed on an axis."""
    return column.is_numeric or column.is_time


def axis(column: Column) -> str:
    """A column as numbers on an axis, in SQL; null if missing or infinite."""
    return _place(sql.name(column.name), column)


def axis_text(value: float | None, column: Column) -> str:
    """A number on a column's axis as text: a time, or a number."""
    if value is None:
        return ""
    return _time(value, column) if column.is_time else number(value)


def _all_rows(
    engine: TableEngine, view: str, columns: Sequence[Column], is_exact: bool, *, careful: bool = False
) -> tuple[dict[str, Any], ...]:
    """The statistics of some columns, from one pass; ``careful`` handles values that are not finite."""
    inner = [f"{_struct(_aggregates(column, is_exact, careful))} AS a{i}" for i, column in enumerate(columns)]
    outer = [_struct(_figures(column, f"a{i}")) for i, column in enumerate(columns)]
    return engine.row(f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {view})")


def _is_spoiled(column: Column, found: Mapping[str, Any]) -> bool:
    if not has_axis(column) or not found["there"]:
        return False
    ends = (found["lowest"], found["highest"], found["mean"])
    return any(end is None or not math.isfinite(end) for end in ends)


def _struct(parts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': {part}" for name, part in parts.items()) + "}"


def _aggregates(column: Column, is_exact: bool, careful: bool) -> dict[str, str]:
    """The aggregates over all rows of a column."""
    value = sql.name(column.name)
    found = {
        "there": f"count({value})",
        "missing": f"count(*) - count({value})",
        "distinct": f"count(DISTINCT {value})" if is_exact else f"approx_count_distinct({value})",
        "infinite": "0",
    }
    if not has_axis(column):
        return found
    place = f"epoch({value})" if column.is_time else f"{value}::DOUBLE"
    if careful:
        place = axis(column)
        if column.type in FLOATS:
            found["missing"] = f"count(*) FILTER ({value} IS NULL OR isnan({value}))"
            found["infinite"] = f"count(*) FILTER (isinf({value}))"
        value = f"CASE WHEN isfinite({value}) THEN {value} END"
    found |= {"low": f"min({value})", "high": f"max({value})", "mean": f"avg({place})"}
    return found


def _figures(column: Column, found: str) -> dict[str, str]:
    """The statistics of a profile, from the aggregates."""
    figures = {name: f"{found}.{name}" for name in ("there", "missing", "distinct", "infinite")}
    figures |= dict.fromkeys(("minimum", "maximum", "lowest", "highest", "mean"), "NULL")
    if has_axis(column):
        # As text, because a double would round large integers.
        figures |= {"minimum": f"{found}.low::VARCHAR", "maximum": f"{found}.high::VARCHAR"}
        figures |= {"lowest": _place(f"{found}.low", column), "highest": _place(f"{found}.high", column)}
        figures["mean"] = f"{found}.mean"
    return figures


def _place(value: str, column: Column) -> str:
    if column.is_time:
        return f"CASE WHEN isfinite({value}) THEN epoch({value}) END"
    if column.type in FLOATS:
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


def _spread(
    engine: TableEngine, table: Table, drawn: str, is_exact: bool
) -> tuple[dict[str, tuple[float, ...]], dict[str, float]]:
    """Quantiles of columns with an axis, and standard deviations of numbers, by column name."""
    columns = [column for column in table.columns if has_axis(column)]
    if not columns:
        return {}, {}
    function = "quantile_cont" if is_exact else "approx_quantile"
    at = f"[{', '.join(map(str, QUANTILES))}]"
    parts = [f"{function}({axis(column)}, {at}), stddev_samp({axis(column)})" for column in columns]
    row = engine.row(f"SELECT {', '.join(parts)} FROM {drawn}")
    pairs = list(zip(columns, row[::2], row[1::2], strict=True))
    return (
        {column.name: tuple(quantiles) for column, quantiles, _ in pairs if quantiles},
        {column.name: std for column, _, std in pairs if column.is_numeric and std is not None},
    )


def _categories(
    engine: TableEngine, table: Table, column: Column, distinct: int
) -> tuple[tuple[str, int], ...]:
    if column.kind not in ("string", "boolean", "integer") or not 0 < distinct <= CATEGORIES:
        return ()
    quoted = sql.name(column.name)
    rows = engine.rows(
        f"SELECT {quoted}::VARCHAR, count(*) FROM {table.view} WHERE {quoted} IS NOT NULL"
        f" GROUP BY {quoted} ORDER BY count(*) DESC, {quoted}"
    )
    return tuple((str(value), int(count)) for value, count in rows)


def _time(seconds: float, column: Column) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return number(seconds)
    return moment.strftime("%Y-%m-%d" if column.kind == "date" else "%Y-%m-%d %H:%M")
