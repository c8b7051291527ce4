"""How to read the files of a table: what its schema and its version file say about them."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlroad.core.problems import Position, Problem, UserError
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


DIALECT_TAGS = ("delimiter", "decimal", "encoding")
"""The tags of a version file that say how to read CSV files."""


def dialect_of(tags: Mapping[str, str], at: Callable[[str], Position] | None = None) -> Dialect:
    """The dialect that the tags of a version file name. Raises UserError for one that is not valid."""
    wrong = {
        "delimiter": (len(tags.get("delimiter", ",")) != 1, "one character", "Write it in quotes: ';'."),
        "decimal": (tags.get("decimal", ".") not in (".", ","), "a comma or a point", "Write '.' or ','."),
        "encoding": (
            not _is_encoding(tags.get("encoding", "utf-8")),
            "an encoding",
            "Choose one that Python knows, such as cp1252.",
        ),
    }
    for tag, (is_wrong, what, fix) in wrong.items():
        if is_wrong:
            said = f"The {tag} {tags[tag]!r} is not {what}."
            raise UserError(Problem(at(f"tags.{tag}"), "MD102", said, fix) if at else said, "" if at else fix)
    encoding = codecs.lookup(tags.get("encoding", "utf-8")).name
    return Dialect(tags.get("delimiter", ""), encoding=encoding, decimal=tags.get("decimal", "."))


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        "".encode(name)
    except LookupError:
        return False
    return True


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
