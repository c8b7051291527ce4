"""SQL for the values of a column: equal values are equal, whatever type or format they are stored in."""

from typing import Any

from mlroad.data import sql
from mlroad.data.canonical import MARK
from mlroad.data.table import Column


def comparable(value: str, column: Column, other: Column) -> str:
    """The values of a column in SQL (``value``), so that they equal those of ``other`` if they are the same.

    Missing values are NaN in one file format and null in the other, so both count as null.
    """
    if column.is_float:
        value = f"nullif({value}, 'nan'::{column.type})"
    if "INTERVAL" in column.type:
        # To the engine, a month equals 30 days.
        return f"{value}::VARCHAR"
    if column.type == other.type:
        return value
    if column.is_numeric and other.is_numeric:
        # A double cannot hold every integer, so numbers of different types are compared by their digits.
        return f"canonical_number({f'{value}::DOUBLE' if column.is_float else value}::VARCHAR)"
    if column.kind in ("object", "array") and column.type != "VARCHAR":
        return f"canonical_json(to_json({_nested(value, column.type)})::VARCHAR)"
    return f"{value}::VARCHAR"


def _nested(value: str, type_: str) -> str:
    # Imported here, because it takes 0.1 s and most commands read no table.
    import duckdb

    return _without_loss(value, duckdb.sqltype(type_), 0)


def _without_loss(value: str, type_: Any, depth: int) -> str:
    """A value for ``to_json``: keys in the order of their names, and numbers with all their digits."""
    if type_.id in ("decimal", "hugeint", "uhugeint"):
        return f"{sql.text(MARK)} || without_zeros({value}::VARCHAR)"
    item = f"v{depth}"
    if type_.id == "struct":
        fields = ", ".join(
            f"{sql.name(name)} := {_without_loss(f'{item}.{sql.name(name)}', part, depth + 1)}"
            for name, part in sorted(type_.children)
        )
        # The list makes the engine read a value once, not once for each of its fields.
        whole = f"CASE WHEN {item} IS NOT NULL THEN struct_pack({fields}) END"
        return f"list_transform([{value}], lambda {item}: {whole})[1]"
    if type_.id in ("list", "array"):
        inside = _without_loss(item, dict(type_.children)["child"], depth + 1)
        return f"list_transform({value}, lambda {item}: {inside})"
    return value
