"""Any dataset as a table: CSV, Parquet, JSON Lines, MLTable, a folder of one of these, or a folder of files.

A folder of other files (such as images) is a table of its files: path, folder, suffix, size and sha256. So
the same comparison works for all of them, and classes that are folders appear as a column.

Code: MD308 not a table.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlroad.core.digests import FileDigest, digest_content
from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import csv_files, json_files, mltable, parquet_files, sql
from mlroad.data.partitions import FILE, Partitions, find_partitions
from mlroad.data.reading import Reading
from mlroad.data.sql import TableEngine
from mlroad.data.table import Column, Format, Kind, Table, kind_of
from mlroad.data.text_types import NOTHING

_FORMATS: dict[str, Format] = {
    **dict.fromkeys(csv_files.SUFFIXES, "CSV"),
    **dict.fromkeys(json_files.SUFFIXES, "JSON Lines"),
    **dict.fromkeys(parquet_files.SUFFIXES, "Parquet"),
}
_READERS: dict[str, Format] = {"csv": "CSV", "parquet": "Parquet", "json": "JSON Lines"}


def open_table(
    engine: TableEngine,
    path: Path,
    label: str = "",
    reading: Reading | None = None,
    listed: Sequence[FileDigest] | None = None,
    *,
    once: bool = False,
) -> Table:
    """The table in a file or folder. With ``once``, texts are parsed only when they are read.

    ``reading`` is what a schema and a version file say, ``listed`` the files of a folder if they are known.
    Raises UserError, with file and line, for data that cannot be read.
    """
    return _Opening(engine, label or path.name, reading or Reading(), once=once).open(path, listed)


def format_of(file: Path) -> Format | None:
    """The table format that a file's name indicates, if any."""
    name = file.name.lower()
    return next((found for suffix, found in _FORMATS.items() if name.endswith(suffix)), None)


def count_rows(path: Path, reading: Reading | None = None) -> int | None:
    """The number of rows, or None if this is not a table. Raises UserError for an unreadable table."""
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        if mltable.NAME not in names and _format_of_all(names) is None:
            return None
    elif path.is_file() and format_of(path) is None:
        return None
    with TableEngine() as engine:
        return _Opening(engine, path.name, reading or Reading(), counts_only=True).open(path).rows


def _format_of_all(names: Iterable[str]) -> Format | None:
    """The format that all files of a folder share, ignoring names that start with _ or . (_SUCCESS)."""
    formats = {format_of(Path(name)) for name in names if _is_data(name)}
    return formats.pop() if len(formats) == 1 else None


def _is_data(name: str) -> bool:
    return not PurePosixPath(name).name.startswith(("_", "."))


