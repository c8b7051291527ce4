"""Finds the literal paths and URLs of one script by walking its syntax tree once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mlroad.steps.paths.calls import JOINS, KEYWORDS, is_harmless, path_positions, takes_any_text, writes
from mlroad.steps.paths.scopes import Scope, function_scope, module_scope
from mlroad.steps.paths.texts import HOLE, Text, holes, spelled

_ARTIFACT_CALLS = ("mlflow.log_artifact", "mlflow.log_artifacts")
_HARMLESS_KEYWORDS = ("artifact_path", "artifact_file", "help", "description")
_MAX_STEPS_BACK = 6


@dataclass(frozen=True, slots=True)
class Found:
    """A literal path or URL. ``written`` says that the step makes something there."""

    text: Text
    written: bool


def find_paths(tree: ast.Module, nodes: Iterable[ast.AST], imports: dict[str, str]) -> list[Found]:
    """The literal paths and URLs of a script: its tree, all nodes of it, and its imports' full names."""
    finder = _Finder(tree, nodes, imports)
    for statement in tree.body:
        finder.visit(statement)
    return list(finder.found.values())


class _Finder:
    def __init__(self, tree: ast.Module, nodes: Iterable[ast.AST], imports: dict[str, str]) -> None:
        self.imports = imports
        self.found: dict[tuple[int, int], Found] = {}
        self.scopes: list[Scope] = [module_scope(tree)]
        self.joined_names = _joined_names(nodes)
        self.visitors: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Constant: self._constant,
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._assign,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._function,
            ast.Call: self._call,
            ast.BinOp: self._operation,
            ast.JoinedStr: self._composed,
            ast.Subscript: self._subscript,
            ast.Dict: self._dict,
            ast.Compare: self._compare,
            ast.Name: self._nothing,
            ast.Import: self._nothing,
            ast.ImportFrom: self._nothing,
        }

    def visit(self, node: ast.AST) -> None:
        visitor = self.visitors.get(type(node))
        if visitor is not None:
            visitor(node)
            return
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _visit_all_but_texts(self, nodes: Iterable[ast.AST]) -> None:
        """Column names, patterns and their like: what is computed in between is looked at all the same."""
        for node in nodes:
            if isinstance(node, ast.List | ast.Tuple):
                self._visit_all_but_texts(node.elts)
            elif isinstance(node, ast.JoinedStr) or (
                isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod)
            ):
                self._visit_all(holes(node))
            elif not isinstance(node, ast.Constant):
                self.visit(node)

    # ---- one method for each kind of node that matters ----

    def _nothing(self, node: ast.AST) -> None:
        pass

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._report_unmistakable(Text(node.value, node))

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)

    def _assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        if node.value is None:
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if not self._is_for_joining(names, node.value):
            self.visit(node.value)
        self._visit_all(target for target in targets if not isinstance(target, ast.Name))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        scope = function_scope(node)
        for name, values in scope.values.items():
            default = values[0][1] if values[0][0] == 0 else None
            if default is not None and not self._is_for_joining({name}, default):
                self.visit(default)
        self.scopes.append(scope)
        if isinstance(node, ast.Lambda):
            self.visit(node.body)
        else:
            self._visit_all((*node.decorator_list, *node.body))
        self.scopes.pop()

    def _operation(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div):
            self.visit(node.left)
            self._joined([node.right])
        elif isinstance(node.op, ast.Add | ast.Mod):
            self._composed(node)
        else:
            self._visit_all((node.left, node.right))

    def _composed(self, node: ast.expr) -> None:
        """An f-string, a sum or a `%`: only its beginning tells where it leads."""
        text = spelled(node)
        if text is not None:
            self._report_unmistakable(text)
        self._visit_all(holes(node))

    def _joined(self, parts: Iterable[ast.expr]) -> None:
        """Parts that are joined to a folder: relative ones lead into it, absolute ones and `..` out of it."""
        for part in parts:
            text = self._resolve(part)
            if text is not None and text.leaves_its_folder:
                self._report(text, written=False)
            # In `folder / Path("a.csv")` the path is as relative as the text would be.
            inner = part.args if isinstance(part, ast.Call) and self._is_path(part) else [part]
            self._visit_all_but_texts(inner)

    def _subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        self._visit_all_but_texts([node.slice])

    def _dict(self, node: ast.Dict) -> None:
        self._visit_all(node.values)

    def _compare(self, node: ast.Compare) -> None:
        self._visit_all_but_texts((node.left, *node.comparators))

    # ---- calls ----

    def _call(self, node: ast.Call) -> None:
        dotted = full_name(node.func, self.imports, set(self.scopes[0].values))
        last = dotted.rpartition(".")[2]
        if isinstance(node.func, ast.Attribute):
            self._visit_all_but_texts([node.func.value])
        positions = path_positions(dotted, last)
        if positions is None and last in JOINS:
            self._joined(node.args)
            return
        if positions is None:
            text = spelled(node)  # "...{}".format(x)
            if text is not None:
                self._report_unmistakable(text)
        others: list[ast.expr] = []
        for number, argument in enumerate(node.args):
            if positions is not None and number in positions:
                self._path_argument(node, argument, dotted)
            else:
                others.append(argument)
        quiet = is_harmless(last) if positions is None else dotted in _ARTIFACT_CALLS
        if dotted == "os.path.join":
            self._joined(others)
        else:
            self._other_arguments(others, quiet=quiet)
        for keyword in node.keywords:
            if positions is not None and keyword.arg in KEYWORDS:
                self._path_argument(node, keyword.value, dotted)
            else:
                self._other_arguments([keyword.value], quiet=quiet or keyword.arg in _HARMLESS_KEYWORDS)

    def _other_arguments(self, arguments: list[ast.expr], *, quiet: bool) -> None:
        if quiet:
            self._visit_all_but_texts(arguments)
        else:
            self._visit_all(arguments)

    def _path_argument(self, call: ast.Call, argument: ast.expr, dotted: str) -> None:
        self.visit(argument)
        text = self._resolve(argument)
        if text is None or text.is_no_path or not (takes_any_text(dotted) or text.is_more_than_a_word):
            return
        self._report(text, written=writes(call, dotted.rpartition(".")[2]))

    def _is_path(self, node: ast.Call) -> bool:
        return full_name(node.func, self.imports, set()).startswith("pathlib.")

    # ---- what an expression stands for ----

    def _resolve(self, node: ast.expr, depth: int = 0) -> Text | None:
        """The text of an expression that begins with a literal, found through names and around calls."""
        if depth > _MAX_STEPS_BACK:
            return None
        text = spelled(node)
        if text is not None:
            return text
        if isinstance(node, ast.Name):
            value = self._value(node)
            return None if value is None else self._resolve(value, depth + 1)
        for source in _sources(node, self.imports):
            text = self._resolve(source, depth + 1)
            if text is not None:
                return text if _is_choice(node) else Text(text.value + HOLE, text.node)
        return None

    def _value(self, node: ast.Name) -> ast.expr | None:
        for scope in reversed(self.scopes):
            if node.id in scope.values:
                return scope.value_at(node.id, node.lineno)
        return None

    def _is_for_joining(self, names: set[str], value: ast.expr) -> bool:
        """Whether a relative path is given to a name that the script joins to folders."""
        text = spelled(value)
        return text is not None and text.is_merely_relative and not names.isdisjoint(self.joined_names)

    def _report_unmistakable(self, text: Text) -> None:
        if text.is_unmistakable:
            self._report(text, written=False)

    def _report(self, text: Text, *, written: bool) -> None:
        key = (text.node.lineno, text.node.col_offset)
        known = self.found.get(key)
        if known is None or (written and not known.written):
            self.found[key] = Found(text, written)


