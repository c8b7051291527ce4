"""How to read the files of a table: what its schema and its version file say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlroad.data.table import Kind

MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What CSV files mean by a missing value if no schema says so: the words that pandas reads as missing."""
WEAK = ("-",)
"""Words that are missing values only in columns that are not text: a blood group may be + or -."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read delimited files. An empty delimiter is detected from the first lines."""

    delimiter: str = ""
    has_header: bool = True
    encoding: str = "utf-8"
    decimal: str = "."
    infers: bool = True
    """Whether to detect the types of columns."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The kinds and missing values that a schema declares, and the dialect of the version."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    missing: tuple[str, ...] | None = None
    """None: the words in `MISSING` and `WEAK`."""
    dialect: Dialect = Dialect()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that mean a missing value in every column."""
        return MISSING if self.missing is None else self.missing

    @property
    def weak(self) -> tuple[str, ...]:
        """The words that mean a missing value in columns that are not text."""
        return WEAK if self.missing is None else ()
