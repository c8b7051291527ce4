"""Our check and the reference implementation agree on what a schema allows.

frictionless is the reference implementation of Table Schema. It reads one row at a time in Python (23,000
rows of 20 columns per second), which is too slow for the check itself, so only this test uses it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from frictionless import Resource, Schema
from frictionless.resources import TableResource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlroad.data.open_table import open_table
from mlroad.data.schema import URL, load_schema
from mlroad.data.schema_check import check_table
from mlroad.data.sql import TableEngine

VALUES = {
    "integer": ["1", "-3", "70", "", "x", "2.5", "9"],
    "number": ["1.5", "2", "-0.25", "", "1e3", "word"],
    "string": ["a", "bb", "ccc", "", "1", "a b"],
    "boolean": ["true", "false", "", "maybe"],
    "date": ["2026-01-31", "2025-02-28", "", "2026-02-30", "31.01.2026"],
}
CONSTRAINTS: dict[str, list[dict[str, object]]] = {
    "integer": [{"minimum": 0}, {"maximum": 9}, {"enum": [1, 70]}, {"required": True}],
    "number": [{"minimum": 0}, {"maximum": 2}, {"required": True}],
    "string": [{"minLength": 2}, {"maxLength": 2}, {"pattern": "[a-c]+"}, {"enum": ["a", "1"]}],
    "boolean": [{"required": True}],
    "date": [{"minimum": "2026-01-01"}, {"required": True}],
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, str]:
    """A schema and a table that may or may not fit it."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    fields = []
    for number, kind in enumerate(kinds):
        constraints: dict[str, object] = {}
        for constraint in draw(st.lists(st.sampled_from(CONSTRAINTS[kind]), max_size=2)):
            constraints |= constraint
        if kind != "boolean" and draw(st.booleans()):
            constraints["unique"] = True
        fields.append({"name": f"c{number}", "type": kind, "constraints": constraints})
    rows = draw(
        st.lists(st.tuples(*(st.sampled_from(VALUES[kind]) for kind in kinds)), min_size=1, max_size=5)
    )
    # A row without any value is a blank line in CSV, which the two read differently.
    rows = [row for row in rows if any(row)] or [tuple("1" for _ in kinds)]
    table = ",".join(f"c{number}" for number in range(len(kinds))) + "\n"
    return str(fields).replace("True", "true"), table + "".join(",".join(row) + "\n" for row in rows)


def ours(folder: Path, fields: str, table: str) -> set[str]:
    """The columns that our check rejects."""
    (folder / "schema.yml").write_text(f"fields: {fields}\n", encoding="utf-8")
    (folder / "table.csv").write_text(table, encoding="utf-8")
    schema = load_schema(folder / "schema.yml")
    with TableEngine() as engine:
        found = check_table(engine, open_table(engine, folder / "table.csv", "t:1", schema.reading()), schema)
    return {
        field.name for field in schema.fields if any(f" {field.name} " in problem.what for problem in found)
    }


def theirs(folder: Path, fields: str, table: str) -> set[str]:
    """The columns that frictionless rejects."""
    schema = Schema.from_descriptor({"$schema": URL, "fields": yaml.safe_load(fields)})
    resource = TableResource(path="table.csv", basepath=str(folder), schema=schema)
    assert isinstance(resource, Resource)
    return {error.field_name for error in resource.validate().tasks[0].errors if hasattr(error, "field_name")}


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_both_find_fault_with_the_same_columns(tmp_path: Path, case: tuple[str, str]) -> None:
    assert ours(tmp_path, *case) == theirs(tmp_path, *case)


def test_both_read_what_infer_writes(tmp_path: Path) -> None:
    from mlroad.data.schema_draft import draft_schema

    file = tmp_path / "table.csv"
    file.write_text(
        "n,word,day\n" + "".join(f"{i},{'ab'[i % 2]},2026-01-{i + 1:02}\n" for i in range(20)),
        encoding="utf-8",
    )
    with TableEngine() as engine:
        text = draft_schema(engine, open_table(engine, file, "t:1"), ["n"])
    schema = Schema.from_descriptor(yaml.safe_load(text))
    assert [(field.name, field.type) for field in schema.fields] == [
        ("n", "integer"),
        ("word", "string"),
        ("day", "date"),
    ]
    assert schema.primary_key == ["n"]
    assert schema.get_field("word").constraints["enum"] == ["a", "b"]
    assert TableResource(path="table.csv", basepath=str(tmp_path), schema=schema).validate().valid