def full_name(node: ast.expr, imports: dict[str, str], own_names: set[str]) -> str:
    """The full name of a function: `pandas.read_csv` for `pd.read_csv`; an unknown receiver becomes `?`."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        names.append("?")
    elif node.id in imports:
        names.append(imports[node.id])
    else:
        builtin = not names and node.id in ("open", "print") and node.id not in own_names
        names.append(node.id if builtin else "?")
    return ".".join(reversed(names))


def _is_choice(node: ast.expr) -> bool:
    """Whether one of the sources of ``node`` is its whole value, rather than its beginning."""
    return isinstance(node, ast.IfExp | ast.BoolOp | ast.NamedExpr)


def _sources(node: ast.expr, imports: dict[str, str]) -> list[ast.expr]:
    """The expressions that may give ``node`` its beginning."""
    match node:
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
            return [first]
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            return [left]
        case ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.BoolOp(values=values):
            return values
        case ast.NamedExpr(value=value):
            return [value]
        case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
            return [first]
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[parts]):
            return [parts]
        case ast.Call(func=ast.Attribute(value=receiver, attr="format" | "strip" | "rstrip" | "lower")):
            return [receiver]
        case ast.Call(func=function, args=[_, default]):
            if full_name(function, imports, set()) in ("os.environ.get", "os.getenv"):
                return [default]
    return []


def _joined_names(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that stand where something is joined to a folder, as NAME in `folder / NAME`."""
    names: set[str] = set()
    for node in nodes:
        match node:
            case ast.BinOp(op=ast.Div(), right=ast.Name(id=name)):
                names.add(name)
            case ast.Call(func=ast.Attribute(attr=attr), args=args) if attr in JOINS or attr == "join":
                names.update(arg.id for arg in args if isinstance(arg, ast.Name))
            case ast.JoinedStr(values=[_, *rest]):
                parts = (part.value for part in rest if isinstance(part, ast.FormattedValue))
                names.update(part.id for part in parts if isinstance(part, ast.Name))
    return names
