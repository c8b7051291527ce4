"""Names and values of YAML, by its structure: anchors, flow and block style, lists of names and values."""

from collections.abc import Iterator
from typing import Any

from mlroad.guard.named_values.bare_values import bare_values
from mlroad.guard.named_values.named_value import NamedValue, has_hint, worth_a_look

_NAME_KEYS = ("name", "key", "variable", "parameter")
_VALUE_KEYS = ("value", "default", "defaultValue", "stringValue", "content")
_LARGEST = 1_000_000  # characters; the other readers read larger files
_DEEPEST = 50


def yaml_values(text: str) -> Iterator[NamedValue]:
    """The scalars of YAML with their names; none if it is not YAML, for example because it is a template."""
    # Imported here, because most scans meet no YAML with a hint.
    import yaml

    if len(text) > _LARGEST or (text.count("*") > 200 and text.count("&") > 200):
        return
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.compose_all(text, Loader=loader) if document is not None]
        seen: set[tuple[int, tuple[str, ...]]] = set()
        found = [named for document in documents for named in _walk(document, (), seen)]
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    yield from found


def _walk(node: Any, names: tuple[str, ...], seen: set[tuple[int, tuple[str, ...]]]) -> Iterator[NamedValue]:
    """Each scalar below a node. An alias is read under each of its names, but once for each."""
    mark = (id(node), names[:2])
    if mark in seen or len(names) > _DEEPEST:
        return
    seen.add(mark)
    if node.id == "sequence":
        for item in node.value:
            yield from _walk(item, names, seen)
    elif node.id == "mapping":
        scalars = {
            key.value: item.value for key, item in node.value if key.id == "scalar" and item.id == "scalar"
        }
        beside = frozenset(key.lower()[:20] for key in scalars)
        sibling = next((scalars[key] for key in _NAME_KEYS if key in scalars), "")
        for key, item in node.value:
            name = str(key.value)[:120] if key.id == "scalar" else ""
            if name in _VALUE_KEYS and item.id == "scalar":
                own = (sibling,) if sibling else ()
                yield from _scalar(item, own, names, beside)
            elif item.id == "scalar":
                yield from _scalar(item, (name,), names, beside)
            else:
                yield from _walk(item, (name, *names), seen)
    elif names:
        yield from _scalar(node, (), names, frozenset())


def _scalar(
    node: Any, own: tuple[str, ...], names: tuple[str, ...], beside: frozenset[str]
) -> Iterator[NamedValue]:
    value: str = node.value
    start = node.start_mark.index
    lines = value.split()
    if "\n" in value.strip() and all(" " not in line.strip() for line in value.strip().split("\n")):
        value = "".join(lines)
    if not own and has_hint(value):
        yield from bare_values(value, start)  # - PASSWORD=… of Docker Compose
    if worth_a_look(value.strip()):
        yield NamedValue(value.strip(), start, own, names, False, beside)
