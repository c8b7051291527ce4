"""The code of a notebook, statement by statement, with the names that each one uses and binds."""

import ast
import json
import re
import symtable
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError

STEPS = ("prep", "train", "evaluate")
"""The steps that cells can be tagged with, in their order."""
_MAGIC = re.compile(r"^[ \t]*(?:[%!].*|.*\w\?{1,2})$", re.MULTILINE)
_OTHER_LANGUAGE = re.compile(r"\s*%%(?!time|capture|timeit)\w+")
_IN_PLACE = re.compile(
    r"(partial_)?fit|append|extend|update|insert|add|pop|remove|sort|setdefault|clear|compile"
)
_DISPLAYS = re.compile(r"head|tail|describe|info|sample|show|value_counts|display|nunique|plot|hist")


@dataclass(slots=True)
class Cell:
    """A code cell. ``number`` counts all cells of the notebook from 1."""

    number: int
    source: str
    step: str = ""
    magics: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Statement:
    """One top-level statement of a cell."""

    cell: Cell
    node: ast.stmt
    start: int
    """Where its text begins in the cell's source (in bytes), with the comments before it."""
    end: int
    step: str = ""
    """The step that it belongs to, or nothing."""
    pulled: bool = False
    """Whether it came into its step because the step needs it, without a tag."""

    @cached_property
    def names(self) -> tuple[set[str], set[str]]:
        """The names from outside that the statement uses, and the names that it binds."""
        used: set[str] = set()
        table = symtable.symtable(ast.unparse(self.node), "cell", "exec")
        bound = {it.get_name() for it in table.get_symbols() if it.is_assigned() or it.is_imported()}
        used = {it.get_name() for it in table.get_symbols() if it.is_referenced()}
        for child in _nested(table):
            used |= {it.get_name() for it in child.get_symbols() if it.is_global() and it.is_referenced()}
        return used, bound

    @property
    def uses(self) -> set[str]:
        return self.names[0]

    @property
    def binds(self) -> set[str]:
        return self.names[1]

    @cached_property
    def changes(self) -> set[str]:
        """The names whose values it changes in place: ``x`` of ``x[0] = 1``, ``x.a = 1`` and ``x.fit(y)``."""
        found = set()
        for node in ast.walk(self.node):
            match node:
                case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    found.add(root_name(node))
                case ast.Call(func=ast.Attribute(attr=method, value=owner), keywords=keywords):
                    in_place = any(it.arg == "inplace" and _is_true(it.value) for it in keywords)
                    if in_place or _IN_PLACE.fullmatch(method):
                        found.add(root_name(owner))
        return found - {""}

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def only_shows(self) -> bool:
        """Whether it only shows something in the notebook: a name, ``df.head()``, ``plt.show()``."""
        if not isinstance(self.node, ast.Expr):
            return False
        match self.node.value:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                return bool(_DISPLAYS.fullmatch(name)) and not self.changes
            case ast.Call() | ast.Constant():
                return False
        return True


def root_name(node: ast.AST) -> str:
    """The name that an expression begins with: ``df`` of ``df.loc[0].x``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def read_cells(path: Path, ask: Callable[[Cell], str] | None = None) -> list[Cell]:
    """The code cells with their steps, from their tags or else from ``ask``. Raises UserError."""
    cells = list(_cells(path))
    if not any(cell.step for cell in cells) and ask is not None:
        for cell in cells:
            cell.step = ask(cell)
    if not any(cell.step == "train" for cell in cells):
        what = f"{path}: No cell has the tag train, so there is nothing to make a model from."
        how = (
            "Tag the cells that belong to a step with prep, train or evaluate (VS Code: `…` > Add Cell Tag; "
        )
        how += "Jupyter: the property inspector), or run this in a terminal, which asks for each cell."
        raise UserError(what, how)
    return cells


def read_statements(path: Path, cells: list[Cell]) -> list[Statement]:
    """The statements of all cells, in order. Raises UserError for a cell that is not Python."""
    return [statement for cell in cells for statement in _statements(path, cell)]


def _cells(path: Path) -> Iterator[Cell]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        found = [it for it in notebook["cells"] if it["cell_type"] in ("code", "markdown", "raw")]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Name a notebook (.ipynb).") from None
    except (ValueError, KeyError, TypeError):
        what = f"{path} is not a notebook of format 4."
        raise UserError(what, "Save it with Jupyter or VS Code.") from None
    for number, cell in enumerate(found, start=1):
        if cell["cell_type"] == "code":
            yield _cell(path, number, cell)


def _cell(path: Path, number: int, cell: dict[str, Any]) -> Cell:
    text = cell.get("source", "")
    source = "".join(text) if isinstance(text, list) else str(text)
    tags = cell.get("metadata", {}).get("tags", [])
    steps = [tag for tag in tags if tag in STEPS]
    if len(steps) > 1:
        what = f"{path}: Cell {number} has the tags {' and '.join(steps)}."
        raise UserError(what, "Split the cell, or keep one tag.")
    if _OTHER_LANGUAGE.match(source):
        return Cell(number, "", "".join(steps), [source.strip().splitlines()[0]])
    magics = [line.strip() for line in _MAGIC.findall(source)]
    return Cell(number, _MAGIC.sub("", source), "".join(steps), magics)


def _statements(path: Path, cell: Cell) -> Iterator[Statement]:
    try:
        tree = ast.parse(cell.source)
    except (SyntaxError, ValueError) as error:
        if not cell.step:
            return  # a cell that no step takes may be anything
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        what = f"{path}: Cell {cell.number}{line} is not valid Python: {reason}."
        raise UserError(what, "Fix it, or remove its tag.") from None
    text = cell.source.encode()
    lines = [0]
    for line_text in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line_text))
    before = 0
    for node in tree.body:
        end = lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
        comment = re.match(rb"[ \t]*#.*", text[end:])
        end += comment.end() if comment else 0
        yield Statement(cell, node, before, end, cell.step)
        before = end


def _nested(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _nested(child)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
