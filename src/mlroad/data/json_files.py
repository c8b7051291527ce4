"""JSON Lines: one object per line, in UTF-8. Numbers, dates (ISO 8601) and nested values keep their types.

Codes: MD301 empty, MD302 encoding, MD304 column names, MD305 unreadable, MD307 a line is not an object.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.canonical import MARK
from mlroad.data.csv_files import check_names
from mlroad.data.sql import TableEngine, reason
from mlroad.data.table import Kind, kind_of
from mlroad.data.text_files import LONGEST_LINE, open_bytes
from mlroad.data.text_types import NUMBERS, TEXT, TIMES, as_type, infer

_NUMBERS = ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE")
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def read_json_lines(
    engine: TableEngine,
    files: Sequence[Path],
    declared: Mapping[str, Kind],
    skip_bad: bool = False,
    file_column: str = "",
) -> tuple[str, dict[str, Kind]]:
    """A query for the rows, and the kinds of the columns, which all lines decide.

    Mixed and nested columns are JSON texts. Raises UserError, with the line, for a line that is not an
    object.
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
    options = f"maximum_object_size={LONGEST_LINE}, ignore_errors={str(skip_bad).lower()}"
    try:
        structure = _structure(engine, files, options)
        copies = _exact(engine, files, options)
        read = ", ".join(f"{sql.text(name)}: {sql.text(_type(s))}" for name, s in structure.items())
        options += f", hive_partitioning=false, filename={str(bool(file_column)).lower()}"
        source = f"read_json({sql.files(copies)}, format='newline_delimited', {options}, columns={{{read}}})"
        rows = engine.row(f"SELECT count(*), count(COLUMNS(*)) FROM {source}")[0]
        view = engine.fresh("lines")
        values = ", ".join(f"{_value(name, s)} AS {sql.name(name)}" for name, s in structure.items())
        if file_column:
            where = dict(zip((str(copy.absolute()) for copy in copies), files, strict=True))
            names = ", ".join(
                f"{sql.text(copy)}: {sql.text(file.absolute())}" for copy, file in where.items()
            )
            values += f", MAP {{{names}}}[filename] AS {sql.name(file_column)}"
        engine.run(f"CREATE VIEW {view} AS SELECT {values} FROM {source}")
        wanted = {
            name: () if declared.get(name) == "string" else NUMBERS if s in _NUMBERS else TIMES
            for name, s in structure.items()
            if s in (*_NUMBERS, "VARCHAR")
        }
        types = infer(engine, view, rows, wanted)
    except engine.errors as error:
        raise UserError(_bad_line(files) or _unreadable(files, error)) from None
    parts = [sql.name(file_column)] if file_column else []
    parts += [f"{as_type(sql.name(name), types.get(name, TEXT))} AS {sql.name(name)}" for name in structure]
    kinds = {name: _kind(types.get(name, ""), s) for name, s in structure.items()}
    kinds |= {name: "string" for name in structure if declared.get(name) == "string"}
    return f"SELECT {', '.join(parts)} FROM {view}", kinds


def line_of_row(file: Path, row: int) -> int:
    """The line of row ``row`` (from 1), not counting blank lines."""
    with open_bytes(file) as stream:
        seen = 0
        for number, line in enumerate(stream, start=1):
            seen += bool(line.strip())
            if seen == row:
                return number
    return 0


def _structure(engine: TableEngine, files: Sequence[Path], options: str) -> dict[str, Any]:
    """The keys of all lines, with the type of their values: a name, a list of one type, or keys again."""
    source = f"read_ndjson_objects({sql.files(files)}, {options})"
    found = json.loads(engine.row(f"SELECT json_group_structure(json)::VARCHAR FROM {source}")[0] or "{}")
    if not isinstance(found, dict) or not found:
        what, fix = "No line has a key.", "A table needs at least one column."
        raise UserError(_bad_line(files) or Problem(Position(files[0]), "MD301", what, fix))
    check_names(list(found), Position(files[0]))
    return found


def _type(structure: Any) -> str:
    """The SQL type to read a value as. Numbers are read as JSON, which keeps the digits of large ones."""
    if isinstance(structure, dict):
        # In the order of names, because the order in which keys are written means nothing.
        fields = (f"{sql.name(name)} {_type(structure[name])}" for name in sorted(structure))
        return f"STRUCT({', '.join(fields)})"
    if isinstance(structure, list):
        return f"{_type(structure[0])}[]"
    return "JSON" if structure in (*_NUMBERS, "NULL") else str(structure)


def _value(name: str, structure: Any) -> str:
    """A column as a text, except for truth values. Equal nested values have equal texts."""
    quoted = sql.name(name)
    if isinstance(structure, (dict, list)):
        return f"CASE WHEN {quoted} IS NOT NULL THEN canonical_json(to_json({quoted})::VARCHAR) END"
    if structure == "JSON":
        return f"canonical_json({quoted}::VARCHAR)"
    if structure in _NUMBERS:
        number = f"replace(trim({quoted}::VARCHAR, '\"'), {sql.text(MARK)}, '')"
        return f"CASE WHEN lower({number}) NOT IN ('nan', '-nan') THEN {number} END"
    return quoted if structure == "BOOLEAN" else f"{quoted}::VARCHAR"


def _kind(type_: str, structure: Any) -> Kind:
    if isinstance(structure, (dict, list)):
        return "object" if isinstance(structure, dict) else "array"
    return "any" if structure in ("JSON", "NULL") else kind_of(type_ or structure)


def _exact(engine: TableEngine, files: Sequence[Path], options: str) -> Sequence[Path]:
    """The files, or copies in which decimals with more digits than the engine would keep are marked texts."""
    number = r"-?\d+\.\d+(?:[eE][+-]?\d+)?|-?\d+[eE][+-]?\d+"
    numbers = f"unnest(regexp_extract_all(json::VARCHAR, {sql.text(number)}))"
    source = f"read_ndjson_objects({sql.files(files)}, {options})"
    lossy = engine.row(
        f"SELECT count(*) FROM (SELECT {numbers} AS n FROM {source})"
        " WHERE (length(n) > 16 OR contains(lower(n), 'e')) AND try_cast(n AS DOUBLE)::VARCHAR <> n"
        " AND number_digits(try_cast(n AS DOUBLE)::VARCHAR) <> number_digits(n)"
    )[0]
    if not lossy:
        return files
    copies = []
    for file in files:
        copies.append(engine.folder / f"{engine.fresh('decimals')}.jsonl")
        with open_bytes(file) as stream, copies[-1].open("w", encoding="utf-8", newline="\n") as target:
            for line in stream:
                with contextlib.suppress(ValueError):
                    target.write(f"{json.dumps(json.loads(line, parse_float=_kept))}\n")
    return copies


def _kept(text: str) -> float | str:
    """A decimal, or its marked text if a double has other digits."""
    number = float(text)
    if isfinite(number) and Decimal(repr(number)) == Decimal(text):
        return number
    digits, e, power = text.lower().partition("e")
    return f"{MARK}{digits.rstrip('0').rstrip('.') if '.' in digits else digits}{e}{power}"


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
