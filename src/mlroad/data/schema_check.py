"""Check a table against its schema: one pass counts violations, and only those are looked up.

Codes: MD411 columns, MD412 types, MD413 a constraint, MD414 the key.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.data import csv_files, json_files, sql
from mlroad.data.cells import Cells
from mlroad.data.row_diff import shown_value
from mlroad.data.schema import Field, Schema
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Table
from mlroad.data.text_types import as_kind, has_kind

_EXAMPLES = 3
_SQL_TYPES = {"date": "DATE", "datetime": "TIMESTAMP", "time": "TIME"}
_ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
_BOUNDS = {
    "minimum": ("<", "below"),
    "maximum": (">", "above"),
    "exclusiveMinimum": ("<=", "not above"),
    "exclusiveMaximum": (">=", "not below"),
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """A condition that must be false in every row of ``view``."""

    field: Field
    constraint: str
    condition: str
    what: str
    """The message about rows where it is true: 'are below the minimum 0'."""
    value: str
    view: str


def check_table(engine: TableEngine, table: Table, schema: Schema) -> list[Problem]:
    """All violations of the schema in a table."""
    problems = list(_columns(table, schema))
    rules: list[_Rule] = []
    for field in schema.fields:
        column = table.column(field.name)
        if column is None:
            continue
        typed = _type_rules(table, column, field)
        if typed is None:
            problems.append(_wrong_type(table, schema, column, field))
        else:
            rules += typed
            if typed:
                # Only some values are of the declared kind; the others are already reported.
                value = as_kind(sql.name(field.name), field.kind, table.decimal)
                there = f"{sql.name(field.name)} IS NOT NULL AND {value} IS NULL"
                rules += _rules(Column(field.name, "VARCHAR", field.kind), field, value, there, table.texts)
            else:
                rules += _rules(column, field, sql.name(field.name), "false", table.view)
    problems += _broken(engine, table, schema, rules)
    unique = [(field.name,) for field in schema.fields if field.constraints.get("unique") is True]
    for key in dict.fromkeys([*unique, *([schema.key] if schema.key else [])]):
        problems += _not_unique(engine, table, schema, key)
    return problems


def _columns(table: Table, schema: Schema) -> Iterator[Problem]:
    names = [column.name for column in table.columns]
    wanted = [field.name for field in schema.fields]
    at = Position(table.files[0], 1 if table.format == "CSV" else 0)
    for field in schema.fields:
        if field.name not in names:
            what = f"{table.label} has no column {field.name}, which is in {_named(schema, field.line)}."
            yield Problem(at, "MD411", what, "Add it in a new version, or remove it from the schema.")
    if schema.matches != "subset":
        for name in names:
            if name not in wanted:
                what = f"{table.label} has the column {name}, which is not in {_named(schema)}."
                yield Problem(at, "MD411", what, "Add it to the schema, or remove it in a new version.")
    if schema.matches == "exact" and sorted(names) == sorted(wanted) and names != wanted:
        what = f"The columns of {table.label} are in a different order than in {_named(schema)}."
        yield Problem(at, "MD411", what, "Reorder them, or write fieldsMatch: equal in the schema.")


def _type_rules(table: Table, column: Column, field: Field) -> list[_Rule] | None:
    """Rules that find values of the wrong type; None if the whole column has the wrong type."""
    if field.kind in ("any", column.kind) or (field.kind, column.kind) == ("number", "integer"):
        return []
    if not table.texts:
        return None
    value = sql.name(column.name)
    fits = has_kind(value, field.kind, table.decimal)
    if fits is None:
        return None
    condition = f"{value} IS NOT NULL AND NOT {fits}"
    return [_Rule(field, "type", condition, f"are not of type {field.kind}", value, table.texts)]


def _wrong_type(table: Table, schema: Schema, column: Column, field: Field) -> Problem:
    what = (
        f"The column {field.name} of {table.label} is {column.kind}, but {_named(schema)} says {field.kind}."
    )
    fix = "Convert it in a new version, or correct the schema."
    return Problem(Position(table.files[0], 1 if table.format == "CSV" else 0), "MD412", what, fix)


def _rules(column: Column, field: Field, value: str, ignored: str, view: str) -> Iterator[_Rule]:
    """The rules of a column. ``ignored`` is the condition for values that no rule applies to."""
    missing = f"({value} IS NULL{f' OR isnan({value})' if column.is_float else ''})"
    text = f"{value}::VARCHAR"
    constraints = field.constraints
    if field.required:
        yield _Rule(field, "required", f"{missing} AND NOT ({ignored})", "are missing", value, view)
    for name, (operator, word) in _BOUNDS.items():
        if name in constraints:
            limit = constraints[name]
            condition = f"NOT {missing} AND {value} {operator} {_literal(limit, field)}"
            yield _Rule(field, name, condition, f"are {word} the {_plain(name)} {limit}", value, view)
    if "enum" in constraints:
        allowed = constraints["enum"]
        assert isinstance(allowed, tuple)
        listed = ", ".join(_literal(item, field) for item in allowed)
        condition = f"NOT {missing} AND {value} NOT IN ({listed})"
        yield _Rule(field, "enum", condition, "are not in the enum", value, view)
    if "pattern" in constraints:
        condition = f"NOT regexp_full_match({text}, {sql.text(constraints['pattern'])})"
        what = f"do not match the pattern {constraints['pattern']}"
        yield _Rule(field, "pattern", condition, what, value, view)
    for name, operator, word in (("minLength", "<", "shorter"), ("maxLength", ">", "longer")):
        if name in constraints:
            condition = f"length({text}) {operator} {constraints[name]}"
            what = f"are {word} than {constraints[name]} characters"
            yield _Rule(field, name, condition, what, value, view)


def _literal(value: object, field: Field) -> str:
    if field.kind == "datetime" and _ZONE.search(str(value)):
        return f"TIMESTAMPTZ {sql.text(value)}"
    if field.kind in _SQL_TYPES:
        return f"{_SQL_TYPES[field.kind]} {sql.text(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else sql.text(value)


def _plain(name: str) -> str:
    return {"exclusiveMinimum": "exclusive minimum", "exclusiveMaximum": "exclusive maximum"}.get(name, name)


def _broken(engine: TableEngine, table: Table, schema: Schema, rules: Sequence[_Rule]) -> Iterator[Problem]:
    by_type: dict[tuple[str, str], dict[str, list[_Rule]]] = {}
    for rule in rules:
        column = table.column(rule.field.name)
        type_ = column.type if column and rule.view == table.view else "VARCHAR"
        by_type.setdefault((rule.view, type_), {}).setdefault(rule.field.name, []).append(rule)
    for (view, _), columns in by_type.items():
        counts = Cells(engine, view, list(columns), table.rows, len(table.columns)).each(
            {
                name: [f"count(*) FILTER ({rule.condition.replace(sql.name(name), '{0}')})" for rule in here]
                for name, here in columns.items()
            }
        )
        for name, here in columns.items():
            for rule, count in zip(here, counts[name], strict=True):
                if count:
                    yield _found(engine, table, schema, rule, count)


def _found(engine: TableEngine, table: Table, schema: Schema, rule: _Rule, count: int) -> Problem:
    line = rule.field.line_of(rule.constraint)
    at, row = _first(engine, table, rule)
    are = rule.what if count != 1 else rule.what.replace("are ", "is ", 1).replace("do ", "does ", 1)
    word = f"{count:,} of {table.rows:,} values of {rule.field.name} {are}"
    if rule.constraint == "required":
        what = f"{word} (first in row {row:,}), but {_named(schema, line)} requires them."
    else:
        examples = engine.rows(
            f"SELECT {rule.value}::VARCHAR AS v FROM {rule.view} WHERE {rule.condition}"
            f" GROUP BY v ORDER BY count(*) DESC, v LIMIT {_EXAMPLES}"
        )
        listed = ", ".join(json.dumps(shown_value(found[0]), ensure_ascii=False) for found in examples)
        what = f"{word}, such as {listed} (first in row {row:,}); see {_named(schema, line)}."
    code = "MD412" if rule.constraint == "type" else "MD413"
    return Problem(at, code, what, "Fix the data in a new version, or correct the schema.")


def _first(engine: TableEngine, table: Table, rule: _Rule) -> tuple[Position, int]:
    """The position of the first row that violates a rule, and its number."""
    rows = f"SELECT row_number() OVER () AS r, {rule.condition} AS broken FROM {rule.view}"
    row = engine.row(f"SELECT min(r) FROM ({rows}) WHERE broken")[0]
    return position(table, row), row


def position(table: Table, row: int) -> Position:
    """The file and line of a row (from 1) of a table; only the file if the format has no lines."""
    file = table.files[0] if len(table.files) == 1 else table.source
    if len(table.files) == 1 and table.format == "CSV" and table.source == file:
        return Position(file, csv_files.line_of_row(file, table.delimiter, row, table.encoding))
    if len(table.files) == 1 and table.format == "JSON Lines":
        return Position(file, json_files.line_of_row(file, row))
    return Position(file)


def _not_unique(engine: TableEngine, table: Table, schema: Schema, key: tuple[str, ...]) -> Iterator[Problem]:
    if any(table.column(name) is None for name in key):
        return
    is_key = key == schema.key
    columns = ", ".join(map(sql.name, key))
    field = schema.field(key[0])
    line = schema.key_line if is_key else field.line_of("unique") if field else 0
    whole = " AND ".join(f"{sql.name(name)} IS NOT NULL" for name in key)
    texts = ", ".join(f"{sql.name(name)}::VARCHAR" for name in key)
    repeated = (
        f"SELECT {texts}, count(*) AS n FROM {table.view} WHERE {whole} GROUP BY {columns} HAVING n > 1"
    )
    count = engine.row(f"SELECT count(*) FROM ({repeated})")[0]
    word = "the key" if is_key else "the column"
    if count:
        example = engine.row(f"{repeated} ORDER BY ALL LIMIT 1")
        pairs = " and ".join(
            f"{name} = {shown_value(value)}" for name, value in zip(key, example, strict=False)
        )
        counted = (
            f"{count:,} values of {word} {', '.join(key)} occur"
            if count > 1
            else f"One value of {word} {', '.join(key)} occurs"
        )
        what = f"{counted} in several rows ({pairs} in {example[-1]}); see {_named(schema, line)}."
        yield Problem(Position(table.source), "MD414", what, "Remove the duplicate rows in a new version.")
    if is_key:
        nulls = engine.row(f"SELECT count(*) FROM {table.view} WHERE NOT ({whole})")[0]
        if nulls:
            what = f"{nulls:,} rows have no value in the key {', '.join(key)} of {_named(schema, line)}."
            yield Problem(Position(table.source), "MD414", what, "Fix the data in a new version.")


def _named(schema: Schema, line: int = 0) -> str:
    """The schema in a message, with a line."""
    file: Path | str = schema.file.as_posix() if schema.file else "the schema"
    return f"{file}:{line}" if line and schema.file else str(file)
