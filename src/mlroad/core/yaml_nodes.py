"""YAML with positions: the values in a file, and where each one is.

The values are those of PyYAML's safe loader (YAML 1.1), because azure-ai-ml reads with it: ``yes``
is true, ``1e-3`` is text, ``<<`` merges. The exception is duplicate keys: PyYAML
silently keeps the last one; here they are a problem.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from mlroad.core.problems import Position, Problem

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML built without libyaml: the same language, slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


DEEPEST = 100
"""How deep values may be nested. The converter's own depth grows with it."""
MOST_VALUES = 100_000
"""How many values aliases and merges may make of a file, beside one for each character."""
_LONGEST_NUMBER = 1000
"""Characters of a number: Python's time for longer ones grows with the square of their length."""


class Source(NamedTuple):
    """A file's path, as messages show it, and its text."""

    file: Path
    text: str


class Node(ABC):
    """A value in a YAML file. ``line`` and ``column`` count from 1."""

    __slots__ = ("column", "line", "source")
    kind = "value"

    def __init__(self, source: Source, mark: yaml.Mark) -> None:
        self.source = source
        self.line = mark.line + 1
        self.column = mark.column + 1

    @property
    def file(self) -> Path:
        return self.source.file

    @property
    def at(self) -> Position:
        return Position(self.source.file, self.line, self.column)

    @abstractmethod
    def plain(self) -> object:
        """The value as plain Python objects."""


class ScalarNode(Node):
    """Text, a number, true or false, null, or a date. ``text`` is as written in the file."""

    __slots__ = ("_end", "_start", "quoted", "text", "value")
    kind = "scalar"

    def __init__(self, source: Source, at: yaml.Node, value: object, text: str, quoted: bool) -> None:
        super().__init__(source, at.start_mark)
        self._start = at.start_mark.index
        self._end = at.end_mark.index
        self.value = value
        self.text = text
        self.quoted = quoted

    def plain(self) -> object:
        return self.value

    @property
    def span(self) -> tuple[int, int]:
        """Where it begins and ends in the file's text, quotes included."""
        return self._start, self._end

    def position_of(self, fragment: str, occurrence: int = 0) -> Position:
        """The position of the ``occurrence``-th ``fragment`` (from 0) in this text, folded or not."""
        return list(self.positions_of([fragment] * (occurrence + 1)))[-1]

    def positions_of(self, fragments: Iterable[str]) -> Iterator[Position]:
        """The position of each fragment; they follow each other in this text. One pass for all of them."""
        text, line, column, end = self.source.text, self.line, self.column, self._start
        missing: set[str] = set()  # such as an expression that is folded over two lines
        for fragment in fragments:
            found = -1 if fragment in missing else text.find(fragment, end, self._end)
            if found < 0:
                missing.add(fragment)
                yield self.at
                continue
            newlines = text.count("\n", end, found)
            line += newlines
            column = found - text.rfind("\n", end, found) if newlines else column + found - end
            yield Position(self.source.file, line, column)
            column, end = column + len(fragment), found + len(fragment)


class ListNode(Node):
    """A sequence."""

    __slots__ = ("items",)
    kind = "list"

    def __init__(self, source: Source, mark: yaml.Mark) -> None:
        super().__init__(source, mark)
        self.items: list[Node] = []

    def plain(self) -> object:
        return [item.plain() for item in self.items]


class MapNode(Node):
    """A mapping. Keys are text, as Azure ML requires; ``keys`` has the position of each key."""

    __slots__ = ("keys", "values")
    kind = "mapping"

    def __init__(self, source: Source, mark: yaml.Mark) -> None:
        super().__init__(source, mark)
        self.keys: dict[str, ScalarNode] = {}
        self.values: dict[str, Node] = {}

    def __iter__(self) -> Iterator[tuple[str, ScalarNode, Node]]:
        for name, value in self.values.items():
            yield name, self.keys[name], value

    def get(self, name: str) -> Node | None:
        """The value of ``name``; None also for null."""
        value = self.values.get(name)
        return None if isinstance(value, ScalarNode) and value.value is None else value

    def key_at(self, name: str) -> Position:
        """The position of the key ``name``, or of this mapping if it has no such key."""
        return self.keys[name].at if name in self.keys else self.at

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return value.value if isinstance(value, ScalarNode) and isinstance(value.value, str) else None

    def plain(self) -> dict[str, object]:
        return {name: value.plain() for name, value in self.values.items()}


