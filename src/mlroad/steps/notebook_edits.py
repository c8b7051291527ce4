"""Changes to the code of a notebook before it becomes steps: files become parameters, metrics get names."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from mlroad.steps.literal_paths import full_name, path_arguments
from mlroad.steps.notebook_cells import Cell, root_name
from mlroad.steps.scripts import imported_names

_MAKES_PATH = re.compile(r"pathlib\.(Pure)?Path|os\.path\.\w+|sys\.path\.\w+|os\.(chdir|makedirs|mkdir)")
_METRIC = re.compile(r"\w+_(score|error|loss)|auc")
_SCOPES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.FunctionDef,
           ast.AsyncFunctionDef, ast.ClassDef)  # fmt: skip
# Calls that give one number: of anything, and of numbers.
_REDUCES = re.compile(r"(.+\.)?(f?mean|median|average|std|var|sum)|(\?|numpy)\.(max|min)|float|int|len")
_KEEPS = re.compile(r"round|abs|min|max|(numpy|math)\.(round|around|abs|sqrt|exp|log|log10)")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that the notebook reads or writes, and the parameter that takes its place."""

    parameter: str
    path: str
    """As the notebook writes it, without a beginning that only a run knows."""
    written: bool
    cell: int


@dataclass(slots=True)
class Edits:
    """What `edit` did."""

    files: list[DataFile]
    freed: set[str]
    """Names that the replaced paths used."""
    metrics: list[str]
    """Names that hold a metric, in the cells of evaluate."""


def edit(cells: list[Cell]) -> Edits:
    """Replace the paths in calls that read or write files by parameters, and give each metric a name."""
    trees = {cell.number: tree for cell in cells if (tree := parsed(cell.source))}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    imports = imported_names(nodes)
    done = Edits([], set(), [])
    values = _assigned_values(nodes)
    for cell in cells:
        if tree := trees.get(cell.number):
            _replace_paths(cell, tree, imports, values, done)
    taken = {node.id for node in nodes if isinstance(node, ast.Name)} | imports.keys()
    for cell in cells:
        if cell.step == "evaluate" and (tree := parsed(cell.source)):
            _name_metrics(cell, tree, _Numbers(imports, values, done.metrics), taken, done)
    return done


def parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _replace_paths(
    cell: Cell, tree: ast.Module, imports: dict[str, str], values: dict[str, ast.expr], done: Edits
) -> None:
    patches = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or _MAKES_PATH.fullmatch(full_name(call.func, imports)):
            continue
        for argument, any_word, written in path_arguments(call, imports):
            path = _path(argument, values)
            if not path or not (any_word or re.search(r"[/\\.]", path)):
                continue
            same = next((it for it in done.files if (it.path, it.written) == (path, written)), None)
            file = same or DataFile(_parameter(path, done.files), path, written, cell.number)
            if same is None:
                done.files.append(file)
            done.freed |= {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
            patches.append((argument, file.parameter))
    cell.source = patched(cell.source, patches)


def _path(node: ast.expr, values: dict[str, ast.expr], depth: int = 0) -> str:
    """The path that an expression gives, as far as it is written down; empty if nothing of it is."""
    if depth > 8:
        return ""
    match node:
        case ast.Constant(value=str() as text):
            return text.replace("\\", "/")
        case ast.Name(id=name) if name in values:
            return _path(values[name], values, depth + 1)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            end = _path(right, values, depth + 1)
            begin = _path(left, values, depth + 1)
            return (f"{begin}/{end}" if begin else end) if end else ""
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            begin, end = _path(left, values, depth + 1), _path(right, values, depth + 1)
            return begin + end if end else ""
        case ast.JoinedStr(values=parts):
            texts = [
                str(part.value) if isinstance(part, ast.Constant)
                else _path(part.value, values, depth + 1) if isinstance(part, ast.FormattedValue) else ""
                for part in parts
            ]  # fmt: skip
            return "".join(texts).lstrip("/") if texts[-1] else ""
        case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path"), args=[*parts]) if parts:
            return "/".join(filter(None, (_path(part, values, depth + 1) for part in parts)))
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Attribute(attr="path")), args=[*parts]):
            return "/".join(filter(None, (_path(part, values, depth + 1) for part in parts)))
    return ""


def _parameter(path: str, files: list[DataFile]) -> str:
    name = re.sub(r"\W+", "_", PurePosixPath(path).name.partition(".")[0]).strip("_").lower()
    name = f"{name}_file" if name and name[0].isalpha() and name.isascii() else "data_file"
    taken = {file.parameter for file in files}
    return next(it for it in (name, *(f"{name}_{n}" for n in range(2, 1000))) if it not in taken)


def _assigned_values(nodes: list[ast.AST]) -> dict[str, ast.expr]:
    """The values of names that are assigned once in the notebook."""
    stores = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {
        node.targets[0].id: node.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and stores.count(node.targets[0].id) == 1
    }  # fmt: skip


