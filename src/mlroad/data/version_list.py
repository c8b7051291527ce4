"""`mlroad dataset list`."""

from __future__ import annotations

from pathlib import Path

from mlroad.core.text import size
from mlroad.data.store import all_version_files
from mlroad.data.version import load_version


def version_list(root: Path) -> str:
    """A table of all versions: name and version, stage, type, size, rows, parents."""
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
        return "There are no datasets yet. Create the first one with `mlroad dataset add NAME PATH`."
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
