"""What contract.json tells of a column from the training data: its range, or its categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion
from mlroad.data.version_tables import open_version

_MOST_CATEGORIES = 50
"""A text column with more different values, such as a name, is no category."""
_NUMBERS = ("INT", "FLOAT", "DOUBLE", "DECIMAL")


def column_facts(version: VerifiedVersion, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``minimum`` and ``maximum`` of numbers, ``allowed`` of texts, by the name of the column."""
    facts: dict[str, dict[str, Any]] = {}
    with TableEngine() as engine:
        table = open_version(engine, version)
        for column in table.columns:
            name = sql.name(column.name)
            if column.name not in columns:
                continue
            if any(word in column.type for word in _NUMBERS):
                low, high = engine.row(
                    f"SELECT min({name})::DOUBLE, max({name})::DOUBLE FROM {table.view} WHERE isfinite({name}::DOUBLE)"
                )
                if low is not None:
                    facts[column.name] = {"minimum": low, "maximum": high}
            elif column.type == "VARCHAR":
                found = engine.rows(
                    f"SELECT DISTINCT {name} FROM {table.view} WHERE {name} IS NOT NULL "
                    f"ORDER BY 1 LIMIT {_MOST_CATEGORIES + 1}"
                )
                values = [str(row[0]) for row in found]
                if len(values) <= _MOST_CATEGORIES:
                    facts[column.name] = {"allowed": values}
    return facts
