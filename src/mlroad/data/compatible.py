"""Whether the dev and the prod version of a dataset agree on the schema, so that a model fits both.

A version's schema is the one that it names, or what its data on this machine shows. Positions are those of
prod, because that is the version that CI has to refuse.

Codes: MD501 a column is missing, MD502 prod has grown a column, MD503 types, MD504 values, MD505 the key,
MD506 the order of columns, MD507 nothing to compare. MD506 and differing limits are warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Position, Problem, Severity, UserError
from mlroad.data.declared_schema import declared_schema
from mlroad.data.schema import Field, Schema
from mlroad.data.schema_check import check_table
from mlroad.data.schema_draft import observed
from mlroad.data.sql import TableEngine
from mlroad.data.store import find, local_path, names, require_verified, version_files
from mlroad.data.version import DatasetVersion, load_version
from mlroad.data.version_tables import open_version

_LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "unique",
)


@dataclass(frozen=True, slots=True)
class Side:
    """One version with its schema; ``problems`` is what its own data has against it."""

    version: DatasetVersion
    schema: Schema
    problems: tuple[Problem, ...] = ()

    def at(self, field: Field | None = None, constraint: str = "") -> Position:
        """Where the schema says something of a column; the version file where it says nothing."""
        if field and self.schema.file:
            return Position(self.schema.file, field.line_of(constraint))
        return self.version.at("tags.schema" if self.version.schema else "path")


@dataclass(frozen=True, slots=True)
class Report:
    """What a comparison of two versions found."""

    dev: str
    prod: str
    problems: tuple[Problem, ...]
    columns: int = 0

    @property
    def good(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def text(self) -> str:
        """The report in words."""
        lines = [str(problem) for problem in self.problems]
        if self.good:
            lines.append(f"{self.dev} and {self.prod} agree on the schema: {self.columns} columns.")
        else:
            count = sum(problem.severity == "error" for problem in self.problems)
            differ = f"{count} difference{'s' * (count > 1)}"
            lines.append(f"{self.dev} and {self.prod} do not agree on the schema: {differ}.")
        return "\n".join(lines)


def compare_versions(root: Path, dev: str, prod: str) -> Report:
    """Compare two versions by their schemas, and each with its own data where that is here.

    Raises UserError for a version that does not exist, or whose data or schema is broken.
    """
    with HashCache(root) as cache:
        sides = [_side(root, find(root, reference), cache) for reference in (dev, prod)]
    return _report(*sides)


def compare_all(root: Path) -> list[Report]:
    """Compare the newest dev with the newest prod version of each dataset that has both; read their data."""
    return [compare_versions(root, dev.id, prod.id) for dev, prod in dev_and_prod(root)]


def check_dev_prod(root: Path) -> list[Problem]:
    """For `mlroad check`: where the schemas that dev and prod versions name disagree. No data is read."""
    problems: list[Problem] = []
    for dev, prod in dev_and_prod(root):
        try:
            schemas = declared_schema(dev), declared_schema(prod)
        except UserError as error:
            problems += error.problems
            continue
        if schemas[0] and schemas[1]:
            problems += differences(Side(dev, schemas[0]), Side(prod, schemas[1]))
    return problems


def dev_and_prod(root: Path) -> Iterator[tuple[DatasetVersion, DatasetVersion]]:
    """The newest dev and the newest prod version of each dataset that has both; broken files are skipped."""
    for name in names(root):
        newest: dict[str, DatasetVersion] = {}
        for file in version_files(root, name):
            try:
                version = load_version(file)
            except UserError:
                # `mlroad dataset verify` and `mlroad check` tell of it.
                continue
            newest[version.stage] = version
        if len(newest) == 2:
            yield newest["dev"], newest["prod"]


def differences(dev: Side, prod: Side) -> list[Problem]:
    """Everything in which the schema of ``prod`` is not that of ``dev``."""
    if dev.schema.file is not None and dev.schema.file == prod.schema.file:
        return []
    found = [*_columns(dev, prod)]
    for field in prod.schema.fields:
        other = dev.schema.field(field.name)
        if other:
            found += _field(dev, prod, other, field)
    if dev.schema.key != prod.schema.key and (dev.schema.file and prod.schema.file):
        at = Position(prod.schema.file, prod.schema.key_line)
        keys = [", ".join(side.schema.key) or "none" for side in (dev, prod)]
        what = f"The key of {prod.version.id} is {keys[1]}, that of {dev.version.id} {keys[0]}."
        found.append(Problem(at, "MD505", what, "Make the two schemas agree."))
    return found


def _side(root: Path, version: DatasetVersion, cache: HashCache) -> Side:
    schema = declared_schema(version)
    if not local_path(root, version).exists():
        if schema is None:
            what = f"{version.id} names no schema, and its data is not here, so nothing shows what it holds."
            fix = f"Where the data is, run `mlroad dataset schema infer {version.id}`."
            raise UserError(version.problem("MD507", what, fix, "path"))
        return Side(version, schema)
    used = require_verified(root, version, cache)
    with TableEngine() as engine:
        table = open_version(engine, used)
        if schema is None:
            return Side(version, observed(table))
        return Side(version, schema, tuple(check_table(engine, table, schema)))


def _report(dev: Side, prod: Side) -> Report:
    problems = (*dev.problems, *prod.problems, *differences(dev, prod))
    return Report(dev.version.id, prod.version.id, problems, len(prod.schema.fields))


def _columns(dev: Side, prod: Side) -> Iterator[Problem]:
    before, after = dev.version.id, prod.version.id
    for field in prod.schema.fields:
        if not dev.schema.field(field.name):
            what = f"{after} has grown the column {field.name} ({field.kind}), which {before} does not have."
            stage = dev.version.stage
            fix = (
                f"A model trained on {before} never sees it: make a {stage} version with it, or leave it out."
            )
            yield Problem(prod.at(field), "MD502", what, fix)
    for field in dev.schema.fields:
        if not prod.schema.field(field.name):
            what = f"{after} has no column {field.name} ({field.kind}), which {before} has."
            fix = f"What is trained on {before} cannot be trained on it: add it, or leave it out of both."
            yield Problem(prod.at(), "MD501", what, fix)
    common = [
        [f.name for f in side.schema.fields if _other(side, dev, prod).schema.field(f.name)]
        for side in (dev, prod)
    ]
    if common[0] != common[1]:
        what = f"The columns of {after} are in another order than those of {before}."
        yield Problem(prod.at(), "MD506", what, "Mind it where columns are read by position.", "warning")


def _other(side: Side, dev: Side, prod: Side) -> Side:
    return prod if side is dev else dev


def _field(dev: Side, prod: Side, before: Field, after: Field) -> Iterator[Problem]:
    name, ids = after.name, (dev.version.id, prod.version.id)
    if before.kind != after.kind and "any" not in (before.kind, after.kind):
        what = f"The column {name} is {after.kind} in {ids[1]}, and {before.kind} in {ids[0]}."
        yield Problem(prod.at(after), "MD503", what, "Convert one of them in a new version.")
    if not (dev.schema.file and prod.schema.file):
        # Data without a schema says nothing of what may be missing or which values there may be.
        return
    if before.required and not after.required:
        what = f"The column {name} may be missing in {ids[1]}, and never is in {ids[0]}."
        yield Problem(prod.at(after), "MD504", what, "Require it in both schemas, or in none.")
    yield from _enum(dev, prod, before, after)
    for limit in _LIMITS:
        old, new = before.constraints.get(limit), after.constraints.get(limit)
        if old != new:
            what = f"{limit} of the column {name} is {_said(new)} in {ids[1]}, and {_said(old)} in {ids[0]}."
            at = prod.at(after, limit)
            yield Problem(at, "MD504", what, "Make the two schemas agree.", "warning")


def _enum(dev: Side, prod: Side, before: Field, after: Field) -> Iterator[Problem]:
    old, new = before.constraints.get("enum"), after.constraints.get("enum")
    if not isinstance(old, tuple) or old == new:
        return
    at, name = prod.at(after, "enum"), after.name
    if not isinstance(new, tuple):
        what = (
            f"The column {name} may hold any value in {prod.version.id}, and few in {dev.version.id} (enum)."
        )
        yield Problem(at, "MD504", what, "List its values in both schemas.")
        return
    severity: Severity
    for values, word, severity in (
        ([v for v in new if v not in old], "may hold", "error"),
        ([v for v in old if v not in new], "never holds", "warning"),
    ):
        if values:
            listed = ", ".join(map(str, values[:5]))
            what = f"The column {name} of {prod.version.id} {word} {listed}; {dev.version.id} says otherwise."
            fix = "A model trained on one has not seen all values of the other: make the two schemas agree."
            yield Problem(at, "MD504", what, fix, severity)


def _said(value: object) -> str:
    return "not set" if value is None else str(value)
