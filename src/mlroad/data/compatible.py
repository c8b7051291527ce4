"""Check that the dev and prod versions of a dataset have the same schema, so that a model fits both.

A version's schema is the one that it names, or else the columns and types of its local data; then
`compatible_data` also compares missing values and categories. Positions point to prod, because that is the
version CI rejects.

Codes: MD501 a column is missing, MD502 prod has an extra column, MD503 types, MD504 values, MD505 the key,
MD506 the order of columns, MD507 nothing to compare. MD506 and differing limits are warnings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Position, Problem, Severity, UserError
from mlroad.core.text import count
from mlroad.data.compatible_data import compare_observed
from mlroad.data.declared_schema import declared_schema
from mlroad.data.profile import Profile, profile
from mlroad.data.schema import Field, Schema
from mlroad.data.schema_check import check_table
from mlroad.data.schema_draft import schema_of_table
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
class VersionSchema:
    """A version with its schema; ``problems`` are those that its own data has with it."""

    version: DatasetVersion
    schema: Schema
    problems: tuple[Problem, ...] = ()
    observed: Mapping[str, Profile] = field(default_factory=dict)
    """The columns of the data, if there is no schema."""

    def at(self, column: Field | None = None, constraint: str = "") -> Position:
        """The line of a column or constraint in the schema; otherwise the version file."""
        if column and self.schema.file:
            return Position(self.schema.file, column.line_of(constraint))
        return self.version.at("tags.schema" if self.version.schema else "path")


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """The differences between the schemas of two versions."""

    dev: str
    prod: str
    problems: tuple[Problem, ...]
    columns: int = 0

    @property
    def good(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)

    def text(self) -> str:
        """The problems and a summary."""
        lines = [str(problem) for problem in self.problems]
        if self.good:
            lines.append(f"{self.dev} and {self.prod} have the same schema: {count(self.columns, 'column')}.")
        else:
            errors = sum(problem.severity == "error" for problem in self.problems)
            differences = count(errors, "difference")
            lines.append(f"{self.dev} and {self.prod} have different schemas: {differences}.")
        return "\n".join(lines)


def compare_versions(root: Path, dev: str, prod: str) -> SchemaComparison:
    """Compare the schemas of two versions, and check each one against its own data if that is here.

    Raises UserError for a version that does not exist, or whose data or schema cannot be read.
    """
    with HashCache(root) as cache:
        sides = [_side(root, find(root, reference), cache) for reference in (dev, prod)]
    return _compared(*sides)


def compare_all(root: Path) -> list[SchemaComparison]:
    """Compare the newest dev and prod versions of each dataset that has both, and read their data."""
    return [compare_versions(root, dev.id, prod.id) for dev, prod in dev_and_prod(root)]


def check_dev_prod(root: Path) -> list[Problem]:
    """For `mlroad check`: compare the schemas that dev and prod versions name, without reading data."""
    problems: list[Problem] = []
    for dev, prod in dev_and_prod(root):
        try:
            schemas = declared_schema(dev), declared_schema(prod)
        except UserError as error:
            problems += error.problems
            continue
        if schemas[0] and schemas[1]:
            problems += differences(VersionSchema(dev, schemas[0]), VersionSchema(prod, schemas[1]))
    return problems


def dev_and_prod(root: Path) -> Iterator[tuple[DatasetVersion, DatasetVersion]]:
    """The newest dev and prod versions of each dataset that has both; invalid files are skipped."""
    for name in names(root):
        newest: dict[str, DatasetVersion] = {}
        for file in version_files(root, name):
            try:
                version = load_version(file)
            except UserError:
                # `mlroad dataset verify` and `mlroad check` report it.
                continue
            newest[version.stage] = version
        if len(newest) == 2:
            yield newest["dev"], newest["prod"]


def differences(dev: VersionSchema, prod: VersionSchema) -> list[Problem]:
    """All differences between the schemas of ``dev`` and ``prod``."""
    if dev.schema.file is not None and dev.schema.file == prod.schema.file:
        return []
    found = [*_columns(dev, prod)]
    for own in prod.schema.fields:
        other = dev.schema.field(own.name)
        if other:
            found += _field(dev, prod, other, own)
    if dev.schema.key != prod.schema.key and (dev.schema.file and prod.schema.file):
        at = Position(prod.schema.file, prod.schema.key_line)
        keys = [", ".join(side.schema.key) or "none" for side in (dev, prod)]
        what = f"The key is {keys[1]} in {prod.version.id}, but {keys[0]} in {dev.version.id}."
        found.append(Problem(at, "MD505", what, "Use the same key in both schemas."))
    return found


def _side(root: Path, version: DatasetVersion, cache: HashCache) -> VersionSchema:
    schema = declared_schema(version)
    if not local_path(root, version).exists():
        if schema is None:
            what = f"{version.id} names no schema, and its data is not on this machine."
            fix = f"Run `mlroad dataset schema infer {version.id}` on a machine that has the data."
            raise UserError(version.problem("MD507", what, fix, "path"))
        return VersionSchema(version, schema)
    used = require_verified(root, version, cache)
    with TableEngine() as engine:
        table = open_version(engine, used)
        if schema is None:
            return VersionSchema(version, schema_of_table(table), observed=profile(engine, table).columns)
        return VersionSchema(version, schema, tuple(check_table(engine, table, schema)))


def _compared(dev: VersionSchema, prod: VersionSchema) -> SchemaComparison:
    problems = (*dev.problems, *prod.problems, *differences(dev, prod))
    return SchemaComparison(dev.version.id, prod.version.id, problems, len(prod.schema.fields))


def _columns(dev: VersionSchema, prod: VersionSchema) -> Iterator[Problem]:
    before, after = dev.version.id, prod.version.id
    for own in prod.schema.fields:
        if not dev.schema.field(own.name):
            what = f"{after} has the column {own.name} ({own.kind}), which {before} does not have."
            stage = dev.version.stage
            fix = (
                f"A model trained on {before} never sees it: add a {stage} version that has it, or remove it."
            )
            yield Problem(prod.at(own), "MD502", what, fix)
    for own in dev.schema.fields:
        if not prod.schema.field(own.name):
            what = f"{after} lacks the column {own.name} ({own.kind}), which {before} has."
            fix = (
                f"A model that trains on {before} cannot train on it: add the column, or remove it from both."
            )
            yield Problem(prod.at(), "MD501", what, fix)
    common = [
        [f.name for f in side.schema.fields if _other(side, dev, prod).schema.field(f.name)]
        for side in (dev, prod)
    ]
    if common[0] != common[1]:
        what = f"The columns of {after} are in a different order than those of {before}."
        yield Problem(prod.at(), "MD506", what, "Check code that reads columns by position.", "warning")


def _other(side: VersionSchema, dev: VersionSchema, prod: VersionSchema) -> VersionSchema:
    return prod if side is dev else dev


def _field(dev: VersionSchema, prod: VersionSchema, before: Field, after: Field) -> Iterator[Problem]:
    name, ids = after.name, (dev.version.id, prod.version.id)
    seen = dev.observed.get(name), prod.observed.get(name)
    if any(seen):
        yield from compare_observed(before, after, *seen, ids, prod.at(after))
    elif before.kind != after.kind and "any" not in (before.kind, after.kind):
        what = f"The column {name} is {after.kind} in {ids[1]}, but {before.kind} in {ids[0]}."
        yield Problem(prod.at(after), "MD503", what, "Convert one of them in a new version.")
    if not (dev.schema.file and prod.schema.file):
        # Without a schema, nothing is known about missing or allowed values.
        return
    if before.required and not after.required:
        what = f"The column {name} may be missing in {ids[1]}, but is required in {ids[0]}."
        yield Problem(prod.at(after), "MD504", what, "Require it in both schemas, or in neither.")
    yield from _enum(dev, prod, before, after)
    for limit in _LIMITS:
        old, new = before.constraints.get(limit), after.constraints.get(limit)
        if old != new:
            values = f"{_limit_text(new)} in {ids[1]}, but {_limit_text(old)} in {ids[0]}"
            what = f"{limit} of the column {name} is {values}."
            at = prod.at(after, limit)
            yield Problem(at, "MD504", what, "Use the same limit in both schemas.", "warning")


def _enum(dev: VersionSchema, prod: VersionSchema, before: Field, after: Field) -> Iterator[Problem]:
    old, new = before.constraints.get("enum"), after.constraints.get("enum")
    if not isinstance(old, tuple) or old == new:
        return
    at, name = prod.at(after, "enum"), after.name
    if not isinstance(new, tuple):
        what = (
            f"The column {name} allows any value in {prod.version.id}, but only an enum in {dev.version.id}."
        )
        yield Problem(at, "MD504", what, "List its values in both schemas.")
        return
    severity: Severity
    for values, word, severity in (
        ([v for v in new if v not in old], "allows", "error"),
        ([v for v in old if v not in new], "does not allow", "warning"),
    ):
        if values:
            listed = ", ".join(map(str, values[:5]))
            what = f"The column {name} of {prod.version.id} {word} {listed}, unlike {dev.version.id}."
            fix = "A model trained on one has not seen all values of the other: use the same enum in both."
            yield Problem(at, "MD504", what, fix, severity)


def _limit_text(value: object) -> str:
    return "not set" if value is None else str(value)
