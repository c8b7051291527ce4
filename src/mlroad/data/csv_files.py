"""CSV, read strictly: UTF-8, one header, the same number of values in every row, balanced quotes.

Codes: MD301 empty, MD302 encoding, MD303 rows, MD304 column names, MD305 unreadable.
"""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import count
from mlroad.data import sql
from mlroad.data.reading import Dialect, Reading
from mlroad.data.sql import TableEngine, reason
from mlroad.data.text_files import LONGEST_LINE, open_bytes
from mlroad.data.text_types import TEXT, as_type, candidates, infer

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_DELIMITERS = ",;\t|"
_SHOWN = 20
"""The most bad rows to report."""
_LOOKED_AT, _ROWS = 1 << 16, 100
"""The characters and lines that show the delimiter."""
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Texts:
    """Views with the values as text, and the columns in order, with their types."""

    view: str
    """Missing values are null."""
    raw: str
    """Values exactly as in the file."""
    columns: tuple[str, ...]
    types: Mapping[str, str]
    delimiter: str
    decimal: str


def read_csv(engine: TableEngine, files: Sequence[Path], reading: Reading, file_column: str = "") -> Texts:
    """Files with the same header as one view of texts, with the type of each column.

    ``file_column`` is the name of a column for the file of each row.
    Raises UserError with up to 20 problems, each with its line, for rows that the dialect does not allow.
    """
    dialect = reading.dialect
    if file_column and dialect.encoding != "utf-8":
        what = f"Files in folders such as label=a cannot be read as {dialect.encoding}."
        raise UserError(Problem(Position(files[0]), "MD302", what, "Save the files as UTF-8."))
    shown = {file.absolute(): file for file in files}
    if dialect.encoding != "utf-8":
        files = [_recode(engine, file, dialect.encoding, shown) for file in files]
    columns, delimiter = header(files[0], dialect, shown[files[0].absolute()])
    for other in files[1:]:
        if header(other, dialect, shown[other.absolute()])[0] != columns:
            raise UserError(
                Problem(
                    Position(shown[other.absolute()], 1),
                    "MD304",
                    f"Its columns differ from those of {shown[files[0].absolute()].name}.",
                    "All files of a table need the same header.",
                )
            )
    options = (
        f"auto_detect=false, hive_partitioning=false, header={str(dialect.has_header).lower()}, "
        f"delim={sql.text(delimiter)}, "
        f"quote='\"', escape='\"', max_line_size={LONGEST_LINE}, buffer_size={2 * LONGEST_LINE}, "
        f"{_columns(columns)}"
    )
    raw, view = engine.fresh("raw"), engine.fresh("texts")
    # Values may have a space before them: 1, NA, 3.
    missing = ["", *(space + word for word in reading.words if word for space in ("", " "))]
    nulls = f"nullstr=[{', '.join(map(sql.text, missing))}]"
    source = f"{sql.files(files)}, {options}"
    source += f", filename={sql.text(file_column)}" if file_column else ""
    engine.run(f"CREATE VIEW {raw} AS FROM read_csv({source})")
    engine.run(f"CREATE VIEW {view} AS FROM read_csv({source}, {nulls})")
    try:
        wanted = {
            column: candidates(reading.kinds.get(column), dialect.decimal)
            if dialect.infers or column in reading.kinds
            else ()
            for column in columns
        }
        rows = engine.row(f"SELECT count(*), count(COLUMNS(*)) FROM {raw}")[0]
        types = infer(engine, view, rows, wanted, reading.weak)
        for file in files:
            _check_line_ends(engine, file, delimiter, options, columns, shown[file.absolute()])
        return Texts(view, raw, columns, types, delimiter, dialect.decimal)
    except engine.errors as error:
        raise UserError(
            _foreign(files, shown)
            or _bad_rows(engine, files, options, shown)
            or _unreadable(files[0], shown, error)
        ) from None


def typed(texts: Texts, file_column: str = "") -> str:
    """A query for the rows with their types."""
    parts = [sql.name(file_column)] if file_column else []
    parts += [
        f"{as_type(sql.name(column), texts.types[column], texts.decimal)} AS {sql.name(column)}"
        for column in texts.columns
    ]
    return f"SELECT {', '.join(parts)} FROM {texts.view}"


