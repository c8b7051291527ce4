"""Names and values in tables: CSV, Markdown, and HTML whose tags were replaced by bars."""

import csv
import re
from collections.abc import Iterator

from mlroad.guard.named_values.named_value import NamedValue, has_hint, worth_a_look
from mlroad.guard.secret_names import Promise, promise

# In SQL, also inside of a program.
_INSERT = re.compile(
    r"insert\s+into\s+[^\s(]{1,100}\s*\(([^()]{1,2000})\)\s*values\s*\(([^()]{1,4000})\)", re.IGNORECASE
)

_VALUES = frozenset(["value", "values", "val", "secret_value", "content", "setting"])


def bar_tables(text: str) -> Iterator[NamedValue]:
    """The cells of tables with bars: ``| name | value |``."""
    header: list[str] = []
    position = 0
    for line in text.split("\n"):
        if line.count("|") < 2:
            header = []
        else:
            cells = _bar_cells(line, position)
            plain = [cell.strip("`* \"'") for cell, _ in cells]
            if not header:
                header = plain
            yield from _row(header, plain, [at for _, at in cells])
        position += len(line) + 1


def delimited_table(text: str) -> Iterator[NamedValue]:
    """The cells of a CSV file: of columns such as "password", or of rows "name,value"."""
    first, _, rest = text.partition("\n")
    mark = max(",;\t|", key=first.count)
    if mark not in first:
        return
    header = _cells(first, mark)
    if not has_hint(first) and not {_plain(name) for name in header} & _VALUES:
        return
    position = len(first) + 1
    for line in rest.split("\n"):
        cells = _cells(line, mark)
        yield from _row(header, cells, [position] * len(cells))
        position += len(line) + 1


def _cells(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:  # a value above csv's limit
        return []


def inserted_rows(text: str) -> Iterator[NamedValue]:
    """The first row of ``INSERT INTO table (columns) VALUES (…)``."""
    if "NSERT INTO" not in text and "nsert into" not in text:
        return
    for match in _INSERT.finditer(text):
        columns, cells = (
            next(csv.reader([part.replace("\n", " ")], quotechar="'", skipinitialspace=True))
            for part in match.groups()
        )
        for column, cell in zip(columns, cells, strict=False):
            if worth_a_look(cell):
                yield NamedValue(cell.strip(), match.start(2) + match[2].find(cell), (column,))


def _bar_cells(line: str, position: int) -> list[tuple[str, int]]:
    return [
        (match[0].rstrip(), position + match.start())
        for match in re.finditer(r"[^|\s][^|]*", line)
        if match[0].strip()
    ]


def _row(header: list[str], cells: list[str], places: list[int]) -> Iterator[NamedValue]:
    columns = [_plain(name) for name in header]
    beside = frozenset(columns)
    for index, (cell, at) in enumerate(zip(cells, places, strict=True)):
        if not worth_a_look(cell):
            continue
        column = header[index] if index < len(header) and header is not cells else ""
        generic = not column or _plain(column) in _VALUES or promise(column) <= Promise.NOTHING
        name = next(
            (other for other in (cells[0], cells[index - 1]) if promise(other[:60]) >= Promise.KEY), ""
        )
        if index and generic and name:
            yield NamedValue(cell, at, (name,), (), False, beside)
        elif column:
            yield NamedValue(cell, at, (column,), (), False, beside)


def _plain(name: str) -> str:
    return name.strip("`*\"' ").lower().replace(" ", "_")
