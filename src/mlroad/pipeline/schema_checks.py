"""Checks of single values in the YAML, which note problems in Findings, and of mappings with known keys.

They follow the marshmallow fields of azure-ai-ml, so that both reject the same values (tested side by side).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.pipeline.expressions import expressions
from mlroad.pipeline.findings import Findings, suggest

Kind = Callable[[Node, str, Findings], None]
"""Checks a node; the text is the name of the key it belongs to."""

_TRUE = {"t", "true", "on", "y", "yes", "1"}
_FALSE = {"f", "false", "off", "n", "no", "0"}


def spoken(node: Node) -> str:
    """What ``node`` is, for a sentence."""
    if not isinstance(node, ScalarNode):
        return f"a {node.kind}"
    value = node.value
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return (
            f"{str(value).lower()}"
            if node.text.lower() == str(value).lower()
            else f"{node.text}, that is {value}"
        )
    if isinstance(value, int | float):
        return f"the number {node.text}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) < 40 else "a text"
    return f"the {type(value).__name__} {node.text}"


def wrong(node: Node, name: str, wanted: str, fix: str, out: Findings) -> None:
    """Note that ``node`` is not ``wanted``."""
    out.error(node.at, "MR112", f"{name} must be {wanted}, not {spoken(node)}.", fix)


def anything(node: Node, name: str, out: Findings) -> None:
    """Any value: Azure ML looks at it later or never."""


def given(node: Node, name: str, out: Findings) -> None:
    """Any value, but not empty."""


def text(node: Node, name: str, out: Findings) -> None:
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return
    quoted = (
        f'Put it in quotes: "{node.text}".' if isinstance(node, ScalarNode) and node.text else "Write a text."
    )
    wrong(node, name, "text", quoted, out)


def version(node: Node, name: str, out: Findings) -> None:
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str | int | float):
        wrong(node, name, "a version", 'Write it as a text, such as "1".', out)


def boolean(node: Node, name: str, out: Findings) -> None:
    if isinstance(node, ScalarNode) and str(node.value).lower() in _TRUE | _FALSE:
        return
    wrong(node, name, "true or false", "Write true or false.", out)


def integer(node: Node, name: str, out: Findings) -> None:
    if isinstance(node, ScalarNode) and not isinstance(node.value, bool):
        try:
            if float(str(node.value)).is_integer():
                return
        except (ValueError, OverflowError):
            pass
    wrong(node, name, "a whole number", "Write a number such as 1.", out)


def at_least(least: int, kind: Kind = integer) -> Kind:
    """A number that is not below ``least``."""

    def check(node: Node, name: str, out: Findings) -> None:
        before = len(out.problems)
        kind(node, name, out)
        if len(out.problems) == before and isinstance(node, ScalarNode) and float(str(node.value)) < least:
            out.error(
                node.at,
                "MR112",
                f"{name} must be at least {least}, not {node.text}.",
                f"Write {least} or more.",
            )

    return check


def matching(pattern: str, wanted: str, fix: str) -> Kind:
    """A text of a certain form."""

    def check(node: Node, name: str, out: Findings) -> None:
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, str | int) or not re.fullmatch(pattern, str(value)):
            wrong(node, name, wanted, fix, out)

    return check


def scalar(node: Node, name: str, out: Findings) -> None:
    """A text, a number, true or false; or empty."""
    if not isinstance(node, ScalarNode):
        wrong(node, name, "one value", "Write a text.", out)


def variables(node: Node, name: str, out: Findings) -> None:
    """Environment variables: one value per name."""
    map_of(scalar, empty_allowed=True)(node, name, out)
    for key, key_node, _ in node if isinstance(node, MapNode) else ():
        if not key.strip() or re.search(r"[\s=]", key):
            what = f'"{key}" is not the name of an environment variable.'
            out.error(key_node.at, "MR115", what, "Use only letters, digits and _.")


def mapping(node: Node, name: str, out: Findings) -> None:
    if not isinstance(node, MapNode):
        wrong(
            node, name, "a mapping", f"Write {name}: and below it, indented, one `key: value` per line.", out
        )


def one_of(*values: str, any_case: bool = True) -> Kind:
    """One of these words."""

    def check(node: Node, name: str, out: Findings) -> None:
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and (value.lower() if any_case else value) in values:
            return
        said = node.text if isinstance(node, ScalarNode) else ""
        what = f"{name} cannot be {spoken(node)}."
        out.error(node.at, "MR114", what, suggest(said, values, "Choose one of the allowed values."))

    return check


def map_of(kind: Kind, *, empty_allowed: bool = False) -> Kind:
    """A mapping with free keys whose values are all of one kind."""

    def check(node: Node, name: str, out: Findings) -> None:
        mapping(node, name, out)
        if isinstance(node, MapNode):
            for key, _, value in node:
                if not (empty_allowed and isinstance(value, ScalarNode) and value.value is None):
                    kind(value, f"{name}.{key}", out)

    return check


def list_of(kind: Kind) -> Kind:
    """A list whose items are all of one kind."""

    def check(node: Node, name: str, out: Findings) -> None:
        if not isinstance(node, ListNode):
            wrong(node, name, "a list", f"Write {name}: and below it, indented, one `- item` per line.", out)
            return
        for item in node.items:
            kind(item, f"an item of {name}", out)

    return check


def either(first: Kind, *others: Kind) -> Kind:
    """Any of these kinds. If none fits, the problems of the first are reported."""

    def check(node: Node, name: str, out: Findings) -> None:
        tried = Findings()
        first(node, name, tried)
        if not tried.problems:
            return
        for other in others:
            attempt = Findings()
            other(node, name, attempt)
            if not attempt.problems:
                return
        out.add(tried.problems)

    return check


def bindable(kind: Kind) -> Kind:
    """``kind``, or a text with an expression in it, which only the server can evaluate."""

    def check(node: Node, name: str, out: Findings) -> None:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and expressions(node.value):
            return
        kind(node, name, out)

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys. ``unknown`` is how Azure ML handles a key that it does not know."""

    title: str
    keys: Mapping[str, Kind]
    unknown: Literal["error", "warning", "ignore"] = "error"
    required: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    """Keys that Azure ML writes itself and skips when it reads."""

    def __call__(self, node: Node, name: str, out: Findings) -> None:
        """Check a node against this shape, its values too."""
        mapping(node, name, out)
        if not isinstance(node, MapNode):
            return
        missing = [key for key in self.required if key not in node.values]
        for key, key_node, value in node:
            kind = self.keys.get(key)
            if kind is not None:
                if isinstance(value, ScalarNode) and value.value is None and kind is not anything:
                    what = f"{key} is empty."
                    out.error(key_node.at, "MR112", what, "Give it a value, or remove the key.")
                else:
                    kind(value, key, out)
            elif key not in self.silent and self.unknown != "ignore" and not nearest(key, missing):
                self._unknown(key, key_node, out)
        for key in missing:
            # A misspelled key that is needed is one problem, not two.
            near = nearest(key, (name for name in node.values if name not in self.keys))
            fix = f"Is {near} misspelled?" if near else f"Add `{key}: …`."
            out.error(node.at, "MR113", f"{self.title} needs {key}.", fix)

    def _unknown(self, key: str, key_node: ScalarNode, out: Findings) -> None:
        fix = suggest(key, self.keys, "Remove it.")
        if self.unknown == "error":
            out.error(key_node.at, "MR111", f"{self.title} has no key {key}; Azure ML rejects it.", fix)
        else:
            out.warning(key_node.at, "MR110", f"{self.title} has no key {key}; Azure ML ignores it.", fix)
