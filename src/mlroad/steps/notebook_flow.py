"""Which statement of a notebook belongs to which step, and which values one step hands to the next.

Nothing is run: the names that statements use and bind decide. A statement without a tag comes into the
earliest step that needs what it makes; functions, classes and imports are there for every step.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mlroad.steps.notebook_cells import STEPS, Statement

_GIVEN = {*dir(builtins), "__name__", "__file__"}


@dataclass(slots=True)
class Flow:
    """The statements of each step, and what passes between them."""

    steps: dict[str, list[Statement]]
    imports: list[Statement]
    definitions: list[Statement]
    """Functions, classes, and the constants that they use."""
    settings: dict[str, Statement]
    """Names that are bound once, to a number or a text: parameters of the steps."""
    needs: dict[str, set[str]] = field(default_factory=dict)
    """The names that each step needs from outside: settings, and values of earlier steps."""
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each step, the values that it gets, with the step that each comes from."""
    unknown: list[tuple[str, str]] = field(default_factory=list)
    """Steps and the names that they use, and that nothing before them makes."""


def follow(statements: list[Statement], files: Iterable[str], freed: set[str]) -> Flow:
    """The flow of a notebook. ``files`` are parameters for files; what only made ``freed`` names goes."""
    live = _without_unused(statements, freed)
    imports = [it for it in live if it.is_import]
    definitions = [it for it in live if it.is_definition]
    rest = [it for it in live if not it.is_import and not it.is_definition and not it.only_shows]
    by_functions = _all_uses(definitions)
    settings = _settings(rest, files)
    constants = [statement for name, statement in settings.items() if name in by_functions]
    settings = {name: it for name, it in settings.items() if it not in constants}
    rest = [it for it in rest if it not in constants and it not in settings.values()]
    library = {*_GIVEN, *files, *(name for it in [*imports, *definitions, *constants] for name in it.binds)}
    _pull(rest, library)
    steps = {step: [it for it in rest if it.step == step] for step in STEPS}
    steps = {step: its for step, its in steps.items() if its}
    flow = Flow(steps, imports, [*constants, *definitions], settings)
    for step, its in flow.steps.items():
        flow.needs[step] = _free_names(its) - library
        flow.given[step] = {}
        for name in sorted(flow.needs[step] - settings.keys()):
            makers = [
                other
                for other in STEPS[: STEPS.index(step)]
                if any(name in it.binds | it.changes for it in flow.steps.get(other, ()))
            ]
            if makers:
                flow.given[step][name] = makers[-1]
            else:
                flow.unknown.append((step, name))
    flow.unknown += [("definitions", name) for name in sorted(by_functions - library - _local(definitions))]
    return flow


def literal(node: ast.expr | None) -> str | int | float | bool | None:
    """The value of a plain literal, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = literal(node.operand)
        return -value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool):
        return node.value
    return None


def assigned(statement: Statement) -> tuple[str, ast.expr] | None:
    """The name and the value of a plain assignment."""
    match statement.node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    return None


def _without_unused(statements: list[Statement], freed: set[str]) -> list[Statement]:
    """The statements without those that only made names for paths, which are parameters now."""
    live = list(statements)
    while True:
        used = {name for it in live for name in it.uses}
        unused = [it for it in live if it.binds and not it.is_import and it.binds <= freed - used]
        if not unused:
            return live
        freed = freed.union(*(it.uses for it in unused))
        live = [it for it in live if it not in unused]


def _settings(statements: list[Statement], files: Iterable[str]) -> dict[str, Statement]:
    times = Counter(name for it in statements for name in [*it.binds, *it.changes])
    found: dict[str, Statement] = {}
    for statement in statements:
        pair = assigned(statement)
        value = literal(pair[1]) if pair else None
        short = not isinstance(value, str) or (len(value) < 60 and value.isprintable())
        if pair and value is not None and short and times[pair[0]] == 1 and _can_be_a_parameter(pair[0]):
            found[pair[0]] = statement
    # Azure ML ignores upper and lower case, so names that differ only in case stay in the code.
    alike = Counter(name.lower() for name in [*found, *files])
    return {name: it for name, it in found.items() if alike[name.lower()] == 1}


def _can_be_a_parameter(name: str) -> bool:
    reserved = name in {"model", "metrics", "prepared", "trained", *STEPS}
    is_option = name.lower() != "help" and not name.startswith("_") and not name.endswith("_")
    return name.isascii() and not reserved and is_option


def _pull(statements: list[Statement], library: set[str]) -> None:
    """Give the statements without a tag to the steps that need what they make."""
    needed: dict[str, set[str]] = {}
    for statement in reversed(statements):
        made = (statement.binds | statement.changes) & needed.keys()
        if not statement.step and made:
            statement.step = min({step for name in made for step in needed[name]}, key=STEPS.index)
            statement.pulled = True
        if not statement.step:
            continue
        pair = assigned(statement)
        if pair and pair[0] not in statement.uses:
            needed.pop(pair[0], None)  # what came before it does not matter
        for name in (statement.uses | statement.changes) - library:
            needed.setdefault(name, set()).add(statement.step)


def _free_names(statements: list[Statement]) -> set[str]:
    free: set[str] = set()
    bound: set[str] = set()
    for statement in statements:
        # In a loop, a name may be bound after the place that uses it.
        own = set() if isinstance(statement.node, ast.Assign | ast.AugAssign) else statement.binds
        free |= (statement.uses | statement.changes) - bound - own
        bound |= statement.binds
    return free


def _all_uses(statements: Iterable[Statement]) -> set[str]:
    return {name for it in statements for name in it.uses}


def _local(definitions: list[Statement]) -> set[str]:
    return {name for it in definitions for name in it.binds}
