"""What evaluation.py says about the team's own metrics, read from its syntax: nothing of it is run here."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean
from mlroad.models.metric_names import Metric, metric_of

FILE = "evaluation.py"
Form = Literal["rows", "sample", "scorer"]
_NEEDED = {"metric": {"direction"}, "scorer": {"direction", "calls", "seconds"}}
_OPTIONAL = {"metric": {"unit", "rows", "low", "high"}, "scorer": {"unit", "low", "high"}}


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A metric of evaluation.py."""

    name: str
    form: Form
    metric: Metric
    calls: int = 0
    seconds: float = 0.0


def read_own_metrics(model_folder: Path) -> dict[str, OwnMetric]:
    """The metrics of a model's evaluation.py by name; none without the file. Raises UserError."""
    file = model_folder / FILE
    if not file.is_file():
        return {}
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        at = Position(file, getattr(error, "lineno", None) or 1)
        what = f"The file is not valid Python: {getattr(error, 'msg', error)}."
        raise UserError(Problem(at, "MR704", what, "Fix the syntax.")) from None
    found: dict[str, OwnMetric] = {}
    problems: list[Problem] = []
    for function in tree.body:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for kind, decorator in _decorators(function):
                wrong = list(_wrong(file, function, kind, decorator, found))
                problems += wrong
                if not wrong and isinstance(decorator, ast.Call):
                    found[function.name] = _own(function.name, kind, _arguments(decorator))
    if problems:
        raise UserError(problems)
    return found


def _decorators(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in _NEEDED:
            yield name, decorator


def _wrong(
    file: Path,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    kind: str,
    decorator: ast.expr,
    found: dict[str, OwnMetric],
) -> Iterator[Problem]:
    def problem(what: str, fix: str) -> Problem:
        return Problem(Position(file, decorator.lineno), "MR704", f"{function.name}: {what}", fix)

    if not isinstance(decorator, ast.Call):
        yield problem(f"@{kind} has no arguments.", f'Write @{kind}(direction="lower") or "higher".')
        return
    if function.name in found or metric_of(function.name):
        yield problem("there is a metric of this name already.", "Choose another name.")
    given = function.args.args
    if isinstance(function, ast.AsyncFunctionDef) or len(given) not in (2, 3):
        need = "one truth and one answer" if kind == "scorer" else "truth and answers"
        fix = "Give it two parameters; a third one gets the other columns."
        yield problem(f"it is not a function of {need}.", fix)
    if any(argument.annotation is None for argument in given) or function.returns is None:
        fix = "Write, for example, `truth: np.ndarray`."
        yield problem("its parameters or its result have no type.", fix)
    for what, fix in _wrong_arguments(kind, decorator):
        yield problem(what, fix)


def _wrong_arguments(kind: str, decorator: ast.Call) -> Iterator[tuple[str, str]]:
    known = _NEEDED[kind] | _OPTIONAL[kind]
    try:
        given = _arguments(decorator)
    except ValueError:
        yield "an argument of the decorator is not a plain value.", "Write the value itself."
        return
    for name in sorted(given.keys() - known):
        yield f"@{kind} has no argument {name}.", did_you_mean(name, known, f"Remove {name}.")
    for name in sorted(_NEEDED[kind] - given.keys()):
        yield f"@{kind} needs {name}.", f"Add {name}=…."
    if given.get("direction", "lower") not in ("lower", "higher"):
        yield f"direction is {given['direction']!r}.", 'Write "lower" or "higher".'
    if not isinstance(given.get("rows", True), bool) or not isinstance(given.get("unit", ""), str):
        yield "rows is not True or False, or unit is not a text.", "Correct the value."
    for name in ("low", "high", "calls", "seconds"):
        value = given.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            yield f"{name} is {value!r}.", "Write a number."


def _arguments(decorator: ast.Call) -> dict[str, Any]:
    """Raises ValueError if one of them is not a plain value."""
    if decorator.args or any(given.arg is None for given in decorator.keywords):
        raise ValueError
    return {str(given.arg): ast.literal_eval(given.value) for given in decorator.keywords}


def _own(name: str, kind: str, given: dict[str, Any]) -> OwnMetric:
    low, high = given.get("low"), given.get("high")
    metric = Metric(
        given["direction"],
        "value",
        -math.inf if low is None else float(low),
        math.inf if high is None else float(high),
        unit=given.get("unit", ""),
    )
    if kind == "scorer":
        return OwnMetric(name, "scorer", metric, int(given["calls"]), float(given["seconds"]))
    return OwnMetric(name, "rows" if given.get("rows", True) else "sample", metric)
