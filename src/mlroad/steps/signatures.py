"""The signature of a step, read from its source with `ast` and never by importing it: fast and safe.

Codes: MR301 unreadable, MR302 no `run(...)`, MR303 the argument of `run`, MR304 shape of the signature,
MR305 missing type hint, MR306 type that Azure ML does not have, MR307 default, MR308 parameter name.
"""

from __future__ import annotations

import ast
import inspect
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mlroad.core.problems import Position, Problem
from mlroad.core.text import did_you_mean
from mlroad.steps.scripts import Script, position, read_script

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
_PYTHON_TYPE: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "string": str}
_ENUM_BASES = {"Enum", "StrEnum", "IntEnum"}
_TYPING_NAMES = {"Literal", "Optional", "Union", "Annotated"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input or output. ``type`` is Azure ML's name for it."""

    name: str
    type: str
    direction: Direction
    at: Position
    optional: bool = False
    default: Value | None = None
    enum: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class StepSignature:
    """A step: the function that its script passes to ``run``."""

    script: Path
    function: str
    description: str
    parameters: tuple[Parameter, ...]

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.direction == "input")

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.direction == "output")


def read_signature(path: Path) -> tuple[StepSignature | None, list[Problem]]:
    """The signature of the step in ``path``, or the problems that prevent reading it.

    There is neither for a script that does not use the contract: a helper module, or a script with its own
    argparse and a hand-written component.
    """
    script = read_script(path)
    if script.tree is None:
        return None, [script.problem] if script.problem else []
    module = _Module(script.tree)
    if not module.uses_contract:
        return None, []
    return _Reader(script, module).read()


class _Module:
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
        node = self.classes.get(name)
        if node is None or not any(_last_name(base) in _ENUM_BASES for base in node.bases):
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
class _Kind:
    """What a type hint means to Azure ML."""

    type: str
    direction: Direction = "input"
    optional: bool = False
    enum: tuple[Value, ...] = ()
    members: str | None = None
    """The Enum class, if the choices come from one."""


