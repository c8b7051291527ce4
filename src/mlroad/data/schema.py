"""The schema of a dataset: ``datasets/<name>/schema.yml``, a Table Schema (datapackage.org) in YAML.

Unsupported parts of the standard (foreignKeys, number formats …) are rejected by name, not ignored.

Codes: MD401 unreadable, MD402 a key is unknown, missing or invalid.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode, parse_yaml, read_yaml
from mlroad.data.limits import Limits, limits_of, wrong_drift, wrong_limits
from mlroad.data.reading import Dialect, Reading
from mlroad.data.table import KINDS, Kind

URL = "https://datapackage.org/profiles/2.0/tableschema.json"
MATCHES = ("equal", "exact", "subset")
"""equal: these columns in any order; exact: in this order; subset: these and possibly other columns."""
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_FLAGS = ("required", "unique")
_LENGTHS = ("minLength", "maxLength")
_CONSTRAINTS = (*_FLAGS, *BOUNDS, *_LENGTHS, "pattern", "enum")
_FIELD = ("name", "type", "title", "description", "example", "rdfType", "constraints", "drift", "unit")
_SCHEMA = (
    "$schema", "name", "title", "description", "fields", "fieldsMatch", "primaryKey", "missingValues",
    "limits",
)  # fmt: skip
_DOCS = "`mlroad help reference/dataset-schema` lists what is supported."
DEFAULT_LIMITS = Limits()
_BOUNDED = ("integer", "number", "date", "datetime", "time")

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column in the schema. ``constraints`` are named as in the standard."""

    name: str
    kind: Kind = "any"
    constraints: Mapping[str, Scalar | tuple[Scalar, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    description: str = ""
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)
    drift: str = ""
    """Why shifts of this column are not judged: ``seasonal`` or ``ignore``."""
    unit: str = ""
    """For contract.json, such as kg."""

    @property
    def required(self) -> bool:
        return self.constraints.get("required") is True

    def line_of(self, constraint: str) -> int:
        """The line of a constraint or the type, or else that of the column."""
        return self.lines.get(constraint, self.line)


@dataclass(frozen=True, slots=True)
class Schema:
    """A table's columns and key. ``file`` is None for a schema that was inferred from data."""

    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    matches: str = "exact"
    file: Path | None = None
    key_line: int = 0
    limits: Limits = DEFAULT_LIMITS
    missing: tuple[str, ...] = ("",)
    """The texts that mean a missing value."""

    def field(self, name: str) -> Field | None:
        return next((found for found in self.fields if found.name == name), None)

    @property
    def unjudged(self) -> dict[str, str]:
        """The columns whose shifts are not judged, with the reason."""
        return {found.name: found.drift for found in self.fields if found.drift}

    def reading(self, dialect: Dialect | None = None) -> Reading:
        """How to read a table that should fit this schema."""
        kinds = {found.name: found.kind for found in self.fields if found.kind != "any"}
        return Reading(kinds, self.missing, dialect or Dialect())


def load_schema(file: Path) -> Schema:
    """Read a schema. Raises UserError with every problem found in it."""
    return _schema(file, *read_yaml(file))


def parse_schema(text: str, file: Path) -> Schema:
    """As `load_schema`, for a text that could be the content of ``file``."""
    return _schema(file, *parse_yaml(text, file))


def _schema(file: Path, root: Node | None, problems: list[Problem]) -> Schema:
    if problems:
        raise UserError(problems)
    if not isinstance(root, MapNode):
        raise UserError(Problem(Position(file), "MD401", "This is not a schema: it has no keys.", _DOCS))
    found = list(_wrong(root))
    if found:
        raise UserError(found)
    fields, key = root.get("fields"), root.get("primaryKey")
    assert isinstance(fields, ListNode)
    return Schema(
        tuple(_field(item) for item in fields.items if isinstance(item, MapNode)),
        tuple(str(item.value) for item in _listed(key)),
        str(root.text("fieldsMatch") or "exact"),
        file,
        key.line if key else 0,
        limits_of(root.get("limits")),
        tuple(item.text for item in _listed(root.get("missingValues"))) or ("",),
    )


def _wrong(root: MapNode) -> Iterator[Problem]:
    yield from _unknown(root, _SCHEMA, "key")
    fields = root.get("fields")
    if not isinstance(fields, ListNode) or not fields.items:
        yield _problem(root, "fields is missing.", "List the columns: - name: age")
        return
    seen: set[str] = set()
    for item in fields.items:
        yield from _wrong_field(item)
        name = item.text("name") if isinstance(item, MapNode) else None
        if name is not None and name.casefold() in seen:
            yield _problem(item, f"Duplicate column {name}.", "Keep one of them.")
        seen.add((name or "").casefold())
    match = root.get("fieldsMatch")
    if match is not None and root.text("fieldsMatch") not in MATCHES:
        what = f"fieldsMatch is not one of: {', '.join(MATCHES)}."
        yield _problem(match, what, "Choose one of them.")
    missing = root.get("missingValues")
    if missing is not None and not _are_texts(missing):
        what = "missingValues is not a list of strings."
        yield _problem(missing, what, 'List the words in quotes: ["", "NA"].')
    yield from wrong_limits(root.get("limits"))
    for item in _listed(root.get("primaryKey")):
        if str(item.value).casefold() not in seen:
            yield _problem(item, f"The key {item.text} is not a column of this schema.", "Correct the name.")


def _wrong_field(item: Node) -> Iterator[Problem]:
    if not isinstance(item, MapNode):
        yield _problem(item, "This is not a column.", "Write - name: age, with its type below.")
        return
    yield from _unknown(item, _FIELD, "key")
    if not item.text("name"):
        yield _problem(
            item, "A column has no name.", "Write name: and the name of the column, in quotes if in doubt."
        )
    kind = item.get("type")
    if kind is not None and item.text("type") not in KINDS:
        advice = did_you_mean(str(item.text("type")), KINDS, cutoff=0.4)
        yield _problem(
            kind,
            f"{_value_text(kind)} is not a type.",
            f"{advice} Choose one of: {', '.join(KINDS)}.".strip(),
        )
    yield from wrong_drift(item.get("drift"))
    constraints = item.get("constraints")
    if isinstance(constraints, MapNode):
        yield from _unknown(constraints, _CONSTRAINTS, "constraint")
        for name, _, value in constraints:
            yield from _wrong_constraint(name, value, item.text("type") or "any")
    elif constraints is not None:
        yield _problem(
            constraints, "constraints is not a mapping.", "Write one constraint per line below it."
        )


def _wrong_constraint(name: str, node: Node, kind: str) -> Iterator[Problem]:
    value = node.plain()
    if name in _FLAGS and not isinstance(value, bool):
        yield _problem(node, f"{name} is not true or false.", "Write true or false.")
    elif name in _LENGTHS and (type(value) is not int or value < 0):
        yield _problem(node, f"{name} is not a length.", "Write a whole number.")
    elif name in _LENGTHS and kind != "string":
        yield _problem(node, f"{name} applies to the type string, but this column is {kind}.", "Remove it.")
    elif name in BOUNDS and kind not in _BOUNDED:
        yield _problem(node, f"{name} applies to numbers and times, but this column is {kind}.", "Remove it.")
    elif name in BOUNDS and kind in ("integer", "number") and type(value) not in (int, float):
        yield _problem(node, f"{name} is not a number.", "Write a number, without quotes.")
    elif name == "pattern":
        yield from _wrong_pattern(node, value, kind)
    elif name == "enum":
        yield from _wrong_enum(node, value)


def _wrong_pattern(node: Node, value: object, kind: str) -> Iterator[Problem]:
    if not isinstance(value, str) or kind != "string":
        yield _problem(
            node, "pattern must be a string, in a column of type string.", "Put the expression in quotes."
        )
        return
    try:
        re.compile(value)
    except re.error as error:
        yield _problem(node, f"This pattern is not a regular expression: {error}.", "Correct it.")
    if re.search(r"\(\?[=!<]|\\[1-9]", value):
        what = "This pattern uses lookaround or backreferences, which the engine (RE2) does not support."
        yield _problem(node, what, "Write it without (?=, (?!, (?<= and \\1.")


def _wrong_enum(node: Node, value: object) -> Iterator[Problem]:
    if not isinstance(value, list) or not value:
        yield _problem(node, "enum is not a list.", "List the values: [a, b].")
        return
    for item in node.items if isinstance(node, ListNode) else ():
        if not isinstance(item, ScalarNode) or item.value is None:
            yield _problem(item, "A value of enum is not a scalar.", "Write strings, numbers, true or false.")


def _are_texts(node: Node) -> bool:
    items = node.items if isinstance(node, ListNode) else ()
    return all(isinstance(item, ScalarNode) and isinstance(item.value, str) for item in items) and bool(items)


def _unknown(node: MapNode, known: Iterable[str], word: str) -> Iterator[Problem]:
    for name, key, _ in node:
        if name not in known:
            yield _problem(key, f"The {word} {name} is not supported.", did_you_mean(name, known, _DOCS))


def _field(node: MapNode) -> Field:
    constraints = node.get("constraints")
    values: dict[str, Scalar | tuple[Scalar, ...]] = {}
    lines = {name: key.line for name, key, _ in node}
    if isinstance(constraints, MapNode):
        for name, key, value in constraints:
            values[name] = _enum(value) if isinstance(value, ListNode) else _scalar(value)
            lines[name] = key.line
    kind: Kind = next((known for known in KINDS if known == node.text("type")), "any")
    return Field(
        name=node.text("name") or "",
        kind=kind,
        constraints=MappingProxyType(values),
        description=node.text("description") or "",
        line=node.line,
        lines=MappingProxyType(lines),
        drift=node.text("drift") or "",
        unit=node.text("unit") or "",
    )


def _enum(node: ListNode) -> tuple[Scalar, ...]:
    return tuple(_scalar(item) for item in node.items)


def _scalar(node: Node) -> Scalar:
    """A scalar value; dates, which YAML parses, are kept as written in the file."""
    assert isinstance(node, ScalarNode)
    return node.value if isinstance(node.value, (str, int, float, bool)) else node.text


def _listed(node: Node | None) -> list[ScalarNode]:
    """A scalar, or each scalar of a list."""
    items = node.items if isinstance(node, ListNode) else [node] if node else []
    return [item for item in items if isinstance(item, ScalarNode)]


def _value_text(node: Node) -> str:
    return node.text if isinstance(node, ScalarNode) else f"A {node.kind}"


def _problem(node: Node, what: str, fix: str) -> Problem:
    return Problem(node.at, "MD402", what, fix)
