"""A dataset version is a file: ``datasets/<name>/<version>.yml``, a complete Azure ML data asset.

Azure ML has no key for some values, so they are tags, which are strings: digest, size, rows, schema, stage,
parents and their digests, derivation, and a checksum of all that never changes. A file without a digest can
be read, but its data cannot be used.

Codes: MD101 unreadable, MD102 a key or tag is missing or wrong.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from mlroad.core.digests import digest_of_bytes
from mlroad.core.files import DEVICES, write_new
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.yaml_nodes import MapNode, ScalarNode, parse_yaml

SCHEMA_URL = "https://azuremlschemas.azureedge.net/latest/data.schema.json"
TYPES = ("uri_file", "uri_folder", "mltable")
STAGES = ("dev", "prod")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")
VERSION = re.compile(r"[1-9][0-9]{0,9}")
REFERENCE = re.compile(rf"(?:azureml:)?(?P<name>{NAME.pattern}):(?P<version>[^:@/\\\s]+)")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_OWN_TAGS = ("digest", "size", "rows", "schema", "stage", "parent", "parent_digest", "derivation", "checksum")


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """The content of one version file. The lines of its keys are kept for messages."""

    file: Path
    name: str
    version: str
    type: str
    """uri_file, uri_folder or mltable."""
    path: str
    """As written: relative to ``file``, or ``azureml://…``."""
    description: str = ""
    digest: str | None = None
    """``sha256:<64 hex>``; mlroad.core.digests defines it."""
    size: int | None = None
    """Bytes of all files."""
    rows: int | None = None
    """None unless the data is a table."""
    schema: str | None = None
    """The schema's file, relative to ``file``."""
    stage: str = "dev"
    parents: tuple[str, ...] = ()
    """The versions it was derived from, as ``name:version``; the rows came from the first one."""
    parent_digests: tuple[str, ...] = ()
    """The digest of each parent; empty in a file from before mlroad recorded them."""
    derivation: Mapping[str, Any] | None = None
    """How it was derived; mlroad.data.derivation lists the keys."""
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The other tags."""
    checksum: str | None = field(default=None, compare=False)
    """As written in the file; `checksum_of` computes it."""
    lines: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)

    @property
    def id(self) -> str:
        """``name:version``. Azure ML adds the prefix ``azureml:``."""
        return f"{self.name}:{self.version}"

    @property
    def parent(self) -> str | None:
        """The first parent."""
        return self.parents[0] if self.parents else None

    @property
    def holdout(self) -> str:
        """The holdout that was split off; empty unless this is the training data of a split."""
        split = (self.derivation or {}).get("split") or {}
        return str(split["holdout"]) if split.get("side") == "train" else ""

    @property
    def number(self) -> int:
        """The version as a number, for sorting: 10 comes after 9."""
        return int(self.version)

    @property
    def is_remote(self) -> bool:
        """Whether ``path`` is a cloud address."""
        return "://" in self.path

    def at(self, key: str = "") -> Position:
        """The position of ``key`` (``path``, ``tags.digest``), or the whole file if the key is missing."""
        return Position(self.file, self.lines.get(key, 0))

    def problem(self, code: str, what: str, fix: str, key: str = "") -> Problem:
        return Problem(self.at(key), code, what, fix)

    def resolve(self, relative: str) -> Path:
        """A path in this file (``path``, ``schema``), relative to the working directory."""
        return Path(os.path.normpath(self.file.parent / relative))


def parse_reference(text: str) -> tuple[str, str]:
    """``("diabetes", "1")`` of ``diabetes:1`` or ``azureml:diabetes:1``.

    Raises UserError for anything else, including ``@latest``, which can name different data tomorrow.
    """
    if "@" in text or text.endswith(":latest"):
        raise UserError(f"{text} can name different data tomorrow.", "Name a version, such as diabetes:1.")
    found = REFERENCE.fullmatch(text)
    if not found or not VERSION.fullmatch(found["version"]):
        raise UserError(
            f"{text!r} is not a dataset version.",
            "Write name:version, such as diabetes:1 (versions are 1, 2, 3 …).",
        )
    return found["name"], found["version"]


def check_name(name: str) -> None:
    """Raises UserError unless ``name`` is valid as an Azure ML data asset and as a folder on every system."""
    if not NAME.fullmatch(name) or name.lower() in DEVICES:
        raise UserError(
            f"{name!r} is not a valid dataset name.",
            "Use letters, digits, - and _, starting with a letter or digit, such as sales_2026.",
        )


def load_version(file: Path) -> DatasetVersion:
    """Read a version file. Raises UserError with every problem found in it."""
    try:
        text = file.read_bytes()
    except OSError as error:
        what = f"The file cannot be read: {error.strerror}."
        raise UserError(
            Problem(Position(file), "MD101", what, "Check the path and its permissions.")
        ) from None
    return parse_version(file, text)


def parse_version(file: Path, text: bytes) -> DatasetVersion:
    """The version in ``text``, the content of ``file``. Raises UserError as `load_version` does."""
    keys, tags, lines = _read(file, text)
    problems = [*_wrong_keys(file, keys), *_wrong_tags(tags)]
    derivation = _derivation(tags)
    if isinstance(derivation, str):
        problems.append(("tags.derivation", derivation, "Restore the file from git."))
    if problems:
        raise UserError(
            Problem(Position(file, lines.get(key, 0)), "MD102", what, fix) for key, what, fix in problems
        )
    return DatasetVersion(
        file=file,
        name=keys["name"],
        version=keys["version"],
        type=keys["type"],
        path=keys["path"],
        description=keys.get("description", ""),
        digest=tags.get("digest"),
        size=int(tags["size"]) if "size" in tags else None,
        rows=int(tags["rows"]) if "rows" in tags else None,
        schema=tags.get("schema"),
        stage=tags.get("stage", "dev"),
        parents=_listed(tags, "parent"),
        parent_digests=_listed(tags, "parent_digest"),
        derivation=None if isinstance(derivation, str) else derivation,
        tags=MappingProxyType({key: text for key, text in tags.items() if key not in _OWN_TAGS}),
        checksum=tags.get("checksum"),
        lines=MappingProxyType(lines),
    )


def version_text(version: DatasetVersion) -> str:
    tags: dict[str, str] = {}
    if version.digest:
        tags["digest"] = version.digest
    if version.size is not None:
        tags["size"] = str(version.size)
    if version.rows is not None:
        tags["rows"] = str(version.rows)
    if version.schema:
        tags["schema"] = version.schema
    tags["stage"] = version.stage
    if version.parents:
        tags["parent"] = ",".join(version.parents)
    if version.parent_digests:
        tags["parent_digest"] = ",".join(version.parent_digests)
    if version.derivation is not None:
        tags["derivation"] = _compact(dict(version.derivation))
    if version.digest:
        tags["checksum"] = checksum_of(version)
    tags.update(version.tags)
    keys: dict[str, object] = {"$schema": SCHEMA_URL, "name": version.name, "version": version.version}
    if version.description:
        keys["description"] = version.description
    keys |= {"type": version.type, "path": version.path, "tags": tags}
    return yaml.safe_dump(keys, sort_keys=False, allow_unicode=True, width=1000)


def checksum_of(version: DatasetVersion) -> str:
    """``sha256:<hex>`` of everything in a version file that never changes."""
    derivation = None if version.derivation is None else dict(version.derivation)
    parents = [list(version.parents), list(version.parent_digests)]
    data = [version.type, version.digest, version.size, version.rows]
    fixed = _compact([version.name, version.version, *data, version.stage, *parents, derivation])
    return digest_of_bytes(fixed.encode("utf-8", "surrogatepass"))


def write_version(version: DatasetVersion) -> None:
    """Write a new version file, completely or not at all. Raises FileExistsError if it exists."""
    write_new(version.file, version_text(version))


_Wrong = tuple[str, str, str]
"""The key, what is wrong with it, and what to do."""


def _wrong_keys(file: Path, keys: Mapping[str, str]) -> Iterator[_Wrong]:
    for key in ("name", "version", "type", "path"):
        if not keys.get(key):
            fix = "`mlroad help reference/datasets` lists the keys of a version file."
            yield key, f"The key {key} is missing.", fix
    if name := keys.get("name"):
        if not NAME.fullmatch(name):
            yield "name", f"{name!r} is not a valid dataset name.", "Use letters, digits, - and _."
        elif name != (folder := file.absolute().parent.name):
            yield "name", f"The name is {name}, but the folder is {folder}.", "Use the same name for both."
    if version := keys.get("version"):
        if not VERSION.fullmatch(version):
            yield "version", f"{version!r} is not a version.", "Versions are whole numbers: 1, 2, 3 …"
        elif version != file.stem:
            yield (
                "version",
                f"The version is {version}, but the file is {file.name}.",
                "Use the same number for both.",
            )
    if (kind := keys.get("type")) and kind not in TYPES:
        yield "type", f"{kind!r} is not a data type.", f"Choose one of: {', '.join(TYPES)}."


def _wrong_tags(tags: Mapping[str, str]) -> Iterator[_Wrong]:
    if (digest := tags.get("digest")) is not None and not DIGEST.fullmatch(digest):
        yield (
            "tags.digest",
            f"{digest!r} is not a digest.",
            "Write sha256: and 64 lower-case hexadecimal digits.",
        )
    for key in ("size", "rows"):
        if key in tags and not tags[key].isdecimal():
            yield f"tags.{key}", f"{tags[key]!r} is not a number.", "Write digits in quotes."
    if (stage := tags.get("stage", "dev")) not in STAGES:
        yield "tags.stage", f"{stage!r} is not a stage.", "Choose dev or prod."
    parents, digests = _listed(tags, "parent"), _listed(tags, "parent_digest")
    if digests and (len(digests) != len(parents) or not all(map(DIGEST.fullmatch, digests))):
        what = "This is not one digest for each parent."
        yield "tags.parent_digest", what, "Restore the file from git."
    for parent in parents:
        if not REFERENCE.fullmatch(parent):
            yield (
                "tags.parent",
                f"{parent!r} is not a dataset version.",
                "Write name:version, such as diabetes:1.",
            )


def _listed(tags: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in tags.get(key, "").split(",") if part.strip())


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _derivation(tags: Mapping[str, str]) -> Mapping[str, Any] | str | None:
    """The derivation, or what is wrong with it."""
    text = tags.get("derivation")
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return "The derivation is not valid JSON."
    return MappingProxyType(value) if isinstance(value, dict) else "The derivation is not a JSON object."


def _read(file: Path, content: bytes) -> tuple[dict[str, str], dict[str, str], dict[str, int]]:
    """The scalar keys of a version file, its tags, and the line of each (``path``, ``tags.digest``).

    Raises UserError for invalid YAML, duplicate keys, and tags that are not strings.
    """
    try:
        root, found = parse_yaml(content.decode("utf-8-sig"), file)
    except UnicodeDecodeError:
        what = "The file is not encoded in UTF-8."
        raise UserError(Problem(Position(file), "MD101", what, "Save it as UTF-8.")) from None
    problems = [replace(problem, code="MD101") for problem in found]
    if not problems and not isinstance(root, MapNode):
        fix = "`mlroad help reference/datasets` shows a complete one."
        what = "This is not a dataset version: it has no keys."
        problems.append(Problem(Position(file), "MD101", what, fix))
    keys: dict[str, str] = {}
    tags: dict[str, str] = {}
    lines: dict[str, int] = {}
    for name, key, node in root if isinstance(root, MapNode) else ():
        lines[name] = key.line
        if isinstance(node, ScalarNode):
            keys[name] = node.text
        elif name in ("name", "version", "type", "path"):
            problems.append(Problem(key.at, "MD102", f"{name} must be a string.", "Write a single value."))
        for tag, at, value in node if name == "tags" and isinstance(node, MapNode) else ():
            lines[f"tags.{tag}"] = at.line
            if not isinstance(value, ScalarNode):
                what, fix = f"The tag {tag} is not a string.", "Write one string, in quotes."
                problems.append(Problem(at.at, "MD102", what, fix))
            elif not isinstance(value.value, str):
                what = f"The tag {tag} is {value.text}, but Azure ML tags are strings."
                problems.append(Problem(at.at, "MD102", what, f'Write "{value.text}" in quotes.'))
            else:
                tags[tag] = value.value
    if problems:
        raise UserError(problems)
    return keys, tags, lines
