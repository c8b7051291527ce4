"""The signature of a step, read from its source with `ast` and never by importing it: fast and safe.

Codes: MR301 unreadable, MR302 no `run(...)`, MR303 the argument of `run`, MR304 shape of the signature,
MR305 missing type hint, MR306 type that Azure ML does not have, MR307 default, MR308 parameter name.
"""

import ast
import math
import re
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.core.text import some
from mlroad.steps.scripts import Script, position, read_script
from mlroad.steps.type_hints import (
    Direction,
    HintReader,
    Kind,
    ScriptNames,
    Unreadable,
    Value,
    is_none,
    shown,
)

_PARAGRAPH_END = re.compile(r"\n\s*\n")
_PYTHON_TYPE: dict[str, type] = {"integer": int, "number": float, "boolean": bool, "string": str}


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

    Both are empty for a script that does not use the contract: a helper module, or a script with its own
    argparse and a hand-written component.
    """
    script = read_script(path)
    if script.tree is None:
        return None, [script.problem] if script.problem else []
    names = ScriptNames(script.tree)
    if not names.uses_contract:
        return None, []
    return _Reader(script, names).read()


class _Reader:
    """Reads one script, and collects all its problems."""

    def __init__(self, script: Script, names: ScriptNames) -> None:
        self.script = script
        self.names = names
        self.hints = HintReader(names)
        self.problems: list[Problem] = []

    def read(self) -> tuple[StepSignature | None, list[Problem]]:
        try:
            function = self._step_function()
        except Unreadable as error:
            self._report(error)
            return None, self.problems
        parameters = self._parameters(function)
        if self.problems:
            return None, self.problems
        # Not cleaned, because that would import inspect (10 ms).
        docstring = ast.get_docstring(function, clean=False) or ""
        description = " ".join(_PARAGRAPH_END.split(docstring.strip())[0].split())
        return StepSignature(self.script.path, function.name, description, parameters), []

    def _report(self, error: Unreadable) -> None:
        at = position(self.script, error.node)
        self.problems.append(Problem(at, error.code, error.what, error.fix))

    def _step_function(self) -> ast.FunctionDef:
        calls = [
            node
            for node in self.script.nodes
            if isinstance(node, ast.Call) and self.names.contract_name(node.func) == "run"
        ]
        if not calls:
            assert self.names.first_import is not None
            raise Unreadable(
                self.names.first_import,
                "MR302",
                "This script imports the step contract but never calls run(...), so it is not a step.",
                'End it with `if __name__ == "__main__": run(your_function)`. '
                "A helper module takes pathlib.Path and does not import step_io.",
            )
        names = [self._function_name(call) for call in calls]
        if len(set(names)) > 1:
            raise Unreadable(
                calls[1],
                "MR303",
                f"This script passes several functions to run: {', '.join(dict.fromkeys(names))}.",
                "One script is one step: move each function to its own script.",
            )
        found = self.names.functions.get(names[0], [])
        if not found:
            raise Unreadable(
                calls[0],
                "MR303",
                f"run({names[0]}) does not name a function defined at the top level of this script.",
                "Define the function in this script, with its signature written out.",
            )
        if len(found) > 1:
            raise Unreadable(
                found[1],
                "MR303",
                f"The function {names[0]} is defined twice, first in line {found[0].lineno}.",
                "Keep one of them.",
            )
        if isinstance(found[0], ast.AsyncFunctionDef):
            raise Unreadable(
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
        raise Unreadable(
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
                    Unreadable(
                        starred,
                        "MR304",
                        f"{stars}{starred.arg} has no fixed names, but Azure ML names every input.",
                        "Write each input as a separate parameter.",
                    )
                )
        for argument in arguments.posonlyargs:
            self._report(
                Unreadable(
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
            except Unreadable as error:
                self._report(error)
        self._check_names(parameters)
        return tuple(parameters)

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> Parameter:
        name = argument.arg
        if argument.annotation is None:
            raise Unreadable(
                argument,
                "MR305",
                f"The parameter {name} has no type hint.",
                f"Write {name}: InputFolder, InputFile, InputModel, OutputFolder, OutputFile, OutputModel, "
                "int, float, bool, str, a Literal or an Enum.",
            )
        kind = self.hints.kind(argument.annotation)
        if kind.direction == "output" and (kind.optional or default is not None):
            raise Unreadable(
                argument,
                "MR307",
                f"The output {name} has a default or may be None, but Azure ML writes every output.",
                f"Write {name} without them, before the parameters that have a default.",
            )
        if kind.optional and default is None:
            raise Unreadable(
                argument,
                "MR307",
                f"The input {name} may be None but has no default, so the command line would require it.",
                f"Write `{name}: {shown(argument.annotation)} = None`.",
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

    # ---- defaults ----

    def _default(self, name: str, kind: Kind, argument: ast.arg, default: ast.expr) -> Value | None:
        if isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            raise Unreadable(
                default,
                "MR307",
                f"The default of {name} is mutable; Azure ML has no such type.",
                "Use a plain value; pass more than one value as a string or in an InputFile.",
            )
        if is_none(default):
            if not kind.optional:
                raise Unreadable(
                    default,
                    "MR307",
                    f"The default of {name} is None, which its type does not allow.",
                    f"Write `{name}: {shown(argument.annotation or default)} | None = None`.",
                )
            return None
        if kind.type not in _PYTHON_TYPE:
            raise Unreadable(
                default,
                "MR307",
                f"The default of {name} is a path on one machine.",
                f"Remove it, or write `{name}: … | None = None`; pipeline.yml sets where data comes from.",
            )
        return self._checked(name, kind, default, self._value(kind, default))

    def _value(self, kind: Kind, node: ast.expr, depth: int = 0) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
            case ast.Name(id=name) if name in self.names.assigned and depth < 8:
                return self._value(kind, self.names.assigned[name], depth + 1)
            case ast.Attribute(value=ast.Name(id=owner), attr=member) if owner == kind.members:
                members = self.names.enum_members(owner) or {}
                if member in members:
                    return members[member]
        raise Unreadable(
            node,
            "MR307",
            f"The default {shown(node)} cannot be read without running the script.",
            "Write the value itself.",
        )

    def _checked(self, name: str, kind: Kind, node: ast.expr, value: object) -> Value:
        if kind.enum:
            return self._chosen(name, kind, node, value)
        expected = _PYTHON_TYPE[kind.type]
        if expected is float and type(value) is int:
            value = float(value)
        if type(value) is not expected or not isinstance(value, str | int | float):
            raise Unreadable(
                node,
                "MR307",
                f"The default of {name} is {shown(node)}, but its type is {kind.type}.",
                "Make the two agree.",
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise Unreadable(
                node,
                "MR307",
                f"The default of {name} is not a finite number.",
                "Use `float | None = None` instead.",
            )
        return value

    @staticmethod
    def _chosen(name: str, kind: Kind, node: ast.expr, value: object) -> str:
        if kind.members is not None and not isinstance(node, ast.Attribute | ast.Name):
            raise Unreadable(
                node,
                "MR307",
                f"The default of {name} is {shown(node)}, which is not a member of {kind.members}.",
                f"Write the member, as in {kind.members}.name.",
            )
        if not any(type(value) is type(choice) and value == choice for choice in kind.enum):
            raise Unreadable(
                node,
                "MR307",
                f"The default of {name} is {value!r}, which is not one of its choices.",
                f"Choose one of {some([*map(repr, kind.enum)], 20)}.",
            )
        return str(value)

    # ---- names ----

    def _check_names(self, parameters: list[Parameter]) -> None:
        seen: dict[str, Parameter] = {}
        for parameter in parameters:
            name = parameter.name
            if name.lower() == "help" or name.startswith("_") or name.endswith("_"):
                self._name_problem(parameter, f"The name {name} cannot be an option of a command line.")
            elif not name.isascii():
                self._name_problem(
                    parameter, f"Azure ML accepts only ASCII letters, digits and _, not {name}."
                )
            elif other := seen.get(name.lower()):
                self._name_problem(parameter, f"{name} and {other.name} differ only in case.")
            seen.setdefault(name.lower(), parameter)

    def _name_problem(self, parameter: Parameter, what: str) -> None:
        self.problems.append(Problem(parameter.at, "MR308", what, "Choose another name."))
