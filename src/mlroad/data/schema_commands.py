"""`mlroad dataset schema infer` and `check`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.files import write_output
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Problem, UserError
from mlroad.data.declared_schema import declared_schema, set_schema
from mlroad.data.open_table import open_table
from mlroad.data.reading import Dialect, Reading
from mlroad.data.schema import load_schema, parse_schema
from mlroad.data.schema_check import check_table
from mlroad.data.schema_draft import draft_schema
from mlroad.data.sql import TableEngine
from mlroad.data.store import all_version_files, find, find_verified, local_path, require_verified
from mlroad.data.table import Table
from mlroad.data.table_notes import missing_words
from mlroad.data.version import DatasetVersion, load_version
from mlroad.data.version_tables import open_version, reading_of


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """The lines to print, and the problems found."""

    lines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def infer_schema(
    root: Path, reference: str, file: str, key: Sequence[str] = (), bounds: bool = False
) -> SchemaResult:
    """Write a schema for a version's data, or use the existing file if the data fits it.

    The version then names the schema. Raises UserError if it already names this file, or its data is
    unreadable.
    """
    version = find(root, reference)
    if version.schema == file:
        what = f"{version.id} already names the schema {version.schema}."
        fix = f"Edit that file, or give {version.id} its own: --file {_own(file, version)}."
        raise UserError(version.problem("MD403", what, fix, "tags.schema"))
    if Path(file).name != file or not file.endswith((".yml", ".yaml")) or Path(file).stem.isdigit():
        raise UserError(
            f"{file!r} is not a valid schema file name.", "Use a name such as schema.yml or schema-2.yml."
        )
    target = version.file.parent / file
    with TableEngine() as engine:
        used = find_verified(root, reference)
        if target.is_file():
            schema = load_schema(target)
            table = open_table(
                engine, used.path, version.id, schema.reading(reading_of(version).dialect), used.content.files
            )
            problems = check_table(engine, table, schema)
            if problems:
                hint = f"To give {version.id} its own schema, add --file {_own(file, version)}."
                return SchemaResult(
                    (f"{version.id} does not fit {target.as_posix()}. {hint}",), tuple(problems)
                )
            set_schema(version, file)
            return SchemaResult((f"{version.id} fits {target.as_posix()} and now names it.",))
        table = _as_declared(engine, open_version(engine, used), reading_of(version).dialect)
        text = draft_schema(engine, table, key, bounds)
        # The schema must fit the data that it was inferred from.
        if problems := check_table(engine, table, parse_schema(text, target)):
            raise UserError(problems)
    write_output(target, text)
    set_schema(version, file)
    return SchemaResult(
        (f"Wrote {target.as_posix()}; {version.id} now names it. Review it and edit it as you like.",)
    )


def check_schemas(root: Path, references: Sequence[str] = ()) -> SchemaResult:
    """Check versions against their schemas: the given ones, or all that name a schema and have data here.

    Raises UserError for a given version that has no schema or no data on this machine.
    """
    versions = [find(root, reference) for reference in references]
    for version in versions:
        if not version.schema:
            what = f"{version.id} names no schema."
            raise UserError(what, f"Create one with `mlroad dataset schema infer {version.id}`.")
    lines: list[str] = []
    problems: list[Problem] = []
    with HashCache(root) as cache:
        for version in versions or _with_schema(root):
            if not versions and not local_path(root, version).exists():
                lines.append(f"{version.id}: not checked, because its data is not on this machine.")
                continue
            try:
                found, line = _check_one(root, version, cache)
            except UserError as error:
                if not error.problems:
                    raise
                found, line = list(error.problems), ""
            if version.schema and any(problem.code.startswith("MD41") for problem in found):
                file = _own(Path(version.schema).name, version)
                lines.append(
                    f"If {version.id} is meant to differ, give it its own schema:"
                    f" mlroad dataset schema infer {version.id} --file {file}"
                )
            problems += found
            lines += [line] if line else []
    return SchemaResult(
        tuple(lines) or ("No version names a schema.",) if not problems else tuple(lines), tuple(problems)
    )


def _own(file: str, version: DatasetVersion) -> str:
    """A file name for a version's own schema."""
    stem, _, suffix = file.rpartition(".")
    return f"{stem}-{version.version}.{suffix}"


def _with_schema(root: Path) -> list[DatasetVersion]:
    return [version for version in map(load_version, all_version_files(root)) if version.schema]


def _check_one(root: Path, version: DatasetVersion, cache: HashCache) -> tuple[list[Problem], str]:
    schema = declared_schema(version)
    assert schema
    used = require_verified(root, version, cache)
    with TableEngine() as engine:
        table = open_version(engine, used)
        problems = check_table(engine, table, schema)
    if problems:
        return problems, ""
    file = schema.file.as_posix() if schema.file else ""
    return [], f"{version.id}: {table.rows:,} rows and {len(table.columns)} columns match {file}."


def _as_declared(engine: TableEngine, table: Table, dialect: Dialect) -> Table:
    """The table, read with those words as missing values that it has. The schema will declare them."""
    words = ("", *sorted({word for found in missing_words(engine, table).values() for word in found}))
    if words == ("",):
        return replace(table, words=words, weak=())
    return open_table(engine, table.source, table.label, Reading(missing=words, dialect=dialect))
