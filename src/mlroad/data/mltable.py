"""MLTable: a file with this name lists the files of a table and says how to read them.

Does the same as Azure ML's reader, for local paths and the transformations read_delimited, read_parquet,
read_json_lines, keep_columns, drop_columns and take. Others are rejected by name.

Code: MD306 not supported, or invalid.
"""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlroad.core.problems import Problem, UserError
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode, read_yaml
from mlroad.data.reading import Dialect

NAME = "MLTable"
_DOCS = "`mlroad help how-to/compare-datasets` lists what is supported."
_ENCODINGS = {
    "utf8": "utf-8",
    "ascii": "ascii",
    "iso88591": "iso-8859-1",
    "latin1": "iso-8859-1",
    "utf16": "utf-16",
    "windows1252": "cp1252",
}
_DELIMITED = {"delimiter", "encoding", "header", "infer_column_types", "support_multi_line"}
_LINES = {"encoding", "invalid_lines"}
_HEADERS = {"all_files_same_headers": True, "no_header": False}


@dataclass(frozen=True, slots=True)
class MLTable:
    """The content of an MLTable file."""

    files: tuple[Path, ...]
    reader: Literal["csv", "parquet", "json"]
    dialect: Dialect = field(default_factory=Dialect)
    skip_bad: bool = False
    keep: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    take: int | None = None


def is_mltable(folder: Path) -> bool:
    return (folder / NAME).is_file()


def read_mltable(folder: Path) -> MLTable:
    """Read ``folder/MLTable``. Raises UserError, with the line, for what is not supported here."""
    root, problems = read_yaml(folder / NAME)
    if problems or not isinstance(root, MapNode):
        raise UserError(problems or f"{folder / NAME}: it has no keys.", "Add paths and transformations.")
    paths, steps = root.get("paths"), root.get("transformations")
    if not isinstance(paths, ListNode) or not paths.items:
        raise _wrong(root, "paths is missing.", "List the files: - file: ./data.csv")
    if not isinstance(steps, ListNode) or not steps.items:
        raise _wrong(root, "transformations is missing.", "Say how to read the files: - read_parquet")
    found = tuple(path for item in paths.items for path in _paths(folder, item))
    return _Steps(found).read(steps.items)


def _paths(folder: Path, item: Node) -> Iterator[Path]:
    if not isinstance(item, MapNode) or len(item.values) != 1:
        raise _wrong(item, "This is not a path.", "Write file:, folder: or pattern:, and a path.")
    kind, node = next(iter(item.values.items()))
    value = node.text if isinstance(node, ScalarNode) else ""
    if kind not in ("file", "folder", "pattern") or not value:
        raise _wrong(item, f"{kind} is not a kind of path.", "Write file:, folder: or pattern:, and a path.")
    if "://" in value:
        raise _wrong(node, f"{value} is in the cloud.", "Download it into this folder first.")
    if kind == "pattern":
        found = sorted(glob.glob(value.removeprefix("./"), root_dir=folder, recursive=True))  # noqa: PTH207
        matches = [folder / name for name in found if (folder / name).is_file()]
    elif kind == "folder":
        matches = sorted(path for path in (folder / value).rglob("*") if path.is_file())
    else:
        matches = [folder / value] if (folder / value).is_file() else []
    if not matches:
        raise _wrong(node, f"{value} matches no file.", "Correct the path; it is relative to this file.")
    inside = folder.resolve()
    for path in matches:
        if not path.resolve().is_relative_to(inside):
            raise _wrong(node, f"{path} is outside of the dataset.", "Move the file into the folder.")
        yield Path(os.path.normpath(path))


class _Steps:
    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self.keep: tuple[str, ...] | None = None
        self.drop: tuple[str, ...] = ()
        self.take: int | None = None

    def read(self, steps: Sequence[Node]) -> MLTable:
        operation, options = _step(steps[0])
        dialect, skip_bad = Dialect(), False
        if operation == "read_delimited":
            dialect = _dialect(options)
        elif operation == "read_json_lines":
            skip_bad = _skip_bad(options)
        elif operation != "read_parquet":
            what = f"{operation} cannot be the first transformation."
            raise _wrong(steps[0], what, "Start with read_delimited, read_parquet or read_json_lines.")
        readers: dict[str, Literal["csv", "parquet", "json"]]
        readers = {"read_delimited": "csv", "read_json_lines": "json", "read_parquet": "parquet"}
        for step in steps[1:]:
            self._take_step(*_step(step), step)
        return MLTable(self.files, readers[operation], dialect, skip_bad, self.keep, self.drop, self.take)

    def _take_step(self, operation: str, options: Node | None, at: Node) -> None:
        if operation in ("keep_columns", "drop_columns") and self.take is None:
            names = _names(options, at)
            if operation == "keep_columns":
                self.keep = names
            else:
                self.drop += names
        elif operation == "take" and isinstance(options, ScalarNode) and type(options.value) is int:
            self.take = min(options.value, self.take if self.take is not None else options.value)
        else:
            raise _wrong(at, f"The transformation {operation} is not supported.", _DOCS)


def _step(node: Node) -> tuple[str, Node | None]:
    if isinstance(node, ScalarNode):
        return node.text, None
    if isinstance(node, MapNode) and len(node.values) == 1:
        return next(iter(node.values.items()))
    raise _wrong(node, "This is not a transformation.", "Write one name, with its options below it.")


def _dialect(options: Node | None) -> Dialect:
    values = _options(options, _DELIMITED)
    encoding = _encoding(values)
    header = values.get("header")
    if header is not None and header.text not in _HEADERS:
        raise _wrong(header, f"header: {header.text} is not supported.", f"Choose {' or '.join(_HEADERS)}.")
    text = header.text if header is not None else "all_files_same_headers"
    delimiter = values["delimiter"].value if "delimiter" in values else ","
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise _wrong(values["delimiter"], "The delimiter is not one character.", 'Write it in quotes: "\\t".')
    infers = "infer_column_types" not in values or values["infer_column_types"].value is not False
    return Dialect(delimiter, _HEADERS[text], encoding, infers=infers)


def _skip_bad(options: Node | None) -> bool:
    values = _options(options, _LINES)
    if _encoding(values) != "utf-8":
        raise _wrong(values["encoding"], "JSON is always UTF-8.", "Save the files as UTF-8.")
    return "invalid_lines" in values and values["invalid_lines"].text == "drop"


def _encoding(values: Mapping[str, ScalarNode]) -> str:
    node = values.get("encoding")
    if node is None:
        return "utf-8"
    if node.text not in _ENCODINGS:
        raise _wrong(
            node, f"{node.text} is not an MLTable encoding.", f"Choose one of: {', '.join(_ENCODINGS)}."
        )
    return _ENCODINGS[node.text]


def _options(node: Node | None, known: set[str]) -> dict[str, ScalarNode]:
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return {}
    if not isinstance(node, MapNode):
        raise _wrong(node, "These are not options.", "Write name: value.")
    found: dict[str, ScalarNode] = {}
    for name, key, value in node:
        if name not in known or not isinstance(value, ScalarNode):
            raise _wrong(key, f"The option {name} is not supported.", _DOCS)
        found[name] = value
    return found


def _names(node: Node | None, at: Node) -> tuple[str, ...]:
    items = node.items if isinstance(node, ListNode) else [node]
    names = tuple(item.text for item in items if isinstance(item, ScalarNode))
    if len(names) != len(items):
        raise _wrong(at, "These are not column names.", "List the names.")
    return names


def _wrong(node: Node | None, what: str, fix: str) -> UserError:
    assert node is not None
    return UserError(Problem(node.at, "MD306", what, fix))
