"""The type hints of a step, read from its source, and the Azure ML types that they stand for."""

import ast
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from mlroad.core.text import cut, did_you_mean

Value = str | int | float | bool
Direction = Literal["input", "output"]

CONTRACT = "step_io"
DATA: dict[str, tuple[str, Direction]] = {
    "InputFolder": ("uri_folder", "input"),
    "InputFile": ("uri_file", "input"),
    "InputModel": ("mlflow_model", "input"),
    "InputTable": ("mltable", "input"),
    "OutputFolder": ("uri_folder", "output"),
    "OutputFile": ("uri_file", "output"),
    "OutputModel": ("mlflow_model", "output"),
    "OutputTable": ("mltable", "output"),
}
LITERALS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_ENUM_BASES = {"Enum", "StrEnum", "IntEnum"}
_LONGEST_SHOWN = 100
_TYPING_NAMES = {"Literal", "Optional", "Union", "Annotated"}


class ScriptNames:
    """The names at the top level of a script, and what they refer to."""

    def __init__(self, tree: ast.Module) -> None:
        self.contract: dict[str, str] = {}
        self.contract_modules: set[str] = set()
        self.typing: dict[str, str] = {}
        self.modules: dict[str, str] = {}
        self.functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.assigned: dict[str, ast.expr] = {}
        self.first_import: ast.stmt | None = None
        self._members: dict[str, dict[str, Value] | None] = {}
        for node in tree.body:
            self._take(node)

    @property
    def uses_contract(self) -> bool:
        return self.first_import is not None

    def _take(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    self._take_imported(node, module or "", alias)
            case ast.Import(names=names):
                for alias in names:
                    self.modules[alias.asname or alias.name] = alias.name
                    if alias.name == CONTRACT:
                        self.contract_modules.add(alias.asname or alias.name)
                        self.first_import = self.first_import or node
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.functions.setdefault(name, []).append(node)
            case ast.ClassDef(name=name):
                self.classes[name] = node
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.assigned[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self.assigned[name] = value

    def _take_imported(self, node: ast.ImportFrom, module: str, alias: ast.alias) -> None:
        local = alias.asname or alias.name
        if module == CONTRACT:
            self.first_import = self.first_import or node
            names = (*DATA, "run") if alias.name == "*" else (alias.name,)
            self.contract.update({name if alias.name == "*" else local: name for name in names})
        elif module in ("typing", "typing_extensions") and alias.name in _TYPING_NAMES:
            self.typing[local] = alias.name

    def contract_name(self, node: ast.expr) -> str | None:
        """``InputFile`` for ``InputFile``, ``step_io.InputFile`` and any alias of it."""
        match node:
            case ast.Name(id=name):
                return self.contract.get(name)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in self.contract_modules:
                return name
        return None

    def typing_name(self, node: ast.expr) -> str | None:
        match node:
            case ast.Name(id=name):
                return self.typing.get(name)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return name if self.modules.get(owner) == "typing" else None
        return None

    def enum_members(self, name: str) -> dict[str, Value] | None:
        """The members of an Enum of this file; None if ``name`` is not one, or a value cannot be read."""
        if name not in self._members:
            self._members[name] = self._read_members(name)
        return self._members[name]

    def _read_members(self, name: str) -> dict[str, Value] | None:
        node = self.classes.get(name)
        if node is None or not any(last_name(base) in _ENUM_BASES for base in node.bases):
            return None
        members: dict[str, Value] = {}
        for statement in node.body:
            match statement:
                case ast.Assign(
                    targets=[ast.Name(id=member)], value=ast.Constant(value=str() | int() as value)
                ):
                    members[member] = value
                case ast.Assign():
                    return None
        return members


@dataclass(frozen=True, slots=True)
class Kind:
    """The Azure ML type that a type hint stands for."""

    type: str
    direction: Direction = "input"
    optional: bool = False
    enum: tuple[Value, ...] = ()
    members: str | None = None
    """The Enum class, if the choices come from one."""


class Unreadable(Exception):
    def __init__(self, node: ast.expr | ast.stmt | ast.arg, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.node, self.code, self.what, self.fix = node, code, what, fix


class HintReader:
    """Reads the type hints of one script. Its methods raise Unreadable."""

    def __init__(self, names: ScriptNames) -> None:
        self._names = names
        self._named: dict[str, Kind | Unreadable] = {}

    def kind(self, hint: ast.expr, depth: int = 0) -> Kind:
        if depth > 8:
            raise self._unknown_type(hint)
        contract = self._names.contract_name(hint)
        if contract in DATA:
            azure, direction = DATA[contract]
            return Kind(azure, direction)
        match hint:
            case ast.Name(id=name) if name in LITERALS:
                return Kind(LITERALS[name])
            case ast.Name(id=name) if members := self._names.enum_members(name):
                return replace(self._choices(hint, list(members.values())), members=name)
            case ast.Name(id=name) if name in self._names.assigned:
                return self._alias(name, depth)
            case ast.Constant(value=str() as text):
                return self.kind(_parsed_hint(hint, text), depth + 1)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._union(hint, [left, right], depth)
            case ast.Subscript():
                return self._generic(hint, depth)
        raise self._unknown_type(hint)

    def _alias(self, name: str, depth: int) -> Kind:
        """The kind of a hint that has a name in the script; read once, however many parameters use it."""
        if name not in self._named:
            try:
                self._named[name] = self.kind(self._names.assigned[name], depth + 1)
            except Unreadable as error:
                self._named[name] = error
        known = self._named[name]
        if isinstance(known, Unreadable):
            raise known
        return known

    def _generic(self, hint: ast.Subscript, depth: int) -> Kind:
        items = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        match self._names.typing_name(hint.value):
            case "Optional":
                return replace(self.kind(hint.slice, depth + 1), optional=True)
            case "Union":
                return self._union(hint, items, depth)
            case "Annotated":
                return self.kind(items[0], depth + 1)
            case "Literal":
                return self._literal(hint, items)
        raise self._unknown_type(hint)

    def _union(self, hint: ast.expr, members: list[ast.expr], depth: int) -> Kind:
        rest = [member for member in members if not is_none(member)]
        if len(rest) != 1 or len(rest) == len(members):
            raise Unreadable(
                hint,
                "MR306",
                f"An Azure ML input has one type, and {shown(hint)} is several.",
                "Choose one of them; only `| None` may be added.",
            )
        return replace(self.kind(rest[0], depth + 1), optional=True)

    def _literal(self, hint: ast.expr, items: list[ast.expr]) -> Kind:
        values = [item.value for item in items if isinstance(item, ast.Constant)]
        readable = [value for value in values if isinstance(value, str | int)]
        if len(readable) != len(items):
            raise Unreadable(
                hint,
                "MR306",
                f"{shown(hint)} contains something other than strings or whole numbers.",
                "Write the choices as strings, or all as whole numbers.",
            )
        return self._choices(hint, list(readable))

    def _choices(self, hint: ast.expr, values: list[Value]) -> Kind:
        if len({type(value) for value in values}) == 1 and not isinstance(values[0], bool):
            # Azure ML has only text choices; step_io.py converts the text back.
            return Kind("string", enum=tuple(values))
        raise Unreadable(
            hint,
            "MR306",
            f"The choices of {shown(hint)} have several types, or are booleans.",
            "Write the choices all as strings or all as whole numbers; for two booleans use bool.",
        )

    def _unknown_type(self, hint: ast.expr) -> Unreadable:
        text = shown(hint)
        known = [*DATA, *LITERALS, "Literal", "Enum"]
        if last_name(hint) in DATA:
            fix = f"Import it: from step_io import {last_name(hint)}."
        elif last_name(hint) == "Path":
            fix = "Choose by content and direction: InputFile, InputFolder, OutputFile, OutputFolder."
        else:
            use = (
                "Use InputFile, InputFolder or another type of step_io for data, and int, float, bool, str, "
                "a Literal or an Enum of this file for values."
            )
            fix = did_you_mean(last_name(hint), known, use)
        return Unreadable(hint, "MR306", f"{text} is not a type of the step contract.", fix)


@lru_cache(maxsize=64)  # many parameters may have the same hint or default
def shown(node: ast.expr) -> str:
    """An expression of a script in a message: its text, cut off if it is long."""
    return cut(ast.unparse(node), _LONGEST_SHOWN)


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _parsed_hint(node: ast.expr, text: str) -> ast.expr:
    """The expression of a quoted hint, at the position of the quotes."""
    try:
        hint = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise Unreadable(
            node,
            "MR306",
            f"The type hint {text!r} is not valid Python.",
            "Fix it, or write it without quotes.",
        ) from None
    for part in ast.walk(hint):
        ast.copy_location(part, node)
    return hint
