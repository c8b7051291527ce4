"""What the names of one scope were given, in the order of the text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Scope:
    """The names that a module or a function binds, each with the values it is given and the lines of that."""

    values: dict[str, list[tuple[int, ast.expr | None]]] = field(default_factory=dict)

    def bind(self, name: str, line: int, value: ast.expr | None) -> None:
        self.values.setdefault(name, []).append((line, value))

    def value_at(self, name: str, line: int) -> ast.expr | None:
        """What ``name`` was last given up to ``line``; None if that cannot be read."""
        before = [value for where, value in self.values[name] if where <= line]
        return before[-1] if before else self.values[name][0][1]


def module_scope(tree: ast.Module) -> Scope:
    """The names of a script's top level."""
    return _bound(tree.body)


def function_scope(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Scope:
    """The parameters, each with its default (all that the script tells of it), and the local names."""
    scope = Scope()
    for name, default in parameters(node.args):
        scope.bind(name, 0, default)
    if not isinstance(node, ast.Lambda):
        for name, values in _bound(node.body).values.items():
            scope.values.setdefault(name, []).extend(values)
    return scope


def parameters(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr | None]]:
    """Each parameter with its default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    required = len(plain) - len(arguments.defaults)
    for number, argument in enumerate(plain):
        yield argument.arg, arguments.defaults[number - required] if number >= required else None
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument.arg, default
    for starred in (arguments.vararg, arguments.kwarg):
        if starred is not None:
            yield starred.arg, None


def _bound(body: Iterable[ast.stmt]) -> Scope:
    """What statements assign; functions and classes among them have scopes of their own."""
    scope = Scope()
    stack: list[ast.AST] = list(body)
    stack.reverse()
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                scope.bind(name, node.lineno, None)
                continue
            case ast.expr():
                continue
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _bind(scope, target, node.lineno, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _bind(scope, target, node.lineno, value)
            case ast.For(target=target, iter=iterated):
                # The first of several literals stands for all of them.
                first = (
                    iterated.elts[0] if isinstance(iterated, ast.List | ast.Tuple) and iterated.elts else None
                )
                _bind(scope, target, node.lineno, first)
            case ast.withitem(optional_vars=ast.expr() as target):
                _bind(scope, target, target.lineno, None)
        stack.extend(reversed(list(ast.iter_child_nodes(node))))
    return scope


def _bind(scope: Scope, target: ast.expr, line: int, value: ast.expr | None) -> None:
    match target:
        case ast.Name(id=name):
            scope.bind(name, line, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            given: list[ast.expr | None] = [None] * len(targets)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
                given = list(value.elts)
            for inner, one in zip(targets, given, strict=True):
                _bind(scope, inner, line, one)