class _Unreadable(Exception):
    def __init__(self, node: ast.expr | ast.stmt | ast.arg, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.node, self.code, self.what, self.fix = node, code, what, fix


class _Reader:
    """Reads one script, and collects all its problems."""

    def __init__(self, script: Script, module: _Module) -> None:
        self.script = script
        self.module = module
        self.problems: list[Problem] = []

    def read(self) -> tuple[StepSignature | None, list[Problem]]:
        try:
            function = self._step_function()
        except _Unreadable as error:
            self._report(error)
            return None, self.problems
        parameters = self._parameters(function)
        if self.problems:
            return None, self.problems
        docstring = inspect.cleandoc(ast.get_docstring(function) or "")
        description = " ".join(docstring.split("\n\n")[0].split())
        return StepSignature(self.script.path, function.name, description, parameters), []

    def _report(self, error: _Unreadable) -> None:
        at = position(self.script, error.node)
        self.problems.append(Problem(at, error.code, error.what, error.fix))

    def _step_function(self) -> ast.FunctionDef:
        calls = [
            node
            for node in self.script.nodes
            if isinstance(node, ast.Call) and self.module.contract_name(node.func) == "run"
        ]
        if not calls:
            assert self.module.first_import is not None
            raise _Unreadable(
                self.module.first_import,
                "MR302",
                "This script imports the step contract but never calls run(...), so it is not a step.",
                'End it with `if __name__ == "__main__": run(your_function)`. '
                "A helper module takes pathlib.Path and does not import step_io.",
            )
        names = [self._function_name(call) for call in calls]
        if len(set(names)) > 1:
            raise _Unreadable(
                calls[1],
                "MR303",
                f"This script passes several functions to run: {', '.join(dict.fromkeys(names))}.",
                "One script is one step: move each function to its own script.",
            )
        found = self.module.functions.get(names[0], [])
        if not found:
            raise _Unreadable(
                calls[0],
                "MR303",
                f"run({names[0]}) does not name a function defined at the top level of this script.",
                "Define the function in this script, with its signature written out.",
            )
        if len(found) > 1:
            raise _Unreadable(
                found[1],
                "MR303",
                f"The function {names[0]} is defined twice, first in line {found[0].lineno}.",
                "Keep one of them.",
            )
        if isinstance(found[0], ast.AsyncFunctionDef):
            raise _Unreadable(
                found[0],
                "MR303",
                f"The step {names[0]} is async, and run() does not await it.",
                "Write a plain def.",
            )
        return found[0]

    @staticmethod
    def _function_name(call: ast.Call) -> str:
        match call:
            case ast.Call(args=[ast.Name(id=name)], keywords=[]):
                return name
            case ast.Call(args=[], keywords=[ast.keyword(arg="step", value=ast.Name(id=name))]):
                return name
        raise _Unreadable(
            call,
            "MR303",
            "run() gets something other than the name of one function, so the signature cannot be read.",
            "Write run(your_function), without lambda, partial, a call or more arguments.",
        )

    def _parameters(self, function: ast.FunctionDef) -> tuple[Parameter, ...]:
        arguments = function.args
        for starred, stars in ((arguments.vararg, "*"), (arguments.kwarg, "**")):
            if starred is not None:
                self._report(
                    _Unreadable(
                        starred,
                        "MR304",
                        f"{stars}{starred.arg} has no fixed names, but Azure ML names every input.",
                        "Write each input as a separate parameter.",
                    )
                )
        for argument in arguments.posonlyargs:
            self._report(
                _Unreadable(
                    argument,
                    "MR304",
                    f"The parameter {argument.arg} is positional-only, but steps get named arguments.",
                    "Remove the `/` from the signature.",
                )
            )
        missing: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
        pairs = [
            *zip(arguments.args, [*missing, *arguments.defaults], strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        parameters: list[Parameter] = []
        for argument, default in pairs:
            try:
                parameters.append(self._parameter(argument, default))
            except _Unreadable as error:
                self._report(error)
        self._check_names(parameters)
        return tuple(parameters)

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> Parameter:
        name = argument.arg
        if argument.annotation is None:
            raise _Unreadable(
                argument,
                "MR305",
                f"The parameter {name} has no type hint.",
                f"Write {name}: InputFolder, InputFile, InputModel, OutputFolder, OutputFile, OutputModel, "
                "int, float, bool, str, a Literal or an Enum.",
            )
        kind = self._kind(argument.annotation)
        if kind.direction == "output" and (kind.optional or default is not None):
            raise _Unreadable(
                argument,
                "MR307",
                f"The output {name} has a default or may be None, but Azure ML writes every output.",
                f"Write {name} without them, before the parameters that have a default.",
            )
        if kind.optional and default is None:
            raise _Unreadable(
                argument,
                "MR307",
                f"The input {name} may be None but has no default, so the command line would require it.",
                f"Write `{name}: {ast.unparse(argument.annotation)} = None`.",
            )
        value = None if default is None else self._default(name, kind, argument, default)
        return Parameter(
            name=name,
            type=kind.type,
            direction=kind.direction,
            at=position(self.script, argument),
            optional=kind.optional and value is None,
            default=value,
            enum=tuple(map(str, kind.enum)),
        )

    # ---- type hints ----

    def _kind(self, hint: ast.expr, depth: int = 0) -> _Kind:
        if depth > 8:
            raise self._unknown_type(hint)
        contract = self.module.contract_name(hint)
        if contract in DATA:
            azure, direction = DATA[contract]
            return _Kind(azure, direction)
        match hint:
            case ast.Name(id=name) if name in LITERALS:
                return _Kind(LITERALS[name])
            case ast.Name(id=name) if members := self.module.enum_members(name):
                return replace(self._choices(hint, list(members.values())), members=name)
            case ast.Name(id=name) if name in self.module.assigned:
                return self._kind(self.module.assigned[name], depth + 1)
            case ast.Constant(value=str() as text):
                return self._kind(_parsed_hint(hint, text), depth + 1)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._union(hint, [left, right], depth)
            case ast.Subscript():
                return self._generic(hint, depth)
        raise self._unknown_type(hint)

    def _generic(self, hint: ast.Subscript, depth: int) -> _Kind:
        items = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        match self.module.typing_name(hint.value):
            case "Optional":
                return replace(self._kind(hint.slice, depth + 1), optional=True)
            case "Union":
                return self._union(hint, items, depth)
            case "Annotated":
                return self._kind(items[0], depth + 1)
            case "Literal":
                return self._literal(hint, items)
        raise self._unknown_type(hint)

    def _union(self, hint: ast.expr, members: list[ast.expr], depth: int) -> _Kind:
        rest = [member for member in members if not _is_none(member)]
        if len(rest) != 1 or len(rest) == len(members):
            raise _Unreadable(
                hint,
                "MR306",
                f"An Azure ML input has one type, and {ast.unparse(hint)} is several.",
                "Choose one of them; only `| None` may be added.",
            )
        return replace(self._kind(rest[0], depth + 1), optional=True)

    def _literal(self, hint: ast.expr, items: list[ast.expr]) -> _Kind:
        values = [item.value for item in items if isinstance(item, ast.Constant)]
        readable = [value for value in values if isinstance(value, str | int)]
        if len(readable) != len(items):
            raise _Unreadable(
                hint,
                "MR306",
                f"{ast.unparse(hint)} contains something other than strings or whole numbers.",
                "Write the choices as strings, or all as whole numbers.",
            )
        return self._choices(hint, list(readable))

    def _choices(self, hint: ast.expr, values: list[Value]) -> _Kind:
        if len({type(value) for value in values}) == 1 and not isinstance(values[0], bool):
            # Azure ML has only text choices; step_io.py converts the text back.
            return _Kind("string", enum=tuple(values))
        raise _Unreadable(
            hint,
            "MR306",
            f"The choices of {ast.unparse(hint)} have several types, or are booleans.",
            "Write the choices all as strings or all as whole numbers; for two booleans use bool.",
        )

    def _unknown_type(self, hint: ast.expr) -> _Unreadable:
        text = ast.unparse(hint)
        known = [*DATA, *LITERALS, "Literal", "Enum"]
        if _last_name(hint) in DATA:
            fix = f"Import it: from step_io import {_last_name(hint)}."
        elif _last_name(hint) == "Path":
            fix = "Choose by content and direction: InputFile, InputFolder, OutputFile, OutputFolder."
        else:
            use = (
                "Use InputFile, InputFolder or another type of step_io for data, and int, float, bool, str, "
                "a Literal or an Enum of this file for values."
            )
            fix = did_you_mean(_last_name(hint), known, use)
        return _Unreadable(hint, "MR306", f"{text} is not a type of the step contract.", fix)

    # ---- defaults ----

    def _default(self, name: str, kind: _Kind, argument: ast.arg, default: ast.expr) -> Value | None:
        if isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            raise _Unreadable(
                default,
                "MR307",
                f"The default of {name} is mutable; Azure ML has no such type.",
                "Use a plain value; pass more than one value as a string or in an InputFile.",
            )
        if _is_none(default):
            if not kind.optional:
                raise _Unreadable(
                    default,
                    "MR307",
                    f"The default of {name} is None, which its type does not allow.",
                    f"Write `{name}: {ast.unparse(argument.annotation or default)} | None = None`.",
                )
            return None
        if kind.type not in _PYTHON_TYPE:
            raise _Unreadable(
                default,
                "MR307",
                f"The default of {name} is a path on one machine.",
                f"Remove it, or write `{name}: … | None = None`; pipeline.yml sets where data comes from.",
            )
        return self._checked(name, kind, default, self._value(kind, default))

    def _value(self, kind: _Kind, node: ast.expr, depth: int = 0) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case ast.Name(id=name) if name in self.module.assigned and depth < 8:
                return self._value(kind, self.module.assigned[name], depth + 1)
            case ast.Attribute(value=ast.Name(id=owner), attr=member) if owner == kind.members:
                members = self.module.enum_members(owner) or {}
                if member in members:
                    return members[member]
        raise _Unreadable(
            node,
            "MR307",
            f"The default {ast.unparse(node)} cannot be read without running the script.",
            "Write the value itself.",
        )

    def _checked(self, name: str, kind: _Kind, node: ast.expr, value: object) -> Value:
        if kind.enum:
            return self._chosen(name, kind, node, value)
        expected = _PYTHON_TYPE[kind.type]
        if expected is float and type(value) is int:
            value = float(value)
        if type(value) is not expected or not isinstance(value, str | int | float):
            raise _Unreadable(
                node,
                "MR307",
                f"The default of {name} is {ast.unparse(node)}, but its type is {kind.type}.",
                "Make the two agree.",
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise _Unreadable(
                node,
                "MR307",
                f"The default of {name} is not a finite number.",
                "Use `float | None = None` instead.",
            )
        return value

    @staticmethod
    def _chosen(name: str, kind: _Kind, node: ast.expr, value: object) -> str:
        if kind.members is not None and not isinstance(node, ast.Attribute | ast.Name):
            raise _Unreadable(
                node,
                "MR307",
                f"The default of {name} is {ast.unparse(node)}, which is not a member of {kind.members}.",
                f"Write the member, as in {kind.members}.name.",
            )
        if not any(type(value) is type(choice) and value == choice for choice in kind.enum):
            raise _Unreadable(
                node,
                "MR307",
                f"The default of {name} is {value!r}, which is not one of its choices.",
                f"Choose one of {', '.join(map(repr, kind.enum))}.",
            )
        return str(value)

    # ---- names ----

    def _check_names(self, parameters: list[Parameter]) -> None:
        seen: dict[tuple[Direction, str], Parameter] = {}
        for parameter in parameters:
            name = parameter.name
            if name == "help" or name.startswith("_") or name.endswith("_"):
                self._name_problem(parameter, f"The name {name} cannot be an option of a command line.")
            elif not name.isascii():
                self._name_problem(
                    parameter, f"Azure ML accepts only ASCII letters, digits and _, not {name}."
                )
            elif other := seen.get((parameter.direction, name.lower())):
                self._name_problem(parameter, f"Azure ML cannot distinguish {name} from {other.name}.")
            seen.setdefault((parameter.direction, name.lower()), parameter)

    def _name_problem(self, parameter: Parameter, what: str) -> None:
        self.problems.append(Problem(parameter.at, "MR308", what, "Choose another name."))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _parsed_hint(node: ast.expr, text: str) -> ast.expr:
    """The expression of a quoted hint, at the position of the quotes."""
    try:
        hint = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise _Unreadable(
            node,
            "MR306",
            f"The type hint {text!r} is not valid Python.",
            "Fix it, or write it without quotes.",
        ) from None
    for part in ast.walk(hint):
        ast.copy_location(part, node)
    return hint
