"""The types of text columns, such as those of CSV: decided from all rows, never from a sample.

A type is chosen only if it loses nothing of any value: if every value is a plain value of that type, and
survives the way there and back. So 007, +49 and 1E5 stay strings, a date must look like 2026-01-31
(03/04/2026 is ambiguous), and a number that has more digits than a double holds becomes a decimal or stays a
string. A value that is not of the type turns the column into strings, which `odd_values` then explains.

A declared type is read more generously: +5 and 1E5 are numbers if the schema says so.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlroad.data import sql
from mlroad.data.cells import Cells
from mlroad.data.sql import TableEngine
from mlroad.data.table import Kind

TEXT = "VARCHAR"
NOTHING = ""
"""The type of a column without values, if none is declared."""
_DECIMAL = "DECIMAL"
"""A decimal with as many digits after the point as the column needs."""
_DIGITS = 38
"""The most digits of a decimal."""
_SAMPLE = 1000
_FEW = 20
_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.%s)?)?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)"
_MICROSECONDS, _NANOSECONDS = r"\d{1,6}0*", r"\d{1,9}0*"
_WHOLE = r"(?:0|[1-9]\d*)"
_INFINITE = r"[+-]?(?i:inf|infinity)"


@dataclass(frozen=True, slots=True)
class TextType:
    """A type that texts may have: an SQL type, the pattern of its texts, and what else must hold of {0}."""

    name: str
    kind: Kind
    pattern: str
    exact: str = "true"
    decimal: str = "."

    def fits(self, column: str, *, exactly: bool = True) -> str:
        """A condition: the text in ``column`` (SQL) is a value of this type. It never yields null."""
        text = _text(column, self.decimal if self.kind in ("integer", "number") else ".")
        found = f"regexp_full_match({text}, {sql.text(self.pattern)})"
        if exactly:
            found += f" AND {self.exact.format(text)}"
        return f"coalesce({found}, false)"

    def may_be(self, text: str) -> bool:
        """Whether a text without spaces around it has the pattern. Python's patterns match a little more."""
        if self.decimal == "," and self.kind in ("integer", "number"):
            text = text.translate({ord(","): ".", ord("."): ","})
        return re.fullmatch(self.pattern, text) is not None


def _text(column: str, decimal: str) -> str:
    # With a decimal comma, a point is not a decimal point either.
    return f"translate(trim({column}), ',.', '.,')" if decimal == "," else f"trim({column})"


def _cast(name: str) -> str:
    return f"try_cast({{0}} AS {name}) IS NOT NULL"


def _numbers(integer: str, number: str) -> tuple[TextType, ...]:
    kept = (
        # Fifteen digits always survive, and what the engine prints is what was read. CASE, because the engine
        # evaluates every part of an OR, and splitting a number into its digits is slow.
        "CASE WHEN length({0}) <= 15 AND NOT contains(lower({0}), 'e') THEN true"
        " WHEN try_cast({0} AS DOUBLE)::VARCHAR = {0} THEN true"
        f" WHEN regexp_full_match({{0}}, '{_INFINITE}') THEN true"
        " ELSE number_digits(try_cast({0} AS DOUBLE)::VARCHAR) = number_digits({0}) END"
    )
    few = f"length(ltrim(split_part(number_digits({{0}}), 'e', 1), '-')) <= {_DIGITS}"
    return (
        TextType("BIGINT", "integer", integer, _cast("BIGINT")),
        TextType("DECIMAL(38,0)", "integer", integer, _cast("DECIMAL(38,0)")),
        TextType("DOUBLE", "number", f"{number}|{_INFINITE}", kept),
        TextType(_DECIMAL, "number", number, few),
    )


def _times(zone: str, suffix: str) -> tuple[TextType, ...]:
    return tuple(
        TextType(name, "datetime", _DAY + _CLOCK % digits + zone, _cast(name))
        for name, digits in ((f"TIMESTAMP{suffix}", _MICROSECONDS), (f"TIMESTAMP{suffix}_NS", _NANOSECONDS))
    )