def header(file: Path, dialect: Dialect, shown: Path) -> tuple[tuple[str, ...], str]:
    """The column names and the delimiter. Raises UserError for a bad header; messages name ``shown``."""
    first = _first_line(file, shown)
    delimiter = dialect.delimiter or _delimiter(file, first)
    with _opened(file) as stream:
        try:
            record = next(csv.reader(stream, delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            raise _bad_header(shown, f"The header cannot be read: {error}.", "Close its quotes.") from None
    if not dialect.has_header:
        # The names that Azure ML gives to columns if there is no header.
        return tuple(f"Column{number}" for number in range(1, len(record) + 1)), delimiter
    if not any(record):
        raise _bad_header(shown, "The first line is blank.", "Write the column names there.")
    for number, column in enumerate(record, start=1):
        if not column.strip():
            what = f"Column {number} has no name."
            fix = "Give it a name, or remove the column (in pandas: to_csv(…, index=False))."
            raise _bad_header(shown, what, fix)
    check_names(record, Position(shown, 1))
    return tuple(record), delimiter


def check_names(columns: Sequence[str], at: Position) -> None:
    """Raises UserError for duplicate column names; to SQL, A and a are the same name."""
    counts = Counter(column.casefold() for column in columns)
    for column in columns:
        if counts[column.casefold()] > 1:
            same = [other for other in columns if other.casefold() == column.casefold()]
            exactly = len(set(same)) == 1
            what = (
                f"The column {column} appears {len(same)} times."
                if exactly
                else f"The columns {' and '.join(same)} differ only in case."
            )
            raise UserError(Problem(at, "MD304", what, "Give each column a unique name."))


def line_of_row(file: Path, delimiter: str, row: int, encoding: str = "utf-8") -> int:
    """The line where row ``row`` (from 1, without the header) starts; values may contain line breaks."""
    with _opened(file, encoding) as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        seen, before = -1, 0
        for record in reader:
            # DuckDB also skips blank lines.
            seen += bool(record)
            if seen == row:
                return before + 1
            before = reader.line_num
    return 0


def _first_line(file: Path, shown: Path) -> str:
    with open_bytes(file) as stream:
        try:
            start = stream.readline(LONGEST_LINE)
        except (OSError, EOFError) as error:
            raise UserError(
                Problem(Position(shown), "MD305", f"The file cannot be read: {error}.", "Restore the file.")
            ) from None
    if not start:
        raise UserError(
            Problem(Position(shown), "MD301", "The file is empty.", "A table needs at least a header.")
        )
    if start.startswith(_UTF16):
        raise _bad_encoding(shown, 1, "The file is in UTF-16", "utf-16")
    try:
        return start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad_encoding(shown, 1, f"Byte 0x{start[error.start]:02X} is not UTF-8") from None


def _delimiter(file: Path, first: str) -> str:
    if ".tsv" in file.suffixes:
        return "\t"
    with _opened(file) as stream:
        start = stream.read(_LOOKED_AT)
    lines = start.splitlines(keepends=True)
    if len(start) == _LOOKED_AT and len(lines) > 1:
        del lines[-1]  # it may be cut off
    widths = {delimiter: _width(lines[:_ROWS], delimiter) for delimiter in _DELIMITERS}
    if max(widths.values()) > 1:
        return max(_DELIMITERS, key=lambda delimiter: widths[delimiter])
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=bare.count)


def _width(lines: Sequence[str], delimiter: str) -> int:
    """The number of values in each of the rows, or 0 if they have different numbers."""
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _columns(columns: Sequence[str]) -> str:
    return f"columns={{{', '.join(f'{sql.text(column)}: {sql.text(TEXT)}' for column in columns)}}}"


def _check_line_ends(
    engine: TableEngine, file: Path, delimiter: str, options: str, columns: Sequence[str], shown: Path
) -> None:
    """Raises UserError for rows that end with one delimiter too many: the engine would ignore it."""
    if not _ends_with(file, delimiter):
        return
    extra = "mlroad: extra"
    read = options.replace(_columns(columns), _columns([*columns, extra]))
    # The extra column is null in rows of the right length, and the empty text in those that are too long.
    nothing = "null_padding=true, nullstr='mlroad: nothing', parallel=false"
    rows = f"read_csv({sql.files([file])}, {read}, {nothing})"
    try:
        first, found = engine.row(
            "SELECT min(r), count(*) FROM"
            f" (SELECT row_number() OVER () AS r, {sql.name(extra)} AS e FROM {rows}) WHERE e IS NOT NULL"
        )
    except engine.errors:
        # A row ends with several delimiters.
        first, found = _longer(file, delimiter, len(columns)), 1
    if found:
        rows = f" ({count(found, 'row')} do)" if found > 1 else ""
        what = f"This row ends with one {_NAMES.get(delimiter, delimiter)} too many{rows}."
        fix = "Give every row as many values as the header: remove the delimiter at the end of the line."
        at = Position(shown, line_of_row(file, delimiter, first))
        raise UserError(Problem(at, "MD303", what, fix))


def _longer(file: Path, delimiter: str, width: int) -> int:
    """The number of the first row that has more values than the header."""
    with _opened(file) as stream:
        rows = (row for row in csv.reader(stream, delimiter=delimiter) if row)
        return next((number for number, row in enumerate(rows) if len(row) > width), 0)


def _ends_with(file: Path, delimiter: str) -> bool:
    """Whether a line ends with the delimiter; that is also so if its last value is missing."""
    end = re.compile(re.escape(delimiter).encode() + rb"[\r\n]")
    last = b""
    with open_bytes(file) as stream:
        while chunk := stream.read(1 << 20):
            if end.search(last + chunk):
                return True
            last = chunk[-1:]
    return last == delimiter.encode()


def _recode(engine: TableEngine, file: Path, encoding: str, shown: dict[Path, Path]) -> Path:
    copy = engine.folder / f"{engine.fresh('recoded')}.csv"
    try:
        with (
            TextIOWrapper(open_bytes(file), encoding, newline="") as source,
            copy.open("w", encoding="utf-8", newline="") as target,
        ):
            shutil.copyfileobj(source, target)
    except UnicodeError as error:
        what = f"The file is not encoded as {encoding}: {error}."
        fix = "Correct the encoding, in MLTable or in the version file."
        raise UserError(Problem(Position(file), "MD302", what, fix)) from None
    shown[copy.absolute()] = file
    return copy


def _bad_rows(
    engine: TableEngine, files: Sequence[Path], options: str, shown: Mapping[Path, Path]
) -> list[Problem]:
    """What is wrong with each bad row: a second pass that does not stop at the first one."""
    problems: list[Problem] = []
    for file in files:
        rejects = engine.fresh("rejects")
        try:
            engine.run(
                f"SELECT count(*) FROM read_csv({sql.files([file])}, {options}, store_rejects=true, "
                f"rejects_table='{rejects}', rejects_scan='{rejects}_scan', rejects_limit={_SHOWN})"
            )
            found = engine.rows(
                f"SELECT line, error_type::VARCHAR, error_message, csv_line FROM {rejects} ORDER BY line"
            )
        except engine.errors:
            continue
        problems += [
            _bad_row(shown[file.absolute()], line, kind, message, text) for line, kind, message, text in found
        ]
    return problems[:_SHOWN]


def _bad_row(file: Path, line: int, kind: str, message: str, text: str | None) -> Problem:
    numbers = re.findall(r"\d+", message)
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS") and len(numbers) == 2:
        expected, found = (int(number) for number in numbers)
        what = f"This row has {count(found, 'value')}, but the header has {expected}."
        return Problem(
            Position(file, line),
            "MD303",
            what,
            "Give every row as many values; quote values that contain the delimiter.",
        )
    if "quote" in message.lower():
        return Problem(
            Position(file, line),
            "MD303",
            "A quote in this row is not closed.",
            'Close it, or double it ("") if it is part of the value.',
        )
    start = f": {text[:60]}" if text else ""
    return Problem(
        Position(file, line), "MD303", f"This row cannot be read ({kind.lower()}){start}.", "Fix the row."
    )


def _foreign(files: Sequence[Path], shown: Mapping[Path, Path]) -> list[Problem]:
    """The first byte of each file that is not UTF-8, which also makes other errors."""
    return [
        _bad_encoding(shown[file.absolute()], *found).problems[0]
        for file in files
        if (found := _first_foreign_byte(file))
    ]


def _unreadable(file: Path, shown: Mapping[Path, Path], error: Exception) -> list[Problem]:
    what = f"The file cannot be read as CSV: {reason(error)}."
    return [Problem(Position(shown[file.absolute()]), "MD305", what, "Fix the file.")]


def _first_foreign_byte(file: Path) -> tuple[int, str] | None:
    with open_bytes(file) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number, f"Byte 0x{line[error.start]:02X} is not UTF-8"
    return None


def _bad_encoding(file: Path, line: int, what: str, encoding: str = "cp1252") -> UserError:
    fix = (
        f"Save the file as UTF-8 (in pandas: read_csv(…, encoding='{encoding}'), then to_csv(…, index=False))"
        f", or name its encoding: `mlroad dataset add … --encoding {encoding}`."
    )
    return UserError(Problem(Position(file, line), "MD302", f"{what}.", fix))


def _bad_header(file: Path, what: str, fix: str) -> UserError:
    return UserError(Problem(Position(file, 1), "MD304", what, fix))


@contextmanager
def _opened(file: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with TextIOWrapper(open_bytes(file), codec, newline="", errors="replace") as stream:
        yield stream
