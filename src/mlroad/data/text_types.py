"""The types of text columns, such as those of CSV: decided from all rows, never from a sample.

A type is chosen only if every value is a plain value of it. So 007 stays a string (a postcode keeps its
zero), a date must look like 2026-01-31 (03/04/2026 is ambiguous), and a single n/a turns a column of numbers
into strings, which `odd_values` then explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.table import Kind

TEXT = "VARCHAR"
_LARGE = "DECIMAL(38,0)"
_CHAIN = ("BIGINT", _LARGE, "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP")
_DECLARED: dict[Kind, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "string": TEXT,
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
_SAMPLE = 1000


def type_of(kind: Kind) -> str:
    """The SQL type that values declared as ``kind`` are parsed as; text if there is none."""
    return _DECLARED.get(kind, TEXT)


def has_type(column: str, type_: str) -> str:
    """A condition: the text in ``column`` (SQL) is a plain value of ``type_``. It never yields null."""
    text = f"trim({column})"
    conditions = {
        # Cast and cast back, because a cast alone would also accept 1.5 (as 2) and 007 (as 7).
        "BIGINT": f"try_cast({text} AS BIGINT)::VARCHAR = {text}",
        _LARGE: f"try_cast({text} AS {_LARGE})::VARCHAR = {text}",
        "DOUBLE": f"try_cast({text} AS DOUBLE) IS NOT NULL AND NOT contains({text}, '_')"
        rf" AND NOT regexp_matches({text}, '^[+-]?0\d')",
        "BOOLEAN": f"lower({text}) IN ('true', 'false', '1', '0')",
        "DATE": f"length({text}) = 10 AND {text} LIKE '____-__-__' AND try_cast({text} AS DATE) IS NOT NULL",
        "TIMESTAMP": f"length({text}) > 10 AND {text} LIKE '____-__-__%'"
        f" AND try_cast({text} AS TIMESTAMP) IS NOT NULL",
        TEXT: "true",
    }
    return f"coalesce({conditions[type_]}, false)"


def as_type(column: str, type_: str) -> str:
    """The text in ``column`` parsed as ``type_``; null where it cannot be."""
    return column if type_ == TEXT else f"try_cast(trim({column}) AS {type_})"


def infer(
    engine: TableEngine, view: str, columns: Sequence[str], declared: Mapping[str, Kind]
) -> dict[str, str]:
    """The SQL type of each column of a view of texts. The declared kind is tried first."""
    pending = {column: _candidates(declared.get(column)) for column in columns}
    # A type that fails on the first rows fails on all rows, so most candidates are dropped cheaply.
    sample = f"(SELECT * FROM {view} LIMIT {_SAMPLE})"
    while failed := _failing(engine, sample, {column: left[0] for column, left in pending.items()}):
        for column in failed:
            pending[column] = pending[column][1:]
    while failed := _failing(engine, view, {column: left[0] for column, left in pending.items()}):
        for column in failed:
            pending[column] = pending[column][1:]
    empty = _empty(engine, view, columns)
    return {
        column: (type_of(declared[column]) if column in declared else TEXT) if column in empty else left[0]
        for column, left in pending.items()
    }


@dataclass(frozen=True, slots=True)
class OddValues:
    """Why a column is text although most of its values have another type."""

    kind: Kind
    share: float
    """The share of present values that are of ``kind``."""
    count: int
    examples: tuple[str, ...]


def odd_values(engine: TableEngine, view: str, column: str) -> OddValues | None:
    """The values that keep a text column from the type that at least half of its values have."""
    quoted = sql.name(column)
    kinds: tuple[tuple[Kind, str], ...] = (("number", "DOUBLE"), ("date", "DATE"), ("datetime", "TIMESTAMP"))
    counts = engine.row(
        f"SELECT count({quoted}), "
        + ", ".join(f"count(*) FILTER ({has_type(quoted, type_)})" for _, type_ in kinds)
        + f" FROM {view}"
    )
    total = counts[0]
    for (kind, type_), fitting in zip(kinds, counts[1:], strict=True):
        if total and total / 2 <= fitting < total:
            examples = engine.rows(
                f"SELECT {quoted} FROM {view} WHERE {quoted} IS NOT NULL AND NOT {has_type(quoted, type_)}"
                f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3"
            )
            return OddValues(kind, fitting / total, total - fitting, tuple(str(row[0]) for row in examples))
    return None


def _candidates(declared: Kind | None) -> tuple[str, ...]:
    if declared is None:
        return (*_CHAIN, TEXT)
    first = type_of(declared)
    return (TEXT,) if first == TEXT else (first, *(type_ for type_ in _CHAIN if type_ != first), TEXT)


def _failing(engine: TableEngine, view: str, types: Mapping[str, str]) -> list[str]:
    tested = [(column, type_) for column, type_ in types.items() if type_ != TEXT]
    if not tested:
        return []
    quoted = [(sql.name(column), type_) for column, type_ in tested]
    conditions = [f"bool_and({column} IS NULL OR {has_type(column, type_)})" for column, type_ in quoted]
    good = engine.row(f"SELECT {', '.join(conditions)} FROM {view}")
    return [column for (column, _), fits in zip(tested, good, strict=True) if fits is False]


def _empty(engine: TableEngine, view: str, columns: Sequence[str]) -> set[str]:
    counts = engine.row(f"SELECT {', '.join(f'count({sql.name(column)})' for column in columns)} FROM {view}")
    return {column for column, count in zip(columns, counts, strict=True) if not count}
