"""What contract.json says of a column: its unit, and its range or its categories in the training data."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlroad.data import sql
from mlroad.data.declared_schema import declared_schema
from mlroad.data.open_table import open_table
from mlroad.data.reading import Reading
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion
from mlroad.data.table import Table

CARD = "MODEL_CARD.md"
_MOST_CATEGORIES = 50
"""A text column with more different values, or hardly any that repeats, is not a category."""
_NUMBERS = {"INT32", "INT64", "FP32", "FP64"}


def column_facts(version: VerifiedVersion, columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """``minimum`` and ``maximum`` of numbers, ``allowed`` of texts, by the name of the column.

    ``columns`` are the datatypes of the model's inputs.
    """
    texts = Reading({name: "string" for name, datatype in columns.items() if datatype == "BYTES"})
    with TableEngine() as engine:
        table = open_table(engine, version.path, version.version.id, texts)
        return {
            column.name: _facts(engine, table, column.name, columns[column.name])
            for column in table.columns
            if column.name in columns
            and (columns[column.name] == "BYTES" or (columns[column.name] in _NUMBERS and column.is_numeric))
        }


def _facts(engine: TableEngine, table: Table, column: str, datatype: str) -> dict[str, Any]:
    name = sql.name(column)
    if datatype == "BYTES":
        found = engine.rows(
            f"SELECT DISTINCT {name}::VARCHAR FROM {table.view} WHERE {name} IS NOT NULL "
            f"ORDER BY 1 LIMIT {_MOST_CATEGORIES + 1}"
        )
        few = len(found) <= min(_MOST_CATEGORIES, table.rows / 2)
        return {"allowed": [row[0] for row in found]} if few else {}
    low, high = engine.row(
        f"SELECT min({name})::DOUBLE, max({name})::DOUBLE FROM {table.view} WHERE isfinite({name}::DOUBLE)"
    )
    return {} if low is None else {"minimum": low, "maximum": high}


def units(version: VerifiedVersion, model_folder: Path) -> dict[str, str]:
    """The units of columns: from the dataset's schema, else from a table in the model card.

    That table has the headings ``column`` and ``unit``.
    """
    schema = declared_schema(version.version)
    declared = {field.name: field.unit for field in schema.fields if field.unit} if schema else {}
    return {**_card_units(model_folder / CARD), **declared}


def _card_units(card: Path) -> dict[str, str]:
    heading: Sequence[str] = ()
    found: dict[str, str] = {}
    for cells in _rows(card):
        if "column" in cells and "unit" in cells:
            heading = cells
        elif len(cells) != len(heading):
            heading = ()
        elif heading and (unit := cells[heading.index("unit")].strip("-–: ")):
            found[cells[heading.index("column")].strip("`")] = unit
    return found


def _rows(card: Path) -> Iterator[list[str]]:
    """The cells of each line that looks like a row of a table; none for another line."""
    for line in card.read_text(encoding="utf-8").splitlines() if card.is_file() else ():
        text = line.strip()
        yield [cell.strip() for cell in text.strip("|").split("|")] if text.startswith("|") else []