_DATE = TextType("DATE", "date", _DAY, "try_cast({0} AS DATE)::VARCHAR = {0}")
TIMES = (_DATE, *_times("", ""), *_times(_ZONE, "TZ"))
"""The types of dates and times. A column with and without zones is text, because the two do not compare."""
# An exponent needs a sign or a decimal point, because 1E5 may be a code.
_PLAIN = _numbers(
    r"-?[1-9]\d*|0",
    rf"-?(?:{_WHOLE}(?:\.\d*)?(?:[eE][+-]\d+)?|{_WHOLE}?\.\d+(?:[eE]\d+)?|\.\d+[eE][+-]\d+)",
)
NUMBERS = _numbers(r"[+-]?(?:[1-9]\d*|0)", rf"[+-]?(?:{_WHOLE}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
"""The types of texts that are certain to be numbers."""
_CHAIN = (*_PLAIN, TextType("BOOLEAN", "boolean", "(?i:true|false)"), *TIMES)
_DECLARED: dict[Kind, tuple[TextType, ...]] = {
    "integer": NUMBERS[:2],
    "number": NUMBERS[2:],
    "string": (),
    "boolean": (TextType("BOOLEAN", "boolean", "(?i:true|false)|1|0"),),
    "date": (_DATE,),
    "datetime": TIMES[1:],
}


def candidates(declared: Kind | None, decimal: str = ".") -> tuple[TextType, ...]:
    """The types to try for a column, those of its declared kind first; text is left if none fits."""
    own = _DECLARED.get(declared, ()) if declared else ()
    types = () if declared and not own else (*own, *_CHAIN)
    return types if decimal == "." else tuple(replace(type_, decimal=decimal) for type_ in types)


def has_kind(column: str, kind: Kind, decimal: str = ".") -> str | None:
    """A condition: the text in ``column`` (SQL) is of a declared kind; None if texts have no such kind."""
    types = (replace(type_, decimal=decimal) for type_ in _DECLARED.get(kind, ()))
    found = [type_.fits(column, exactly=type_.kind in ("date", "datetime")) for type_ in types]
    return f"({' OR '.join(found)})" if found else None


def as_kind(column: str, kind: Kind, decimal: str = ".") -> str:
    """The text in ``column`` as a value to compare with the limits of its declared kind; else null."""
    names = {"integer": "DOUBLE", "number": "DOUBLE", "datetime": "TIMESTAMPTZ"}
    return as_type(column, names.get(kind, kind.upper()), decimal)


def as_type(column: str, type_: str, decimal: str = ".") -> str:
    """The text in ``column`` parsed as ``type_``; null where it cannot be."""
    if type_ in (TEXT, NOTHING):
        return column
    is_number = type_.startswith(("BIGINT", "DECIMAL", "DOUBLE"))
    return f"try_cast({_text(column, decimal if is_number else '.')} AS {type_})"


def infer(
    engine: TableEngine,
    view: str,
    rows: int,
    wanted: Mapping[str, Sequence[TextType]],
    weak: Iterable[str] = (),
) -> dict[str, str]:
    """The SQL type of each column of a view of texts: the first of the wanted ones that loses nothing.

    ``weak`` are words that mean a missing value unless the column is text.
    """
    ignored = tuple(weak)
    pending = _possible(engine, view, wanted, ignored)
    # A type that fails on the first rows fails on all rows, so most candidates are dropped cheaply.
    whole = Cells(engine, view, list(wanted), rows)
    stages = [(whole, True)]
    if rows > _SAMPLE:
        stages.insert(
            0, (Cells(engine, f"(SELECT * FROM {view} LIMIT {_SAMPLE})", list(wanted), _SAMPLE), False)
        )
    for cells, is_whole in stages:
        untested = pending
        while failed := _failing(cells, untested, ignored, is_whole):
            for column in failed:
                pending[column].pop(0)
            untested = {column: pending[column] for column in failed}
    counts = whole.each({column: ("count({0})",) for column, left in pending.items() if left})
    found: dict[str, str] = {}
    for column, left in pending.items():
        if left and not counts[column][0]:
            found[column] = NOTHING if left[0].pattern == _CHAIN[0].pattern else left[0].name
        elif left and left[0].name == _DECIMAL:
            found[column] = _decimal(engine, view, column, left[0].decimal)
        else:
            found[column] = left[0].name if left else TEXT
    return found


@dataclass(frozen=True, slots=True)
class OddValues:
    """Why a column is text although most of its values have another type."""

    kind: Kind
    share: float
    """The share of present values that are of ``kind``."""
    count: int
    examples: tuple[str, ...]


def odd_values(
    engine: TableEngine, view: str, rows: int, columns: Sequence[str], decimal: str = "."
) -> dict[str, OddValues]:
    """The values that keep text columns from the type that at least half of their values have."""
    kinds: tuple[Kind, ...] = ("number", "date", "datetime")
    fits = {kind: has_kind("{0}", kind, decimal) for kind in kinds}
    parts = ("count({0})", *(f"count(*) FILTER ({fits[kind]})" for kind in kinds))
    found: dict[str, OddValues] = {}
    for column, (total, *counts) in (
        Cells(engine, view, columns, rows).each(dict.fromkeys(columns, parts)).items()
    ):
        for kind, fitting in zip(kinds, counts, strict=True):
            if total and total / 2 <= fitting < total:
                quoted = sql.name(column)
                examples = engine.rows(
                    f"SELECT {quoted} FROM {view} WHERE {quoted} IS NOT NULL"
                    f" AND NOT {has_kind(quoted, kind, decimal)}"
                    f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 3"
                )
                listed = tuple(str(row[0]) for row in examples)
                found[column] = OddValues(kind, fitting / total, total - fitting, listed)
                break
    return found


def _possible(
    engine: TableEngine, view: str, wanted: Mapping[str, Sequence[TextType]], weak: Sequence[str]
) -> dict[str, list[TextType]]:
    """The wanted types of each column whose patterns its first values have. This takes one quick query."""
    pending = {column: list(types) for column, types in wanted.items()}
    columns = [column for column, types in pending.items() if types]
    if not columns:
        return pending
    rows = engine.rows(f"SELECT {', '.join(map(sql.name, columns))} FROM {view} LIMIT {_FEW}")
    for column, values in zip(columns, zip(*rows, strict=True), strict=False):
        present = {value.strip() for value in values if value is not None} - {*weak}
        pending[column] = [type_ for type_ in pending[column] if all(map(type_.may_be, present))]
    return pending


def _failing(
    cells: Cells, pending: Mapping[str, Sequence[TextType]], weak: Sequence[str], is_whole: bool
) -> list[str]:
    words = f"trim({{0}}) IN ({', '.join(map(sql.text, weak))})" if weak else "false"
    # A column that has no other words than these is text.
    some = f" AND bool_or(NOT {words})" if is_whole else ""
    parts: dict[str, tuple[str]] = {}
    for column, left in pending.items():
        if left:
            fits = left[0].fits("{0}")
            parts[column] = (f"bool_and({{0}} IS NULL OR {words} OR {fits}){some}",)
    return [column for column, (fits,) in cells.each(parts).items() if fits is False]


def _decimal(engine: TableEngine, view: str, column: str, decimal: str) -> str:
    """The decimal that holds every number of a column, or text if none does."""
    digits = f"number_digits({_text(sql.name(column), decimal)})"
    power = f"coalesce(try_cast(split_part({digits}, 'e', 2) AS INTEGER), 0)"
    length = f"length(ltrim(split_part({digits}, 'e', 1), '-'))"
    whole, part = engine.row(
        f"SELECT max(greatest(0, {length} + {power})), max(greatest(0, -{power})) FROM {view}"
    )
    return f"DECIMAL({_DIGITS},{part})" if (whole or 0) + (part or 0) <= _DIGITS else TEXT
