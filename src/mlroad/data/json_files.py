"""JSON Lines: one object per line, in UTF-8. Numbers, dates (ISO 8601) and nested values keep their types.

Codes: MD301 empty, MD302 encoding, MD304 column names, MD305 unreadable, MD307 a line is not an object.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.sql import TableEngine, reason
from mlroad.data.table import Kind
from mlroad.data.text_files import LONGEST_LINE, open_bytes

SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def read_json_lines(
    engine: TableEngine, files: Sequence[Path], declared: Mapping[str, Kind], skip_bad: bool = False
) -> str:
    """A query for the rows. All lines are read to choose the type of a column; mixed columns stay JSON.

    Raises UserError, with the line, for a line that is not an object.
    """
    for file in files:
        with open_bytes(file) as stream:
            start = stream.read(4)
        if not start:
            raise UserError(
                Problem(Position(file), "MD301", "The file is empty.", "A table needs at least one row.")
            )
        if start.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
            what = "The file starts with a byte order mark."
            raise UserError(
                Problem(Position(file, 1), "MD302", what, "Save it as UTF-8 without a byte order mark.")
            )
    options = (
        f"format='newline_delimited', sample_size=-1, union_by_name=true, map_inference_threshold=-1,"
        f" maximum_object_size={LONGEST_LINE}, ignore_errors={str(skip_bad).lower()}"
    )
    query = f"FROM read_json({sql.files(files)}, {options})"
    try:
        columns = [str(row[0]) for row in engine.rows(f"DESCRIBE {query}")]
        engine.run(f"SELECT count(COLUMNS(*)) {query}")
    except engine.errors as error:
        raise UserError(_bad_line(files) or _unreadable(files, error)) from None
    if columns == ["json"] and (problem := _bad_line(files)):
        raise UserError(problem)
    _check_names(engine, files, columns)
    texts = {column for column in columns if declared.get(column) == "string"}
    if not texts:
        return query
    # A string that looks like a date stays a string if the schema says so.
    kept = ", ".join(f"{sql.name(column)}::VARCHAR AS {sql.name(column)}" for column in sorted(texts))
    return f"SELECT * REPLACE ({kept}) {query}"


def line_of_row(file: Path, row: int) -> int:
    """The line of row ``row`` (from 1), not counting blank lines."""
    with open_bytes(file) as stream:
        seen = 0
        for number, line in enumerate(stream, start=1):
            seen += bool(line.strip())
            if seen == row:
                return number
    return 0


def _check_names(engine: TableEngine, files: Sequence[Path], columns: Sequence[str]) -> None:
    """Reject keys that differ only in case: the engine would rename the second one to NAME_1."""
    lower = {column.casefold() for column in columns}
    for column in columns:
        base, _, number = column.rpartition("_")
        if not number.isdigit() or base.casefold() not in lower:
            continue
        path = sql.text('$."' + column.replace('"', '\\"') + '"')
        objects = f"read_ndjson_objects({sql.files(files)}, maximum_object_size={LONGEST_LINE})"
        if not engine.row(f"SELECT count(*) FROM {objects} WHERE json_exists(json, {path})")[0]:
            what = f"Some lines spell the key {base} in a different case."
            raise UserError(
                Problem(Position(files[0]), "MD304", what, "Spell it the same way in every line.")
            )


def _bad_line(files: Sequence[Path]) -> Problem | None:
    for file in files:
        with open_bytes(file) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip() and (problem := _wrong(line, Position(file, number))):
                    return problem
    return None


def _wrong(line: bytes, at: Position) -> Problem | None:
    try:
        found = json.loads(line.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        what = f"Byte 0x{line[error.start]:02X} is not UTF-8."
        return Problem(at, "MD302", what, "Save the file as UTF-8.")
    except ValueError as error:
        return Problem(at, "MD307", f"This line is not valid JSON: {error}.", "Write one object per line.")
    except RecursionError:
        return Problem(at, "MD307", "This line is nested too deeply.", "Flatten it.")
    if not isinstance(found, dict):
        return Problem(at, "MD307", "This line is not a JSON object.", "Write one object per line.")
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"duplicate key {twice}")
    return found


def _unreadable(files: Sequence[Path], error: Exception) -> Problem:
    return Problem(
        Position(files[0]),
        "MD305",
        f"The file cannot be read as JSON Lines: {reason(error)}.",
        "Fix the file.",
    )
