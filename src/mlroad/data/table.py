"""A table, whatever file it comes from: a view in the engine, with typed columns.

Kinds are the types of the Table Schema standard (datapackage.org): schema.yml, messages and reports use the
same names.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Kind = Literal[
    "integer", "number", "string", "boolean", "date", "time", "datetime", "duration", "object", "array", "any"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Format = Literal["CSV", "Parquet", "JSON Lines", "files"]

_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\s*0\)")
_KINDS: dict[str, Kind] = {
    "FLOAT": "number",
    "DOUBLE": "number",
    "VARCHAR": "string",
    "UUID": "string",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "INTERVAL": "duration",
    "BIGNUM": "integer",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``type`` is DuckDB's type, ``kind`` the Table Schema type."""

    name: str
    type: str
    kind: Kind

    @property
    def is_numeric(self) -> bool:
        return self.kind in ("integer", "number")

    @property
    def is_float(self) -> bool:
        """Whether the column may hold NaN and infinite values."""
        return self.type in ("FLOAT", "DOUBLE")

    @property
    def is_time(self) -> bool:
        return self.kind in ("date", "datetime")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a version: ``view`` is their view in the engine."""

    label: str
    """``diabetes:1``."""
    source: Path
    format: Format
    files: tuple[Path, ...]
    view: str
    columns: tuple[Column, ...]
    rows: int
    texts: str = ""
    """The view of CSV values before they were parsed, where missing values are null."""
    raw: str = ""
    """The view of CSV values exactly as they are in the file."""
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    words: tuple[str, ...] = ()
    """The words that mean a missing value, and (``weak``) those that do so except in text."""
    weak: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    """The columns that are names of folders."""

    def column(self, wanted: str) -> Column | None:
        return next((column for column in self.columns if column.name == wanted), None)


def kind_of(sql_type: str) -> Kind:
    """The kind of a DuckDB type."""
    upper = sql_type.upper()
    if upper.endswith("]"):
        return "array"
    if upper.startswith(("STRUCT", "MAP", "UNION")):
        return "object"
    if _INTEGERS.fullmatch(upper):
        return "integer"
    if upper.startswith("DECIMAL"):
        return "number"
    if upper.startswith("ENUM"):
        return "string"
    if upper.startswith("TIMESTAMP"):
        return "datetime"
    if upper.startswith("TIME"):
        return "time"
    return _KINDS.get(upper, "any")
