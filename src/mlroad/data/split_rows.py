"""Split the rows of a table, or the files of a folder, into training data and holdout.

The identity of a row decides its side: the values of its key, or all of its values. So a row is on the same
side wherever it occurs, and rows that share a key or are equal stay together. A row belongs to the holdout if
the SHA-256 of salt and identity, as a number from 0 to 1, is below the share.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.digests import digest_content
from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.open_table import open_table
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How rows are identified and split."""

    salt: str
    share: float
    """The share of identities that belong to the holdout, between 0 and 1."""
    identity: tuple[str, ...]
    """The columns that identify a row. Empty for a folder of files, which their content identifies."""

    @property
    def limit(self) -> str:
        """Identities whose digest is below these eight hexadecimal digits belong to the holdout."""
        return f"{min(round(self.share * 2**32), 2**32 - 1):08x}"

    def is_holdout(self, identity: str) -> bool:
        """Whether a row belongs to the holdout."""
        return hashlib.sha256((self.salt + identity).encode()).hexdigest()[:8] < self.limit


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Rows or files on each side. ``gone`` counts identities of the frozen holdout that the source lacks."""

    train: int
    holdout: int
    gone: int
    frozen: int


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """The columns of a table (none for a folder of files), and the suffix of its files."""

    columns: tuple[str, ...]
    suffix: str


def source_format(source: Path) -> SourceFormat:
    """The format of a source. Raises UserError for data that cannot be split."""
    if (source / "MLTable").is_file():
        what = "An MLTable cannot be split, because it may name files anywhere."
        raise UserError(
            Problem(Position(source / "MLTable"), "MD701", what, "Split the files that it names.")
        )
    with TableEngine() as engine:
        table = open_table(engine, source)
        if table.format == "files":
            return SourceFormat((), "")
        name = table.files[0].name
        if table.format == "JSON Lines" and name.endswith(".gz"):
            raise UserError(
                Problem(Position(table.files[0]), "MD701", "The file is compressed.", "Decompress it first.")
            )
        suffix = "".join(table.files[0].suffixes[-2:]) if name.endswith(".gz") else table.files[0].suffix
        return SourceFormat(tuple(column.name for column in table.columns), suffix)


def split_rows(
    source: Path, rule: SplitRule, train: Path, holdout: Path, frozen: Path | None = None
) -> SplitCounts:
    """Write the two sides in the format of the source, with rows in their original order.

    With a ``frozen`` holdout, its rows are the holdout and all other rows are training data. Raises UserError
    if the frozen holdout does not match the source.
    """
    if not rule.identity:
        return _divide_files(source, rule, train, holdout, frozen)
    with TableEngine() as engine:
        table = open_table(engine, source)
        old = open_table(engine, frozen) if frozen else None
        for side in (table, old):
            for column in rule.identity if side else ():
                if side and side.column(column) is None:
                    what = f"{side.source} lacks the column {column}, which identifies its rows."
                    raise UserError(what, "Restore the column, or freeze a new holdout: --renew.")
        if old and old.format != table.format:
            what = f"{source} is {table.format}, but the frozen holdout is {old.format}."
            raise UserError(what, "Use the same format, or freeze a new holdout: --renew.")
        if table.format == "JSON Lines":
            return _divide_lines(table.files, rule, train, holdout, old.files if old else ())
        return _TableSplitter(engine, rule).split(table, train, holdout, old)


def _divide_files(
    source: Path, rule: SplitRule, train: Path, holdout: Path, frozen: Path | None
) -> SplitCounts:
    kept = {file.sha256 for file in digest_content(frozen).files} if frozen else None
    found: set[str] = set()
    counts = {train: 0, holdout: 0}
    for file in digest_content(source).files:
        is_holdout = rule.is_holdout(file.sha256) if kept is None else file.sha256 in kept
        side = holdout if is_holdout else train
        target = side / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.where, target)
        counts[side] += 1
        found.add(file.sha256)
    return SplitCounts(counts[train], counts[holdout], len((kept or set()) - found), len(kept or ()))


def _divide_lines(
    sources: Sequence[Path], rule: SplitRule, train: Path, holdout: Path, frozen: Sequence[Path]
) -> SplitCounts:
    kept = {identity for identity, _ in _lines(frozen, rule)} if frozen else None
    found: set[str] = set()
    counts = {True: 0, False: 0}
    with contextlib.ExitStack() as stack:
        sides = {
            side: stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            for side, path in ((False, train), (True, holdout))
        }
        for identity, line in _lines(sources, rule):
            side = rule.is_holdout(identity) if kept is None else identity in kept
            sides[side].write(f"{line}\n")
            counts[side] += 1
            if kept is not None and side:
                found.add(identity)
    return SplitCounts(counts[False], counts[True], len((kept or set()) - found), len(kept or ()))


def _lines(files: Sequence[Path], rule: SplitRule) -> Iterator[tuple[str, str]]:
    """The identity and text of each line of JSON Lines files, which were already checked."""
    for file in files:
        with file.open(encoding="utf-8-sig", newline="\n") as stream:
            for line in map(str.strip, stream):
                if line:
                    row = json.loads(line)
                    values = [row.get(column) for column in rule.identity]
                    yield json.dumps(values, sort_keys=True, ensure_ascii=False), line


_PLACE, _IDENTITY = '"mlroad: place"', '"mlroad: identity"'
"""Helper columns added to the table."""


class _TableSplitter:
    """Splits CSV and Parquet in the engine."""

    def __init__(self, engine: TableEngine, rule: SplitRule) -> None:
        self._engine = engine
        self._rule = rule

    def split(self, table: Table, train: Path, holdout: Path, frozen: Table | None) -> SplitCounts:
        named = self._named(table)
        salt = sql.text(self._rule.salt)
        is_holdout = f"substr(sha256({salt} || {_IDENTITY}), 1, 8) < '{self._rule.limit}'"
        gone = total = 0
        if frozen:
            kept = self._kept(table, frozen)
            is_holdout = f"{_IDENTITY} IN (FROM {kept})"
            total = self._count(kept)
            gone = total - self._count(f"(SELECT DISTINCT {_IDENTITY} FROM {named} WHERE {is_holdout})")
        columns = ", ".join(sql.name(column.name) for column in table.columns)
        counts = []
        for path, side in ((train, f"NOT ({is_holdout})"), (holdout, is_holdout)):
            # Without an order, the digest of the result would differ each time.
            rows = f"SELECT {columns} FROM {named} WHERE {side} ORDER BY {_PLACE}"
            copied = self._engine.row(f"COPY ({rows}) TO {sql.text(path.absolute())} ({_options(table)})")
            counts.append(int(copied[0]))
        return SplitCounts(counts[0], counts[1], gone, total)

    def _named(self, table: Table) -> str:
        """A view of the rows with their place and identity. CSV values stay exactly as in the file."""
        values = (f"{sql.name(column)}::VARCHAR" for column in self._rule.identity)
        # The length prefix distinguishes ("ab", "c") from ("a", "bc").
        identity = " || ".join(f"coalesce(length({value}) || ':' || {value}, '-')" for value in values)
        view = self._engine.fresh("named")
        self._engine.run(
            f"CREATE VIEW {view} AS SELECT *, row_number() OVER () AS {_PLACE}, {identity} AS {_IDENTITY} "
            f"FROM {table.raw or table.view}"
        )
        return view

    def _kept(self, table: Table, frozen: Table) -> str:
        """A table of the identities in the frozen holdout. Raises UserError if their types differ."""
        for column in self._rule.identity:
            here, there = table.column(column), frozen.column(column)
            if table.format == "Parquet" and here and there and here.type != there.type:
                what = f"The column {column} is {here.type}, but {there.type} in the frozen holdout."
                raise UserError(what, "Restore its type, or freeze a new holdout: --renew.")
        kept = self._engine.fresh("kept")
        self._engine.run(f"CREATE TABLE {kept} AS SELECT DISTINCT {_IDENTITY} FROM {self._named(frozen)}")
        return kept

    def _count(self, rows: str) -> int:
        return int(self._engine.row(f"SELECT count(*) FROM {rows}")[0])


def _options(table: Table) -> str:
    if table.format == "Parquet":
        return "FORMAT parquet"
    return f"FORMAT csv, HEADER true, DELIMITER {sql.text(table.delimiter)}"
