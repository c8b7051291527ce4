"""Split the rows of a table, or the files of a folder, into training data and holdout."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.mltable import is_mltable
from mlroad.data.open_table import open_table
from mlroad.data.reading import Reading, dialect_of
from mlroad.data.split_choice import IDENTITY, VALUE, SplitRule, choose
from mlroad.data.split_mltable import write_like
from mlroad.data.split_parquet import metadata_option, needs_pyarrow, write_sides
from mlroad.data.sql import TableEngine
from mlroad.data.store import VerifiedVersion
from mlroad.data.table import Kind, Table
from mlroad.data.text_types import as_type


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Rows or files on each side, of the frozen holdout, and of those the ones that the source lacks."""

    train: int
    holdout: int
    gone: int
    frozen: int


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """The columns of a table (none for a folder of files), their kinds, and the suffix of its files."""

    columns: Mapping[str, Kind]
    suffix: str
    is_mltable: bool = False

    @property
    def name(self) -> str:
        """What to add to the name of a side to get its file."""
        return f"/data{self.suffix}" if self.is_mltable else self.suffix


def source_format(source: VerifiedVersion) -> SourceFormat:
    """The format of a source. Raises UserError for data that cannot be split."""
    with TableEngine() as engine:
        table = _open(engine, source)
        if table.format == "files":
            return SourceFormat({}, "")
        name = table.files[0].name
        if table.format == "JSON Lines" and name.endswith(".gz"):
            raise UserError(
                Problem(Position(table.files[0]), "MD701", "The file is compressed.", "Decompress it first.")
            )
        suffix = "".join(table.files[0].suffixes[-2:]) if name.endswith(".gz") else table.files[0].suffix
        kinds = {column.name: column.kind for column in table.columns}
        return SourceFormat(kinds, suffix, is_mltable(source.path))


def _open(engine: TableEngine, source: VerifiedVersion) -> Table:
    """The table, with the types of its values: a split also works if they do not match a schema."""
    dialect = dialect_of(source.version.tags, source.version.at)
    return open_table(engine, source.path, reading=Reading(dialect=dialect))


def split_rows(
    source: VerifiedVersion,
    rule: SplitRule,
    train: Path,
    holdout: Path,
    frozen: VerifiedVersion | None = None,
) -> SplitCounts:
    """Write the two sides in the format of the source, with rows in their original order.

    With a ``frozen`` holdout, its rows are the holdout and all other rows are training data. Raises UserError
    if the frozen holdout does not match the source.
    """
    train.parent.mkdir(parents=True, exist_ok=True)
    holdout.parent.mkdir(parents=True, exist_ok=True)
    with TableEngine() as engine:
        if not rule.identity:
            return _divide_files(engine, source, rule, {False: train, True: holdout}, frozen)
        table = _open(engine, source)
        old = _open(engine, frozen) if frozen else None
        for side in (table, old):
            for column in rule.identity if side else ():
                if side and side.column(column) is None:
                    what = f"{side.source} lacks the column {column}, which identifies its rows."
                    raise UserError(what, "Restore the column, or freeze a new holdout: --renew.")
        if old and old.format != table.format:
            what = f"{source.path} is {table.format}, but the frozen holdout is {old.format}."
            raise UserError(what, "Use the same format, or freeze a new holdout: --renew.")
        counts = (
            _divide_lines(engine, table, rule, {False: train, True: holdout}, old)
            if table.format == "JSON Lines"
            else _TableSplitter(engine, rule).split(table, train, holdout, old)
        )
    if is_mltable(source.path):
        for path in (train, holdout):
            write_like(source.path, path)
    return counts


def _divide_files(
    engine: TableEngine,
    source: VerifiedVersion,
    rule: SplitRule,
    sides: Mapping[bool, Path],
    frozen: VerifiedVersion | None,
) -> SplitCounts:
    files = source.content.files
    kept = [file.sha256 for file in frozen.content.files] if frozen else []
    chosen: Set[str] = set(kept)
    if not frozen and rule.column:
        table = _open(engine, source)
        chosen = _chosen(engine, rule, f"SELECT sha256, {sql.name(rule.column)} FROM {table.view}")
    elif not frozen:
        chosen = {file.sha256 for file in files if rule.is_holdout(file.sha256)}
    counts = {False: 0, True: 0}
    for file in files:
        side = file.sha256 in chosen
        target = sides[side] / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.where, target)
        counts[side] += 1
    found = {file.sha256 for file in files}
    return SplitCounts(counts[False], counts[True], sum(sha256 not in found for sha256 in kept), len(kept))


def _divide_lines(
    engine: TableEngine, table: Table, rule: SplitRule, sides: Mapping[bool, Path], frozen: Table | None
) -> SplitCounts:
    kept = [identity for identity, _ in _lines(frozen, rule)] if frozen else []
    chosen: Set[str] | None = set(kept) if frozen else None
    if chosen is None and rule.column:
        identities = engine.folder / "identities.jsonl"
        with identities.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(json.dumps({"i": identity}) + "\n" for identity, _ in _lines(table, rule))
        options = "format='newline_delimited', columns={i: 'VARCHAR'}"
        values = f"SELECT {sql.name(rule.column)} AS v FROM {table.view}"
        query = f"FROM read_json({sql.files([identities])}, {options}) POSITIONAL JOIN ({values})"
        chosen = _chosen(engine, rule, query)
    found: set[str] = set()
    counts = {True: 0, False: 0}
    with contextlib.ExitStack() as stack:
        streams = {
            side: stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            for side, path in sides.items()
        }
        for identity, line in _lines(table, rule):
            side = rule.is_holdout(identity) if chosen is None else identity in chosen
            streams[side].write(f"{line}\n")
            counts[side] += 1
            if frozen and side:
                found.add(identity)
    return SplitCounts(counts[False], counts[True], sum(item not in found for item in kept), len(kept))


