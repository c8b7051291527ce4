"""Reading the declared inputs and outputs of a component."""

import math
import re
from collections.abc import Mapping

from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.pipeline.findings import Findings, a, suggest
from mlroad.pipeline.model import DATA_TYPES, LITERAL_TYPES, InputPort, OutputPort, Scalar
from mlroad.pipeline.part_reader import is_true
from mlroad.pipeline.schema_checks import mapping
from mlroad.pipeline.shapes import DATA_PORT, LITERAL_PORT, OUTPUT_PORT, PORT_TYPES

UNKNOWN = "unknown"
"""The type of an input or output whose own type cannot be read; it has no further problems."""
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*")


_FORMS = {"uri_file": "a file", "mltable": "a table", "mlflow_model": "MLflow", "triton_model": "Triton"}
"""What the types say about the form of their data; a folder and a model of one's own may have any."""


def never_fit(wanted: str, given: str) -> bool:
    """Whether no data of the type ``given`` can be of the type ``wanted``; a file in a folder may be."""
    forms = {_FORMS.get(wanted), _FORMS.get(given)}
    return len(forms) == 2 and None not in forms


def text_fits(type_name: str, text: str) -> bool:
    """Whether ``text`` can be part of a literal of this type, beside an expression."""
    if type_name == "boolean":
        return not text
    allowed = {"integer": r"[+\-\d]*", "number": r"[+\-.\deE]*"}.get(type_name)
    return allowed is None or re.fullmatch(allowed, text) is not None


def coerce(type_name: str, value: object) -> Scalar | None:
    """``value`` as Azure ML converts it to a declared type, or None if it does not fit.

    Azure's own rules: ``"7"`` and 7.0 are the integer 7, 1024 is the number 1024.0, ``"False"`` is false. One
    rule is stricter here: 2.5 is not an integer, where Azure would silently cut it to 2.
    """
    if not isinstance(value, str | int | float | bool):
        return None
    if type_name == "string":
        return str(value)
    if type_name == "boolean":
        said = str(value).lower()
        return said == "true" if said in {"true", "false"} else None
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if type_name == "number":
        return number if math.isfinite(number) else None
    return int(number) if math.isfinite(number) and number.is_integer() else None


def read_inputs(node: Node | None, out: Findings) -> Mapping[str, InputPort]:
    """The declared inputs in ``node``, the value of ``inputs:``."""
    ports: dict[str, InputPort] = {}
    if node is None:
        return ports
    mapping(node, "inputs", out)
    if isinstance(node, MapNode):
        check_names(node, "input", out)
        for name, key, value in node:
            ports[name] = _input(name, key, value, out)
    return ports


def read_outputs(node: Node | None, out: Findings) -> Mapping[str, OutputPort]:
    """The declared outputs in ``node``, the value of ``outputs:``."""
    ports: dict[str, OutputPort] = {}
    if node is None:
        return ports
    mapping(node, "outputs", out)
    if isinstance(node, MapNode):
        check_names(node, "output", out)
        for name, key, value in node:
            if not isinstance(value, MapNode) or "type" not in value.values:
                _without_type(name, key, value, "output", out)
                ports[name] = OutputPort(name, UNKNOWN, key.at)
                continue
            OUTPUT_PORT(value, name, out)
            kind = value.text("type") or "uri_folder"
            ports[name] = OutputPort(name, _known(kind), key.at, mode=value.text("mode"))
    return ports


def check_names(node: MapNode, what: str, out: Findings, *, job: bool = False) -> None:
    """Names must be identifiers, and differ in more than upper and lower case.

    azure-ai-ml does not require that of a job's own inputs and outputs, so there it is a warning.
    """
    note = out.warning if job else out.error
    check_groups(node, what, out)
    seen: dict[str, str] = {}
    for name, key, _ in node:
        if not _NAME.fullmatch(name):
            fix = f"Call it {re.sub(r'[^a-zA-Z0-9_]', '_', name)}, here and where it is used."
            note(key.at, "MR115", f"{name} is not a valid {what} name: use only letters, digits and _.", fix)
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            fix = "Rename one of them; Azure ML ignores upper and lower case here."
            note(key.at, "MR117", f"The {what}s {twin} and {name} have the same name.", fix)


def check_groups(node: MapNode, what: str, out: Findings) -> None:
    """``a.b`` makes ``a`` a group, so there cannot be an ``a`` as well."""
    for name, key, _ in node:
        group = name.partition(".")[0]
        if group != name and group in node.values:
            text = f"The {what}s {group} and {name} exclude each other: the dot makes {group} a group."
            out.error(key.at, "MR116", text, "Rename one of them.")