@dataclass(frozen=True, slots=True)
class _Opening:
    """How to open a table. ``counts_only`` leaves CSV values as text, which is enough to count rows."""

    engine: TableEngine
    label: str
    reading: Reading
    counts_only: bool = False
    once: bool = False

    def open(self, path: Path, listed: Sequence[FileDigest] | None = None) -> Table:
        if not path.exists():
            raise UserError(f"{path} does not exist.", "Check the path.")
        if path.is_dir():
            return self._folder(path, listed)
        format_ = format_of(path)
        if format_ is None:
            what = "This file is not a table that ML Road can read."
            fix = "Tables are .csv, .tsv, .parquet, .jsonl or .ndjson files, or folders with MLTable."
            raise UserError(Problem(Position(path), "MD308", what, fix))
        return self._files(path, format_, (path,))

    def _folder(self, folder: Path, listed: Sequence[FileDigest] | None) -> Table:
        if mltable.is_mltable(folder):
            definition = mltable.read_mltable(folder)
            return self._files(folder, _READERS[definition.reader], definition.files, definition)
        files = listed if listed is not None else digest_content(folder).files
        found = _format_of_all(file.path for file in files)
        if found is None:
            return _files_table(self.engine, folder, self.label, files)
        # The path as the user wrote it, not the absolute one: messages show it.
        data = tuple(folder / file.path for file in files if _is_data(file.path))
        return self._files(folder, found, data, partitions=find_partitions(self.engine, folder, data))

    def _files(
        self,
        source: Path,
        format_: Format,
        files: tuple[Path, ...],
        definition: mltable.MLTable | None = None,
        partitions: Partitions | None = None,
    ) -> Table:
        engine, reading = self.engine, self.reading
        texts: csv_files.Texts | None = None
        kinds: dict[str, Kind] = {}
        dialect = definition.dialect if definition else reading.dialect
        by_file = FILE if partitions else ""
        if format_ == "CSV":
            if self.counts_only:
                dialect = replace(dialect, infers=False)
            texts = csv_files.read_csv(engine, files, replace(reading, dialect=dialect), by_file)
            query = csv_files.typed(texts, by_file)
            kinds = {name: "any" for name, type_ in texts.types.items() if type_ == NOTHING}
        elif format_ == "JSON Lines":
            query, kinds = json_files.read_json_lines(
                engine, files, reading.kinds, bool(definition and definition.skip_bad), by_file
            )
        else:
            query = parquet_files.read_parquet(engine, files, by_file)
        if partitions:
            query = self._partitioned(query, partitions, files[0])
            texts = self._with_texts(texts, partitions)
        if definition:
            query = _transformed(engine, query, definition, source)
        columns = _columns(engine, query)
        if format_ != "Parquet" and not (self.counts_only or self.once):
            # Parse text once; everything after this reads the copy.
            query = _copied(engine, query)
        columns = tuple(replace(column, kind=kinds.get(column.name, column.kind)) for column in columns)
        view = engine.fresh("table")
        engine.run(f"CREATE VIEW {view} AS {query}")
        rows = engine.row(f"SELECT count(*) FROM {view}")[0]
        table = Table(self.label, source, format_, files, view, columns, rows)
        if texts is None:
            return table
        return replace(
            table,
            texts=texts.view,
            raw=texts.raw,
            delimiter=texts.delimiter,
            encoding=dialect.encoding,
            decimal=texts.decimal,
            words=reading.words,
            weak=reading.weak,
            partitions=partitions.names if partitions else (),
        )

    def _partitioned(self, query: str, partitions: Partitions, file: Path) -> str:
        inside = [column.name for column in _columns(self.engine, query) if column.name != FILE]
        csv_files.check_names([*inside, *partitions.names], Position(file))
        return partitions.added(query)

    def _with_texts(self, texts: csv_files.Texts | None, partitions: Partitions) -> csv_files.Texts | None:
        if texts is None:
            return None
        views = [self.engine.fresh("texts"), self.engine.fresh("raw")]
        for old, new in zip((texts.view, texts.raw), views, strict=True):
            self.engine.run(f"CREATE VIEW {new} AS {partitions.added(f'FROM {old}', as_text=True)}")
        return replace(texts, view=views[0], raw=views[1])


def _columns(engine: TableEngine, query: str) -> tuple[Column, ...]:
    return tuple(Column(row[0], row[1], kind_of(row[1])) for row in engine.rows(f"DESCRIBE {query}"))


def _copied(engine: TableEngine, query: str) -> str:
    copy = engine.folder / f"{engine.fresh('copy')}.parquet"
    engine.run(f"COPY ({query}) TO {sql.text(str(copy))} (FORMAT parquet)")
    return f"FROM read_parquet({sql.files([copy])}, hive_partitioning=false)"


def _transformed(engine: TableEngine, query: str, definition: mltable.MLTable, source: Path) -> str:
    columns = [column.name for column in _columns(engine, query)]
    wanted = definition.keep if definition.keep is not None else columns
    missing = [column for column in (*wanted, *definition.drop) if column not in columns]
    if missing:
        what = f"It keeps or drops the column {missing[0]}, which is not in the data."
        raise UserError(Problem(Position(source / mltable.NAME), "MD306", what, "Correct the name."))
    kept = [sql.name(column) for column in wanted if column not in definition.drop]
    limit = f" LIMIT {definition.take}" if definition.take is not None else ""
    return f"SELECT {', '.join(kept)} FROM ({query}){limit}"


def _files_table(engine: TableEngine, folder: Path, label: str, files: Sequence[FileDigest]) -> Table:
    rows = engine.folder / f"{engine.fresh('files')}.jsonl"
    with rows.open("w", encoding="utf-8", newline="\n") as stream:
        for file in files:
            path = PurePosixPath(file.path)
            stream.write(
                json.dumps(
                    {
                        "path": file.path,
                        "folder": "" if str(path.parent) == "." else str(path.parent),
                        "suffix": path.suffix.lower(),
                        "size": file.size,
                        "sha256": file.sha256,
                    },
                    ensure_ascii=False,
                )
                + "\n"
            )
    types = "{path: 'VARCHAR', folder: 'VARCHAR', suffix: 'VARCHAR', size: 'BIGINT', sha256: 'VARCHAR'}"
    query = f"FROM read_json({sql.files([rows])}, format='newline_delimited', columns={types})"
    view = engine.fresh("table")
    engine.run(f"CREATE VIEW {view} AS {query}")
    paths = tuple(folder / file.path for file in files)
    return Table(label, folder, "files", paths, view, _columns(engine, query), len(files))
