"""A first schema, inferred from data: only rules that are likely to hold for later versions too.

It has types, required columns, the values of text columns that have few, and a minimum of 0 for columns
without negative values. Observed ranges are comments only, because the next version will exceed them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from mlroad.data.profile import Profile, profile
from mlroad.data.row_diff import check_columns
from mlroad.data.schema import URL, Field, Scalar, Schema
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table
from mlroad.data.text_types import odd_values

_FEW = 20
"""Text columns with at most this many values are categories if each has `_TIMES` rows on average."""
_TIMES = 5
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""Words that YAML does not parse as strings."""


def schema_of_table(table: Table) -> Schema:
    """The columns and types of a table; no rows are read."""
    return Schema(tuple(Field(column.name, column.kind) for column in table.columns), matches="equal")


def draft_schema(engine: TableEngine, table: Table, key: Sequence[str] = (), bounds: bool = False) -> str:
    """The text of a schema file for a table. ``bounds`` turns observed minimums and maximums into limits.

    The table must have been read with the missing values that the schema is to declare.

    Raises UserError for a key that is not a column.
    """
    check_columns(table, key, "--key")
    profiles = profile(engine, table).columns
    odd = _odd(engine, table)
    lines = list(_head(table, key))
    for column in table.columns:
        found = profiles[column.name]
        lines += [f"  - name: {_yaml(column.name)}", f"    type: {column.kind}", f"    # {_summary(found)}"]
        if column.name in odd:
            lines.append(f"    # Mixed: {odd[column.name]}")
        if constraints := _constraints(found, bounds):
            lines.append("    constraints:")
            lines += [f"      {name}: {_yaml(value)}" for name, value in constraints.items()]
    return "\n".join(lines) + "\n"


def _head(table: Table, key: Sequence[str]) -> Iterator[str]:
    yield f"# Inferred from {table.label} by `mlroad dataset schema infer`. Edit it as you like."
    yield "# `mlroad dataset schema check` checks every version that names this file."
    yield "# The standard is Table Schema (datapackage.org); see `mlroad help reference/dataset-schema`."
    yield f"$schema: {URL}"
    yield "fieldsMatch: equal"
    if any(table.words):
        yield f"missingValues: [{', '.join(map(json.dumps, table.words))}]"
    if key:
        yield f"primaryKey: [{', '.join(map(_yaml, key))}]"
    yield "fields:"


def _odd(engine: TableEngine, table: Table) -> dict[str, str]:
    """Why columns are text although most of their values are not."""
    if not table.texts:
        return {}
    texts = [column.name for column in table.columns if column.kind == "string"]
    found: dict[str, str] = {}
    for name, odd in odd_values(engine, table.texts, table.rows, texts, table.decimal).items():
        examples = ", ".join(json.dumps(value, ensure_ascii=False) for value in odd.examples)
        found[name] = f"{odd.share:.1%} are a {odd.kind}; {odd.count} are not, such as {examples}"
    return found


def _constraints(found: Profile, bounds: bool) -> Mapping[str, Scalar | tuple[Scalar, ...]]:
    made: dict[str, Scalar | tuple[Scalar, ...]] = {}
    if found.rows and not found.missing:
        made["required"] = True
    if found.column.is_numeric and found.lowest is not None:
        if bounds:
            made |= {"minimum": _value(found, found.minimum), "maximum": _value(found, found.maximum)}
        elif found.lowest >= 0 and not found.infinite:
            made["minimum"] = 0
    there = found.rows - found.missing
    is_text = found.column.kind == "string" and 0 < len(found.categories) <= _FEW
    if is_text and there >= _TIMES * len(found.categories):
        made["enum"] = tuple(sorted(value for value, _ in found.categories))
    return made


def _value(found: Profile, text: str | None) -> Scalar:
    assert text is not None
    return int(text) if found.column.kind == "integer" else float(text)


def _summary(found: Profile) -> str:
    """The values of a column, in words."""
    if found.rows == found.missing:
        return "No values yet."
    parts = []
    if found.minimum is not None and found.maximum is not None:
        parts.append(f"{found.minimum} to {found.maximum}")
    about = "" if found.distinct_is_exact else "about "
    parts.append(f"{about}{found.distinct:,} different value{'s' * (found.distinct != 1)}")
    if found.missing:
        parts.append(f"{found.missing:,} of {found.rows:,} missing")
    return ", ".join(parts)


def _yaml(value: Scalar | tuple[Scalar, ...]) -> str:
    """A value in YAML's flow style, which JSON is part of. Quotes keep `no` and `1.0` strings."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str) and value.isascii() and value.isidentifier() and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
