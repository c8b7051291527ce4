"""What to know about how a table was read: missing values, and columns that are nearly numbers."""

import json
from collections.abc import Iterator, Mapping

from mlroad.core.text import percent
from mlroad.data import sql
from mlroad.data.cells import Cells
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table
from mlroad.data.text_types import has_kind, odd_values

_NEARLY = 0.95
"""From this share on, a text column was probably meant to be numbers."""
_SHOWN = 20
_THOUSANDS = r"[+-]?[1-9]\d?\d?,\d\d\d"
_PLURALS = {
    "integer": "numbers", "number": "numbers", "date": "dates", "datetime": "times",
    "boolean": "truth values",
}  # fmt: skip


def missing_words(engine: TableEngine, table: Table) -> dict[str, Mapping[str, int]]:
    """The words of a CSV file that were read as missing values, and how often, for each column with any."""
    if not table.raw:
        return {}
    words: dict[str, str] = {}
    for column in table.columns:
        if column.name in table.partitions:
            continue
        known = [word for word in (*table.words, *(() if column.kind == "string" else table.weak)) if word]
        words[column.name] = f"trim({{0}}) IN ({', '.join(map(sql.text, known or ['']))})"
    counts = Cells(engine, table.raw, list(words), table.rows).each(
        {name: (f"histogram(trim({{0}})) FILTER ({found})",) for name, found in words.items()}
    )
    return {
        name: dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
        for name, (found,) in counts.items()
        if found
    }


def table_notes(engine: TableEngine, table: Table) -> list[str]:
    """The lines that `mlroad dataset add` prints."""
    notes = [*_missing(engine, table), *_nearly(engine, table)]
    hidden = len(notes) - _SHOWN
    return notes if hidden <= 0 else [*notes[:_SHOWN], f"and {hidden} more columns"]


def _missing(engine: TableEngine, table: Table) -> Iterator[str]:
    found = missing_words(engine, table)
    if not found:
        return
    counts = ", ".join(f"count({sql.name(name)})" for name in found)
    there = engine.row(f"SELECT {counts} FROM {table.view}")
    for (name, words), present in zip(found.items(), there, strict=True):
        column = table.column(name)
        kind = _PLURALS.get(column.kind, "values") if column else "values"
        counted = ", ".join(f"{count:,} `{word}`" for word, count in words.items())
        yield f"{name}: {present:,} {kind}, {counted} read as missing"


def _nearly(engine: TableEngine, table: Table) -> Iterator[str]:
    texts = [column.name for column in table.columns if column.kind == "string"]
    for name, odd in odd_values(engine, table.texts or table.view, table.rows, texts, table.decimal).items():
        if odd.kind == "number" and odd.share >= _NEARLY:
            examples = ", ".join(json.dumps(value, ensure_ascii=False) for value in odd.examples)
            share = f"{percent(odd.share)} of its values are numbers. {odd.count:,} are not"
            fix = "If they mean a missing value, list them in the schema: missingValues."
            yield f"Warning: {name} is text, but {share}, such as {examples}. {fix}"


def decimal_commas(engine: TableEngine, table: Table) -> Iterator[str]:
    """Warnings of text columns whose values are numbers with a decimal comma.

    12,500 alone says nothing: it may be twelve thousand.
    """
    texts = [column.name for column in table.columns if column.kind == "string"] if table.raw else []
    number = has_kind("{0}", "number", ",")
    fraction = f"{number} AND contains({{0}}, ',') AND NOT regexp_full_match(trim({{0}}), '{_THOUSANDS}')"
    parts = ("count({0})", f"count(*) FILTER ({number})", f"min({{0}}) FILTER ({fraction})")
    cells = Cells(engine, table.texts or table.view, texts, table.rows)
    for name, (total, numbers, example) in cells.each(dict.fromkeys(texts, parts)).items():
        if example is not None and numbers >= _NEARLY * total:
            share = f"{percent(numbers / total)} of its values are numbers with a decimal comma"
            fix = "Add the same data again with `--decimal ,`."
            yield f"Warning: {name} is text, but {share}, such as {json.dumps(example)}. {fix}"