def scalars(node: Node | None, *keys: str) -> Iterator[tuple[tuple[str, ...], ScalarNode]]:
    """Every single value in ``node``, with the keys that lead to it. Items of a list have the list's keys."""
    if isinstance(node, ScalarNode):
        yield keys, node
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from scalars(item, *keys)
    elif isinstance(node, MapNode):
        for name, _, value in node:
            yield from scalars(value, *keys, name)


def with_values(text: str, values: Mapping[ScalarNode, str]) -> str:
    """A file's text with other values at nodes that were read from it. Quotes and comments stay."""
    parts, at = [], 0
    for node, value in sorted(values.items(), key=lambda it: it[0].span):
        start, end = node.span
        old = text[start:end]
        # Escapes and folded lines: the text of the value is not written as such.
        parts += [text[at:start], old.replace(node.text, value) if node.text in old else json.dumps(value)]
        at = end
    return "".join([*parts, text[at:]])


def read_yaml(file: Path) -> tuple[Node | None, list[Problem]]:
    """The one document in ``file``, None if it cannot be read, and what is wrong with it as YAML."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return None, [_problem(file, "MR101", "This file does not exist.", "Check the path.")]
    except IsADirectoryError:
        return None, [_problem(file, "MR101", "This is a folder, not a file.", "Name a YAML file.")]
    except OSError as error:
        what = f"This file cannot be read: {error.strerror or error}."
        return None, [_problem(file, "MR101", what, "Check the path and its permissions.")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"This file is not written in UTF-8 (byte {raw[error.start]:#04x})."
        return None, [Problem(Position(file, line), "MR102", what, "Save it with the encoding UTF-8.")]
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path) -> tuple[Node | None, list[Problem]]:
    """As read_yaml, for ``text`` that is or could be the content of ``file``."""
    try:
        if _may_be_deep(text) and _is_deep(text):
            return None, [_problem(file, "MR103", "This file is nested too deeply.", "Make it flatter.")]
        root = yaml.compose(text, Loader=_SafeLoader)
    except yaml.YAMLError as error:
        return None, [_syntax_problem(error, text, file)]
    if root is None:
        return None, [_problem(file, "MR104", "This file is empty.", "Write the YAML, or delete the file.")]
    converter = _Converter(Source(file, text))
    node = converter.convert(root)
    if max(converter.size_of(node), converter.merged) > MOST_VALUES + len(text):
        what = f"The aliases in this file make more than {MOST_VALUES:,} values of it."
        return None, [_problem(file, "MR103", what, "Write the values out, or use fewer aliases.")]
    return node, converter.problems


def _may_be_deep(text: str) -> bool:
    """Whether values may be nested deeper than `DEEPEST`: judged by brackets and the longest line."""
    return text.count("[") + text.count("{") > DEEPEST or max(map(len, text.split("\n"))) > DEEPEST


def _is_deep(text: str) -> bool:
    """Whether values are nested deeper than `DEEPEST`. libyaml crashes when it composes such a file."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


