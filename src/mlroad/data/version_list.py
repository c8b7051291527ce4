"""`mlroad dataset list`: what there is."""

from __future__ import annotations

from pathlib import Path

from mlroad.core.text import size
from mlroad.data.store import all_version_files
from mlroad.data.version import load_version


def overview(root: Path) -> str:
    """A plain table of all versions: name and version, stage, type, size, rows, where it came from."""
    rows = [("VERSION", "STAGE", "TYPE", "SIZE", "ROWS", "FROM")]
    for file in all_version_files(root):
        version = load_version(file)
        rows.append(
            (
                version.id,
                version.stage,
                version.type,
                size(version.size) if version.size is not None else "",
                f"{version.rows:,}" if version.rows is not None else "",
                ", ".join(version.parents),
            )
        )
    if len(rows) == 1:
        return "There is no dataset yet. `mlroad dataset add NAME PATH` makes the first version of one."
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