def _lines(table: Table, rule: SplitRule) -> Iterator[tuple[str, str]]:
    """The identity and text of each line of JSON Lines files, which were already checked.

    Of an MLTable, only its rows and columns: it may skip broken lines, and leave some out.
    """
    is_whole = not is_mltable(table.source)
    names = [column.name for column in table.columns]
    rows = _all_lines(table.files)
    for row, line in rows if is_whole else itertools.islice(rows, table.rows):
        text = line if is_whole else json.dumps({name: row[name] for name in names if name in row})
        values = [row.get(column) for column in rule.identity]
        yield json.dumps(values, sort_keys=True, ensure_ascii=False), text


def _all_lines(files: Sequence[Path]) -> Iterator[tuple[dict[str, Any], str]]:
    for file in files:
        with file.open(encoding="utf-8-sig", newline="\n") as stream:
            for line in filter(None, map(str.strip, stream)):
                with contextlib.suppress(ValueError):  # an MLTable with `invalid_lines: drop`
                    yield json.loads(line), line


def _chosen(engine: TableEngine, rule: SplitRule, query: str) -> set[str]:
    """The identities of the holdout; ``query`` gives identity and value of each row."""
    rows = engine.fresh("rows")
    engine.run(f"CREATE VIEW {rows} AS SELECT * FROM ({query}) AS t({IDENTITY}, {VALUE})")
    return {row[0] for row in engine.rows(f"FROM {choose(engine, rule, rows)}")}


_PLACE = '"mlroad: place"'
"""A helper column: the number of the row."""


class _TableSplitter:
    """Splits CSV and Parquet in the engine."""

    def __init__(self, engine: TableEngine, rule: SplitRule) -> None:
        self._engine = engine
        self._rule = rule

    def split(self, table: Table, train: Path, holdout: Path, frozen: Table | None) -> SplitCounts:
        named = self._named(table)
        is_holdout = f"substr(sha256({sql.text(self._rule.salt)} || {IDENTITY}), 1, 8) < '{self._rule.limit}'"
        gone = total = 0
        if frozen:
            old = self._kept(table, frozen)
            is_holdout = f"{IDENTITY} IN (SELECT {IDENTITY} FROM {old})"
            total = self._count(old)
            gone = self._count(f"{old} WHERE {IDENTITY} NOT IN (SELECT {IDENTITY} FROM {named})")
        elif self._rule.column:
            is_holdout = f"{IDENTITY} IN (FROM {choose(self._engine, self._rule, named)})"
        written = self._write(table, named, is_holdout, {False: train, True: holdout})
        return SplitCounts(written[False], written[True], gone, total)

    def _write(
        self, table: Table, named: str, is_holdout: str, sides: Mapping[bool, Path]
    ) -> dict[bool, int]:
        """Write the two sides, with rows in their original order: without one, the digest would differ."""
        if table.format == "Parquet" and needs_pyarrow(self._engine, table):
            flags = f"SELECT {is_holdout} FROM {named} ORDER BY {_PLACE}"
            return write_sides(self._engine, table, flags, sides)
        columns = ", ".join(sql.name(column.name) for column in table.columns)
        options = self._options(table)
        written = {}
        for side, path in sides.items():
            where = is_holdout if side else f"NOT ({is_holdout})"
            rows = f"SELECT {columns} FROM {named} WHERE {where} ORDER BY {_PLACE}"
            copied = self._engine.row(f"COPY ({rows}) TO {sql.text(path.absolute())} ({options})")
            written[side] = int(copied[0])
        return written

    def _options(self, table: Table) -> str:
        if table.format == "Parquet":
            return f"FORMAT parquet{metadata_option(self._engine, table)}"
        return f"FORMAT csv, HEADER true, DELIMITER {sql.text(table.delimiter)}"

    def _named(self, table: Table) -> str:
        """A view of the rows with their place, identity and value. CSV values stay exactly as in the file."""
        values = (f"{sql.name(column)}::VARCHAR" for column in self._rule.identity)
        # The length prefix distinguishes ("ab", "c") from ("a", "bc").
        identity = " || ".join(f"coalesce(length({value}) || ':' || {value}, '-')" for value in values)
        view = self._engine.fresh("named")
        rows = table.raw or table.view
        # An MLTable may take some rows of its files only.
        limit = f" LIMIT {table.rows}" if is_mltable(table.source) else ""
        self._engine.run(
            f"CREATE VIEW {view} AS SELECT *, row_number() OVER () AS {_PLACE}, {identity} AS {IDENTITY}, "
            f"{self._value(table)} AS {VALUE} FROM (FROM {rows}{limit})"
        )
        return view

    def _value(self, table: Table) -> str:
        """The class or the time of a row."""
        column = table.column(self._rule.column)
        if column is None:
            return "NULL"
        name = sql.name(column.name)
        return as_type(name, column.type, table.decimal) if table.raw and self._rule.by_time else name

    def _kept(self, table: Table, frozen: Table) -> str:
        """The rows of the frozen holdout. Raises UserError if the types of the identity differ."""
        for column in self._rule.identity:
            here, there = table.column(column), frozen.column(column)
            if table.format == "Parquet" and here and there and here.type != there.type:
                what = f"The column {column} is {here.type}, but {there.type} in the frozen holdout."
                raise UserError(what, "Restore its type, or freeze a new holdout: --renew.")
        kept = self._engine.fresh("kept")
        self._engine.run(f"CREATE TABLE {kept} AS SELECT {IDENTITY} FROM {self._named(frozen)}")
        return kept

    def _count(self, rows: str) -> int:
        return int(self._engine.row(f"SELECT count(*) FROM {rows}")[0])
