"""Columns that are folder names: ``label=a/part.parquet``, as Spark, Hive and pandas write them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mlroad.core.problems import Position, Problem, UserError
from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.text_types import TEXT, as_type, candidates, infer

FILE = "mlroad: file"
"""The column with the file of a row, while partition columns are added."""
_NONE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partition columns of the files of a folder: a table in the engine, and their types."""

    view: str
    types: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.types)

    def added(self, query: str, *, as_text: bool = False) -> str:
        """A query for the rows of ``query`` with the partition columns instead of `FILE`."""
        values = (
            f"{as_type(f'p.{sql.name(name)}', TEXT if as_text else type_)} AS {sql.name(name)}"
            for name, type_ in self.types.items()
        )
        file = sql.name(FILE)
        return (
            f"SELECT q.* EXCLUDE ({file}), {', '.join(values)} FROM ({query}) q JOIN {self.view} p"
            f" ON q.{file} = p.{file}"
        )


def find_partitions(engine: TableEngine, folder: Path, files: Sequence[Path]) -> Partitions | None:
    """The partition columns of the files, if they are in folders such as label=a.

    Raises UserError if only some files are, or if they are in different ones.
    """
    found = {file: dict(_parts(file.relative_to(folder))) for file in files}
    keys = tuple(found[files[0]])
    for file, parts in found.items():
        if tuple(parts) != keys:
            here, there = (", ".join(some) or "no column" for some in (parts, keys))
            what = f"Its folders name {here}, but those of {files[0].name} name {there}."
            fix = "Put all files into folders with the same keys, such as label=a and label=b."
            raise UserError(Problem(Position(file), "MD304", what, fix))
    if not keys:
        return None
    listed = engine.folder / f"{engine.fresh('partitions')}.jsonl"
    rows = ({FILE: str(file.absolute()), **parts} for file, parts in found.items())
    listed.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    columns = ", ".join(f"{sql.text(name)}: 'VARCHAR'" for name in (FILE, *keys))
    view = engine.fresh("partitions")
    engine.run(
        f"CREATE TEMP TABLE {view} AS FROM read_json({sql.files([listed])}, format='newline_delimited',"
        f" columns={{{columns}}})"
    )
    types = infer(engine, view, len(files), {key: candidates(None) for key in keys})
    return Partitions(view, {key: type_ or TEXT for key, type_ in types.items()})


def _parts(file: Path) -> list[tuple[str, str | None]]:
    pairs = (part.partition("=") for part in file.parts[:-1])
    known = [(unquote(key), value) for key, mark, value in pairs if key and mark]
    return [(key, None if value == _NONE else unquote(value)) for key, value in known]
