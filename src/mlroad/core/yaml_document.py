"""Reads the factory's own YAML files; reports every mistake with its position and remedy, all at once.

Codes: MR701 unreadable file, MR702 unknown key, MR703 missing key, MR704 wrong value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode, parse_yaml, read_yaml

_T = TypeVar("_T")


class Document:
    """A YAML file, and the problems found in it so far."""

    def __init__(self, file: Path, text: str | None = None) -> None:
        """Read ``file``, or take ``text`` as its content. Raises UserError if it is missing or not YAML."""
        if text is None and not file.is_file():
            raise UserError(Problem(Position(file), "MR701", "This file is missing.", "See docs/factory.md."))
        self.file = file
        node, problems = read_yaml(file) if text is None else parse_yaml(text, file)
        if problems:
            raise UserError(problems)
        self.node = node
        self.problems: list[Problem] = []

    def top(self) -> Fields:
        """The keys of the file. Raises UserError if it is not a mapping."""
        if isinstance(self.node, MapNode):
            return Fields(self, self.node)
        self.wrong(self.node, "MR704", "This file must be a mapping.", "See docs/factory.md.")
        raise UserError(self.problems)

    def wrong(self, at: Node | Position | None, code: str, what: str, fix: str) -> None:
        """Note a problem; reading goes on."""
        place = at.at if isinstance(at, Node) else at or Position(self.file)
        self.problems.append(Problem(place, code, what, fix))

    def done(self) -> None:
        """Raises UserError with every problem that was found."""
        if self.problems:
            raise UserError(sorted(self.problems, key=lambda problem: (problem.at.line, problem.at.column)))


class Fields:
    """The keys of one mapping. Call `close` last: it reports the keys that were not read."""

    def __init__(self, document: Document, node: MapNode) -> None:
        self.document = document
        self.node = node
        self._asked: list[str] = []

    def names(self) -> list[str]:
        """All keys that are there, in their order."""
        return [name for name, _, _ in self.node]

    def has(self, name: str) -> bool:
        """Whether the key is there with a value."""
        return self.get(name) is not None

    def get(self, name: str) -> Node | None:
        """The node of a key."""
        self._asked.append(name)
        return self.node.get(name)

    def text(self, name: str, default: str | None = None, choices: Sequence[str] = ()) -> str:
        """A text, one of ``choices`` if there are any; a key without a default is required."""
        if not self.has(name):
            return self._default(name, default, "")
        node = self.node.get(name)
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self._wrong(name, f"{name} must be text.", 'Write text, in quotes if necessary: "…".')
            return default or ""
        if choices and node.value not in choices:
            hint = f"{did_you_mean(node.value, choices)} Choose one of: {', '.join(choices)}."
            self._wrong(name, f"{name} cannot be {node.value}.", hint.strip())
        return node.value

    def number(
        self, name: str, default: float | None = None, *, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """A finite number within bounds; a key without a default is required."""
        if not self.has(name):
            return self._default(name, default, math.nan)
        node = self.node.get(name)
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._wrong(name, f"{name} must be a number.", "Write a finite number, such as 0.5.")
            return math.nan
        if not least <= value <= most:
            bounds = f"from {least:g} to {most:g}" if math.isfinite(most) else f"{least:g} or more"
            self._wrong(name, f"{name} is {value:g}.", f"It must be {bounds}.")
        return float(value)

    def optional_number(self, name: str, *, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A number, or None if the key is missing."""
        return self.number(name, least=least, most=most) if self.has(name) else None

    def mapping(self, name: str) -> Fields | None:
        """The keys below a key, or None if it is missing."""
        if not self.has(name):
            return None
        node = self.node.get(name)
        if isinstance(node, MapNode):
            return Fields(self.document, node)
        self._wrong(name, f"{name} must be a mapping.", f"Write its keys below it, or remove {name}.")
        return None

    def items(self, name: str) -> list[Node]:
        """The items of a list; none if the key is missing."""
        if not self.has(name):
            return []
        node = self.node.get(name)
        if isinstance(node, ListNode):
            return list(node.items)
        self._wrong(name, f"{name} must be a list.", "Write its items in lines that begin with `- `.")
        return []

    def close(self) -> None:
        """Note every key that was not read."""
        known = list(dict.fromkeys(self._asked))
        for name in self.names():
            if name in self._asked:
                continue
            hint = did_you_mean(name, known, f"Known here: {', '.join(known)}.")
            self.document.wrong(self.node.key_at(name), "MR702", f"Unknown key {name}.", hint)

    def missing(self, name: str, fix: str = "Write it.") -> None:
        """Note that a key is missing."""
        self.document.wrong(self.node, "MR703", f"The key {name} is missing.", fix)

    def _default(self, name: str, default: _T | None, empty: _T) -> _T:
        if default is None:
            self.missing(name)
            return empty
        return default

    def _wrong(self, name: str, what: str, fix: str) -> None:
        self.document.wrong(self.node.get(name), "MR704", what, fix)