class _Converter(yaml.constructor.SafeConstructor):
    """Converts PyYAML's nodes into ours. Aliases share one node, so a small file cannot fill the memory."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.problems: list[Problem] = []
        self._done: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self.merged = 0
        self._open: set[int] = set()

    def convert(self, source: yaml.Node) -> Node:
        known = self._done.get(id(source))
        if known is not None:
            return known
        if id(source) in self._open:
            self._report(source, "MR106", "This alias is inside the value that it names.", "Remove it.")
            return ScalarNode(self.source, source, None, "", quoted=False)
        self._open.add(id(source))
        if isinstance(source, yaml.MappingNode):
            node = self._mapping(source)
        elif isinstance(source, yaml.SequenceNode):
            node = self._sequence(source)
        else:
            assert isinstance(source, yaml.ScalarNode)
            node = self._scalar(source)
        self._open.discard(id(source))
        self._done[id(source)] = node
        self._sizes[id(node)] = 1 + sum(map(self.size_of, _children(node)))
        return node

    def size_of(self, node: Node) -> int:
        """How many values there are in ``node``, if each alias is written out."""
        return self._sizes.get(id(node), 1)

    def _scalar(self, source: yaml.ScalarNode) -> ScalarNode:
        text = str(source.value)
        value: object
        if source.tag == "tag:yaml.org,2002:str":
            value = text
        else:
            build = self.yaml_constructors.get(source.tag)
            if build is None or source.tag == "tag:yaml.org,2002:value":
                self._report(
                    source, "MR106", f"The tag {source.tag} is unknown.", "Remove the tag, or quote it."
                )
                value = text
            else:
                try:
                    if len(text) > _LONGEST_NUMBER and source.tag in _NUMBERS:
                        raise ValueError("it is too long")
                    value = build(self, source)
                except (yaml.YAMLError, ValueError, OverflowError) as error:
                    reason = getattr(error, "problem", None) or error
                    shown = text if len(text) <= 60 else f"{text[:57]}..."
                    what = f"YAML reads {shown} as {source.tag.rpartition(':')[2]}, but cannot: {reason}."
                    self._report(source, "MR103", what, "Put it in quotes.")
                    value = text
        return ScalarNode(self.source, source, value, text, quoted=source.style is not None)

    def _sequence(self, source: yaml.SequenceNode) -> Node:
        self._known_tag(source, "seq")
        node = ListNode(self.source, source.start_mark)
        node.items.extend(self.convert(item) for item in source.value)
        return node

    def _mapping(self, source: yaml.MappingNode) -> Node:
        self._known_tag(source, "map")
        node = MapNode(self.source, source.start_mark)
        merged: list[yaml.Node] = []
        for key, value in source.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged.append(value)
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, "MR107", "A key must be text here.", "Write a plain name.")
                continue
            name_node = self._scalar(key)
            name = name_node.text
            if not isinstance(name_node.value, str):
                what = f"YAML reads the key {name} as {_spoken(name_node.value)}, not as text."
                self._report(key, "MR107", what, f'Put it in quotes: "{name}".')
            if name in node.values:
                first = node.keys[name].line
                what = f"Duplicate key {name} (first on line {first}); YAML drops the first value."
                self._report(key, "MR105", what, "Keep one of them.")
            node.keys[name] = name_node
            node.values[name] = self.convert(value)
        for value in merged:
            self._merge(node, value)
        return node

    def _merge(self, node: MapNode, value: yaml.Node) -> None:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in {id(source): source for source in sources}.values():  # each alias once
            part = self.convert(source)
            if not isinstance(part, MapNode):
                self._report(source, "MR103", "`<<` merges mappings only.", "Name a mapping.")
                continue
            self.merged += len(part.values)
            if self.merged > MOST_VALUES + len(self.source.text):
                return
            for name, key, item in part:
                if name not in node.values:
                    node.keys[name] = key
                    node.values[name] = item

    def _known_tag(self, source: yaml.Node, wanted: str) -> None:
        if source.tag != f"tag:yaml.org,2002:{wanted}":
            self._report(source, "MR106", f"The tag {source.tag} is not supported.", "Remove the tag.")

    def _report(self, source: yaml.Node, code: str, what: str, fix: str) -> None:
        mark = source.start_mark
        self.problems.append(
            Problem(Position(self.source.file, mark.line + 1, mark.column + 1), code, what, fix)
        )


def _children(node: Node) -> Iterable[Node]:
    if isinstance(node, MapNode):
        return node.values.values()
    return node.items if isinstance(node, ListNode) else ()


def _spoken(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"the {type(value).__name__} {value}"


def _syntax_problem(error: yaml.YAMLError, text: str, file: Path) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if mark is None:
        offset = getattr(error, "position", None)
        if not isinstance(offset, int):
            return _problem(file, "MR103", f"This is not valid YAML: {reason}.", "Fix the syntax.")
        line = text.count("\n", 0, offset) + 1
        column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    else:
        line, column = mark.line + 1, mark.column + 1
    lines = text.splitlines()
    found = lines[line - 1] if line <= len(lines) else ""
    if "\t" in found[: len(found) - len(found.lstrip())] or found[column - 1 : column] == "\t":
        column = found.find("\t") + 1
        return Problem(
            Position(file, line, column), "MR103", "YAML does not allow a tab here.", "Indent with spaces."
        )
    context = getattr(error, "context", None)
    said = f"{reason} ({context})" if context else reason
    fix = "Fix the syntax; nothing else in this file was checked."
    if "mapping values are not allowed" in reason:
        fix = 'Put a value that contains ": " in quotes; otherwise check the indentation.'
    elif "expected a single document" in reason:
        fix = "Keep one document; `---` is allowed only at the top."
    return Problem(Position(file, line, column), "MR103", f"This is not valid YAML: {said}.", fix)


def _problem(file: Path, code: str, what: str, fix: str) -> Problem:
    return Problem(Position(file), code, what, fix)
