"""Dataset versions, verified and opened as tables."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mlroad.data.declared_schema import declared_schema
from mlroad.data.open_table import open_table
from mlroad.data.reading import Reading, dialect_of
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion, find_verified
from mlroad.data.table import Table
from mlroad.data.version import DatasetVersion


@dataclass(frozen=True, slots=True)
class VersionPair:
    """Two versions, opened as tables."""

    versions: tuple[VerifiedVersion, VerifiedVersion]
    tables: tuple[Table, Table]


def reading_of(version: DatasetVersion) -> Reading:
    """How to read the data of a version: what its schema declares and its tags name."""
    schema, dialect = declared_schema(version), dialect_of(version.tags, version.at)
    return schema.reading(dialect) if schema else Reading(dialect=dialect)


def open_version(engine: TableEngine, verified: VerifiedVersion, reading: Reading | None = None) -> Table:
    """The table of a verified version, with the types that its schema declares, or that ``reading`` names."""
    reading = reading or reading_of(verified.version)
    return open_table(engine, verified.path, verified.version.id, reading, verified.content.files)


def open_pair(engine: TableEngine, root: Path, before: str, after: str) -> VersionPair:
    """Verify and open two versions. Raises UserError if one is missing, has changed, or cannot be read."""
    # In parallel: hashing releases Python's lock, and it is most of the work for large versions.
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda reference: find_verified(root, reference), (before, after))
    return VersionPair((first, second), (open_version(engine, first), open_version(engine, second)))
