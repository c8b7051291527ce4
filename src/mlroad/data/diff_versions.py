"""`mlroad dataset diff`: compare two verified versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.text import count
from mlroad.data.declared_schema import declared_schema
from mlroad.data.diff import Diff, compare, file_key
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion
from mlroad.data.table import Table
from mlroad.data.version_tables import VersionPair, open_pair


@dataclass(frozen=True, slots=True)
class VersionsDiff:
    """The comparison, and a line on the data of each version for the report's footer."""

    diff: Diff
    before: str
    after: str


def diff_versions(root: Path, before: str, after: str, key: Sequence[str] = ()) -> VersionsDiff:
    """Compare two versions by ``key``, or else by the primaryKey that both schemas declare, if any.

    Raises UserError for a version that is missing, has changed or cannot be read.
    """
    with TableEngine() as engine:
        pair = open_pair(engine, root, before, after)
        chosen = tuple(key) or _declared_key(pair)
        schema = declared_schema(pair.versions[1].version)
        declared = schema.unjudged if schema else {}
        diff = compare(engine, *pair.tables, file_key(*pair.tables, chosen), declared)
    return VersionsDiff(diff, *map(_described, pair.versions, pair.tables))


def _declared_key(pair: VersionPair) -> tuple[str, ...]:
    schemas = [declared_schema(verified.version) for verified in pair.versions]
    keys = {schema.key if schema else () for schema in schemas}
    return keys.pop() if len(keys) == 1 else ()


def _described(verified: VerifiedVersion, table: Table) -> str:
    files = len(verified.content.files)
    parts = [table.format, *([count(files, "file")] if files > 1 else []), f"{verified.content.size:,} bytes"]
    return ", ".join([*parts, verified.version.stage, str(verified.version.digest)])
