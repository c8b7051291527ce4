"""`mlroad dataset list`."""

from collections.abc import Sequence
from pathlib import Path

from mlroad.core.text import size, table
from mlroad.data.store import all_version_files
from mlroad.data.version import DatasetVersion, load_version


def all_versions(root: Path) -> list[DatasetVersion]:
    """The versions of all datasets of a repo."""
    return [load_version(file) for file in all_version_files(root)]


def versions_text(versions: Sequence[DatasetVersion]) -> str:
    """A table: name and version, stage, type, size, rows, parents."""
    if not versions:
        return "There are no datasets yet. Create the first one with `mlroad dataset add NAME PATH`."
    rows = [("VERSION", "STAGE", "TYPE", "SIZE", "ROWS", "FROM")]
    for version in versions:
        octets = "" if version.size is None else size(version.size)
        count = "" if version.rows is None else f"{version.rows:,}"
        rows.append((version.id, version.stage, version.type, octets, count, ", ".join(version.parents)))
    return table(rows)


def versions_json(versions: Sequence[DatasetVersion]) -> list[dict[str, object]]:
    """The same for programs."""
    names = ("id", "stage", "type", "path", "size", "rows", "digest", "parents", "description")
    return [{name: getattr(version, name) for name in names} for version in versions]
