"""`mlroad dataset schema infer` and `check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Problem, UserError
from mlroad.data.declared_schema import declared_schema, name_schema, write_text
from mlroad.data.open_table import open_table
from mlroad.data.schema import load_schema
from mlroad.data.schema_check import check_table
from mlroad.data.schema_draft import draft
from mlroad.data.sql import TableEngine
from mlroad.data.store import all_version_files, find, find_verified, local_path, require_verified
from mlroad.data.version import DatasetVersion, load_version
from mlroad.data.version_tables import open_version


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command says, and what it found wrong."""

    lines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def infer(root: Path, reference: str, file: str, key: Sequence[str] = (), bounds: bool = False) -> Outcome:
    """Make a schema of a version's data and name it in the version, or name the one that is there if it fits.

    Raises UserError if the version names a schema already, or its data cannot be read.
    """
    version = find(root, reference)
    if version.schema == file:
        what = f"{version.id} names the schema {version.schema} already."
        fix = f"Edit that file, or give {version.id} one of its own: --file {_own(file, version)}."
        raise UserError(version.problem("MD403", what, fix, "tags.schema"))
    if Path(file).name != file or not file.endswith((".yml", ".yaml")) or Path(file).stem.isdigit():
        raise UserError(
            f"{file!r} cannot be a schema's file.", "Use a name such as schema.yml or schema-2.yml."
        )
    target = version.file.parent / file
    with TableEngine() as engine:
        used = find_verified(root, reference)
        if target.is_file():
            schema = load_schema(target)
            table = open_table(engine, used.path, version.id, schema.kinds, used.content.files)
            problems = check_table(engine, table, schema)
            if problems:
                hint = f"To give {version.id} a schema of its own, add --file {_own(file, version)}."
                return Outcome((f"{version.id} does not fit {target.as_posix()}. {hint}",), tuple(problems))
            name_schema(version, file)
            return Outcome((f"{version.id} fits {target.as_posix()}, and names it now.",))
        table = open_version(engine, used)
        text = draft(engine, table, key, bounds)
        _prove(engine, used.path, version, text)
    write_text(target, text)
    name_schema(version, file)
    return Outcome(
        (f"Wrote {target.as_posix()}, and {version.id} names it now. Read it through: it is yours.",)
    )


def check(root: Path, references: Sequence[str] = ()) -> Outcome:
    """Hold versions to their schemas: the named ones, or all that name one and whose data is here.

    Raises UserError for a named version that has no schema, or whose data is not here.
    """
    versions = [find(root, reference) for reference in references]
    for version in versions:
        if not version.schema:
            what = f"{version.id} names no schema."
            raise UserError(what, f"Make one with `mlroad dataset schema infer {version.id}`.")
    lines: list[str] = []
    problems: list[Problem] = []
    with HashCache(root) as cache:
        for version in versions or _with_schema(root):
            if not versions and not local_path(root, version).exists():
                lines.append(f"{version.id}: its data is not here, so it was not checked.")
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
                    f"If {version.id} is meant to differ, give it a schema of its own:"
                    f" mlroad dataset schema infer {version.id} --file {file}"
                )
            problems += found
            lines += [line] if line else []
    return Outcome(
        tuple(lines) or ("No version names a schema.",) if not problems else tuple(lines), tuple(problems)
    )


def _own(file: str, version: DatasetVersion) -> str:
    """What a version's own schema could be called."""
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
    return [], f"{version.id}: {table.rows:,} rows, {len(table.columns)} columns, all as {file} says."


def _prove(engine: TableEngine, path: Path, version: DatasetVersion, text: str) -> None:
    """A schema that was just made must fit the data that it was made of."""
    trial = engine.folder / f"{version.name}-schema.yml"
    trial.write_text(text, encoding="utf-8")
    schema = load_schema(trial)
    problems = check_table(engine, open_table(engine, path, version.id, schema.kinds), schema)
    if problems:
        raise UserError(problems)