def _input(name: str, key: ScalarNode, node: Node, out: Findings) -> InputPort:
    if not isinstance(node, MapNode) or "type" not in node.values:
        _without_type(name, key, node, "input", out)
        return InputPort(name, UNKNOWN, key.at)
    kind = node.text("type")
    if kind not in LITERAL_TYPES and kind not in PORT_TYPES:
        type_node = node.values["type"]
        said = type_node.text if isinstance(type_node, ScalarNode) else "this"
        near = suggest(said, (*LITERAL_TYPES, *DATA_TYPES), "Choose a type.")
        out.error(type_node.at, "MR114", f"{said} is not an input type.", near)
        return InputPort(name, UNKNOWN, key.at)
    if kind in PORT_TYPES:
        DATA_PORT(node, name, out)
        if node.get("default") is not None:
            fix = "Remove it; an input that may be omitted is `optional: true`."
            out.error(node.key_at("default"), "MR227", f"An input of type {kind} cannot have a default.", fix)
        return InputPort(
            name, _known(kind), key.at, optional=is_true(node.get("optional")), mode=node.text("mode")
        )
    LITERAL_PORT(node, name, out)
    return _literal_input(name, kind, key, node, out)


def _literal_input(name: str, kind: str, key: ScalarNode, node: MapNode, out: Findings) -> InputPort:
    low, high = (_bound(bound, kind, node, out) for bound in ("min", "max"))
    if low is not None and high is not None and low > high:
        what = f"min ({low:g}) is above max ({high:g})."
        out.error(node.values["min"].at, "MR228", what, "Swap them; as written, no value is allowed.")
    enum: tuple[Scalar, ...] = ()
    choices = node.values.get("enum")
    if isinstance(choices, ListNode):
        if not choices.items:
            what = "The enum is empty, so no value is allowed."
            out.error(choices.at, "MR228", what, "Write the allowed values, or remove it.")
        coerced = [coerce(kind, item.value) for item in choices.items if isinstance(item, ScalarNode)]
        enum = tuple(item for item in coerced if item is not None)
    default: Scalar | None = None
    given = node.values.get("default")
    if isinstance(given, ScalarNode) and given.value is None:
        fix = "Give it a value, or remove the key; an input that may be omitted is `optional: true`."
        out.error(given.at, "MR227", "The default is empty.", fix)
    elif given is not None:
        default = coerce(kind, given.value) if isinstance(given, ScalarNode) else None
        if default is None:
            said = given.text if isinstance(given, ScalarNode) else f"a {given.kind}"
            out.error(
                given.at,
                "MR227",
                f"The default {said} is not {a(kind)}.",
                f"Write one that is a {kind}, or change the type.",
            )
    port = InputPort(
        name,
        kind,
        key.at,
        optional=is_true(node.get("optional")),
        default=default,
        enum=enum,
        minimum=low,
        maximum=high,
    )
    if (
        default is not None
        and given is not None
        and not (low is not None and high is not None and low > high)
    ):
        reason = out_of_range(port, default)
        if reason:
            out.error(
                given.at, "MR227", f"The default {default} {reason}.", "Change the default or the limits."
            )
    return port


def out_of_range(port: InputPort, value: Scalar) -> str | None:
    """Why ``value``, of the port's type, is not allowed: the end of a sentence that starts with the value."""
    if port.enum and value not in port.enum:
        return f"is not one of {', '.join(str(item) for item in port.enum)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if port.minimum is not None and value < port.minimum:
            return f"is below the minimum {port.minimum:g}"
        if port.maximum is not None and value > port.maximum:
            return f"is above the maximum {port.maximum:g}"
    return None


def _bound(key: str, kind: str, node: MapNode, out: Findings) -> float | None:
    given = node.values.get(key)
    if given is None:
        return None
    if kind not in {"integer", "number"}:
        what = f"An input of type {kind} has no {key}."
        out.error(node.key_at(key), "MR228", what, "Remove it, or make the type integer or number.")
        return None
    value = coerce("number", given.value) if isinstance(given, ScalarNode) else None
    if not isinstance(value, float):
        said = given.text if isinstance(given, ScalarNode) else f"a {given.kind}"
        out.error(given.at, "MR228", f"{key} must be a number, not {said}.", "Write a number.")
        return None
    return value


def _without_type(name: str, key: ScalarNode, node: Node, what: str, out: Findings) -> None:
    if isinstance(node, MapNode):
        out.error(key.at, "MR113", f"The {what} {name} has no type.", "Add `type: …`, such as uri_folder.")
        return
    said = node.text if isinstance(node, ScalarNode) and node.value is not None else "nothing"
    fix = f"Write `{name}:` and below it, indented, `type: …`."
    out.error(key.at, "MR112", f"The {what} {name} of a component must be a mapping, not {said}.", fix)


def _known(kind: str) -> str:
    """``path`` is the old name of uri_folder."""
    return "uri_folder" if kind == "path" else kind