def _name_metrics(cell: Cell, tree: ast.Module, numbers: "_Numbers", taken: set[str], done: Edits) -> None:
    """``print(mean_absolute_error(y, p))`` becomes an assignment, and ``print`` of the assigned name."""
    patches: list[tuple[ast.AST, str]] = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if numbers.is_metric(value):
                done.metrics.append(name)
            case ast.Expr():
                text = ast.get_source_segment(cell.source, statement) or ""
                named = [(call, _metric_name(call, taken)) for call in numbers.metrics(ast.parse(text))]
                done.metrics += [name for _, name in named]
                before = [f"{name} = {ast.get_source_segment(text, call)}\n" for call, name in named]
                if named:
                    patches.append((statement, "".join(before) + patched(text, named)))
            case ast.AugAssign():
                pass  # a number stays one
            case _:
                names = (it for it in _outside_of_scopes(statement) if isinstance(it, ast.Name))
                bound = {it.id for it in names if isinstance(it.ctx, ast.Store)}
                done.metrics[:] = [name for name in done.metrics if name not in bound]
    cell.source = patched(cell.source, patches)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Which expressions are one number, and which of them are metrics."""

    imports: dict[str, str]
    values: dict[str, ast.expr]
    """The values of names that are assigned once in the notebook."""
    known: list[str]
    """The names of metrics so far."""

    def metrics(self, node: ast.AST) -> Iterator[ast.Call]:
        """The calls in ``node`` that give one metric, outside of comprehensions and functions."""
        for call in _outside_of_scopes(node):
            if isinstance(call, ast.Call) and self._gives_metric(call):
                yield call

    def is_metric(self, node: ast.expr) -> bool:
        """Whether the value is one number, and made with a metric."""
        return self._is_number(node) and any(map(self._uses_metric, ast.walk(node)))

    def _uses_metric(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.known
        return isinstance(node, ast.Call) and self._gives_metric(node)

    def _gives_metric(self, call: ast.Call) -> bool:
        name = full_name(call.func, self.imports)
        last = name.rpartition(".")[2]
        of_sklearn = name.startswith("sklearn.metrics") and _METRIC.fullmatch(last)
        of_model = name.startswith("?.") and last == "score"
        return bool(of_sklearn or of_model) and not any(map(_asks_for_array, call.keywords))

    def _is_number(self, node: ast.expr, depth: int = 0) -> bool:
        def are(*nodes: ast.expr) -> bool:
            return all(self._is_number(it, depth) for it in nodes)

        match node:
            case ast.Constant(value=int() | float()):
                return True
            case ast.Name(id=name) if name in self.known:
                return True
            case ast.Name(id=name) if name in self.values and depth < 8:
                return self._is_number(self.values[name], depth + 1)
            case ast.BinOp(left=left, right=right):
                return are(left, right)
            case ast.UnaryOp(operand=operand):
                return are(operand)
            case ast.Call(func=ast.Attribute(value=owner, attr="round" | "item")) if are(owner):
                return True
            case ast.Call(func=function, args=arguments, keywords=keywords):
                name = full_name(function, self.imports)
                reduces = _REDUCES.fullmatch(name) and not any(it.arg == "axis" for it in keywords)
                of_call = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call)
                keeps = _KEEPS.fullmatch(name) and are(*arguments)
                return bool(reduces and not of_call) or bool(keeps) or self._gives_metric(node)
        return False


def _outside_of_scopes(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and what is in it, without comprehensions and functions, which have names of their own."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _SCOPES):
            yield from _outside_of_scopes(child)


def _asks_for_array(keyword: ast.keyword) -> bool:
    """``average=None`` gives a number for each class, ``multioutput="raw_values"`` one for each output."""
    match keyword:
        case ast.keyword(arg="average", value=ast.Constant(value=None)):
            return True
        case ast.keyword(arg="multioutput", value=ast.Constant(value="raw_values")):
            return True
    return False


def _metric_name(call: ast.Call, taken: set[str]) -> str:
    last = call.func.attr if isinstance(call.func, ast.Attribute) else root_name(call.func)
    name = last.removesuffix("_score")
    found = next(
        it for it in (name, f"{name}_value", *(f"{name}_{n}" for n in range(2, 99))) if it not in taken
    )
    taken.add(found)
    return found


def patched(source: str, patches: Iterable[tuple[ast.AST, str]]) -> str:
    """``source`` with each node replaced by a text."""
    text = source.encode()
    begins = [0]
    for line in text.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    places = {
        (begins[node.lineno - 1] + node.col_offset, begins[node.end_lineno - 1] + node.end_col_offset, new)  # type: ignore[attr-defined]
        for node, new in patches
    }
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new.encode() + text[end:]
    return text.decode()
