"""Writes the two sides of a Parquet table with the types that its columns have.

DuckDB writes Parquet, with the metadata of the source: pandas and Arrow keep their own types there
(dictionary, time zone, index). It has no 16-bit floats and no milliseconds, so tables with those are written
by pyarrow; whoever made such a file has it.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.data import sql
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table


def metadata_option(engine: TableEngine, table: Table) -> str:
    """The option of COPY that keeps the metadata of the first file, if its columns are those of the table."""
    if [column.name for column in table.columns] != _columns(engine, table.files[0]):
        return ""
    query = f"SELECT key, value FROM parquet_kv_metadata({sql.files(table.files[:1])})"
    kept = []
    for key, value in engine.rows(query):
        try:
            kept.append(f"{sql.text(key.decode())}: {sql.text(value.decode())}")
        except UnicodeDecodeError:
            continue
    return f", KV_METADATA {{{', '.join(kept)}}}" if kept else ""


def needs_pyarrow(engine: TableEngine, table: Table) -> bool:
    """Whether only pyarrow keeps the types. Raises UserError if values would change and it is not there."""
    query = (
        "SELECT name, logical_type LIKE '%Float16%' FROM parquet_schema("
        f"{sql.files(table.files)}) WHERE logical_type LIKE '%Float16%' OR logical_type LIKE '%MilliSeconds%'"
    )
    found = engine.rows(query)
    if not found or find_spec("pyarrow") is not None:
        return bool(found)
    halves = [name for name, is_half in found if is_half]
    if halves:
        what = f"The column {halves[0]} has 16-bit floats, and only pyarrow can write them."
        raise UserError(what, "Install it: `uv add --dev pyarrow`.")
    return False


def write_sides(engine: TableEngine, table: Table, flags: str, sides: Mapping[bool, Path]) -> dict[bool, int]:
    """Write each row to the side of its flag; returns the number of rows of each side.

    ``flags`` is a query for one true or false for each row, in their order.
    """
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    invert = import_module("pyarrow.compute").invert
    place = engine.folder / f"{engine.fresh('flags')}.parquet"
    engine.run(f"COPY (SELECT f FROM ({flags}) AS t(f)) TO {sql.text(place)} (FORMAT parquet)")
    marks = parquet.read_table(place).column(0).combine_chunks()
    names = [column.name for column in table.columns]
    first = parquet.ParquetFile(table.files[0]).schema_arrow
    schema = pyarrow.schema([first.field(name) for name in names], metadata=first.metadata)
    written, start = {False: 0, True: 0}, 0
    writers = {side: parquet.ParquetWriter(path, schema) for side, path in sides.items()}
    try:
        for file in table.files:
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=1 << 17, columns=names):
                mask = marks.slice(start, batch.num_rows)
                start += batch.num_rows
                rows = pyarrow.Table.from_batches([batch]).select(names).cast(schema)[: len(mask)]
                for side, writer in writers.items():
                    part = rows.filter(mask if side else invert(mask))
                    written[side] += part.num_rows
                    if part.num_rows:
                        writer.write_table(part)
    finally:
        for writer in writers.values():
            writer.close()
    return written


def _columns(engine: TableEngine, file: Path) -> list[str]:
    query = f"DESCRIBE FROM read_parquet({sql.files([file])}, hive_partitioning=false)"
    return [row[0] for row in engine.rows(query)]
