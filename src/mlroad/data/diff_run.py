"""`mlroad dataset diff`: two verified versions compared, shown, and written as a report."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.data.diff import Diff, compare, file_key
from mlroad.data.schema_files import declared_schema, write_text
from mlroad.data.sql import Engine
from mlroad.data.store import Used, use
from mlroad.data.table import Table
from mlroad.data.tabular import open_table


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions, opened as tables."""

    used: tuple[Used, Used]
    tables: tuple[Table, Table]


def open_used(engine: Engine, used: Used) -> Table:
    """The table of a verified version, with the types that its schema declares."""
    schema = declared_schema(used.version)
    kinds = schema.kinds if schema else {}
    return open_table(engine, used.path, used.version.id, kinds, used.content.files)


def open_pair(engine: Engine, root: Path, before: str, after: str) -> Pair:
    """Verify and open two versions. Raises UserError if one is missing, has changed, or cannot be read."""
    # At once, because hashing leaves Python's lock: for large versions that is what verifying costs.
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda reference: use(root, reference), (before, after))
    return Pair((first, second), (open_used(engine, first), open_used(engine, second)))


def diff_versions(
    root: Path, before: str, after: str, key: Sequence[str] = (), html: Path | None = None
) -> Diff:
    """Compare two versions, and write the report to ``html`` if it is given.

    The key is, in this order: ``key``, the primaryKey that both schemas declare, none. Raises UserError.
    """
    if html is not None and not html.absolute().parent.is_dir():
        raise UserError(
            f"{html.parent} is no folder.", "Make it first, or choose another place for the report."
        )
    with Engine() as engine:
        pair = open_pair(engine, root, before, after)
        chosen = tuple(key) or _declared_key(pair)
        diff = compare(engine, *pair.tables, file_key(*pair.tables, chosen))
    if html is not None:
        _write(html, diff, pair, key)
    return diff


def _declared_key(pair: Pair) -> tuple[str, ...]:
    keys = {schema.key if (schema := declared_schema(used.version)) else () for used in pair.used}
    return keys.pop() if len(keys) == 1 else ()


def _write(html: Path, diff: Diff, pair: Pair, key: Sequence[str]) -> None:
    from mlroad.report.dataset_diff import Origin, diff_html

    flags = "".join(f" --key {column}" for column in key)
    command = f"mlroad dataset diff {diff.before.label} {diff.after.label}{flags} --html {html.name}"
    first, second = (_origin(used, table) for used, table in zip(pair.used, pair.tables, strict=True))
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_text(html, diff_html(diff, Origin(first, second, command, made_at)))


def _origin(used: Used, table: Table) -> str:
    count = len(used.content.files)
    files = f"{count:,} files, " if count > 1 else ""
    return f"{table.format}, {files}{used.content.size:,} bytes, {used.version.stage}, {used.version.digest}"
