"""`from module import *` in a notebook becomes an import of the names that the notebook uses.

The module is found and read, never imported.
"""

import ast
import symtable
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path

from mlroad.steps.notebook_cells import Cell
from mlroad.steps.notebook_edits import parsed, patched


def name_stars(cells: list[Cell], folders: Iterable[Path]) -> None:
    """Replace each star import by the names. What a module brings is not always written down: then it stays.

    ``folders`` are those of the notebook's own modules.
    """
    trees = [(cell, tree) for cell in cells if (tree := parsed(cell.source))]
    names = [it for _, tree in trees for it in ast.walk(tree) if isinstance(it, ast.Name)]
    # A name that the notebook also binds is its own.
    wanted = {it.id for it in names} - {it.id for it in names if not isinstance(it.ctx, ast.Load)}
    places = [*map(str, folders), *sys.path]
    for cell, tree in trees:
        patches: list[tuple[ast.AST, str]] = []
        for statement in filter(is_star, tree.body):
            assert isinstance(statement, ast.ImportFrom)
            module = statement.module or ""
            public = None if statement.level else _public_names(module, places)
            if public is not None:
                used = ", ".join(sorted(public & wanted))
                patches.append((statement, f"from {module} import {used}" if used else f"import {module}"))
        cell.source = patched(cell.source, patches)


def is_star(node: ast.stmt) -> bool:
    """Whether a statement is ``from module import *``."""
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def _public_names(module: str, places: list[str]) -> set[str] | None:
    """The names that ``from module import *`` brings, or None if its text does not say that."""
    try:
        return _names_of(_source(module, places).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None


def _names_of(text: str) -> set[str] | None:
    """The public names of a module. Raises ValueError for an ``__all__`` that is not written out."""
    tree = ast.parse(text)
    listed = [it for it in ast.walk(tree) if isinstance(it, ast.Name) and it.id == "__all__"]
    if listed:
        values = [it.value for it in tree.body if isinstance(it, ast.Assign) and it.targets == listed]
        return set(ast.literal_eval(values[0])) if values else None
    if any(map(is_star, tree.body)) or "globals()" in text:
        return None
    symbols = symtable.symtable(text, "module", "exec").get_symbols()
    names = {it.get_name() for it in symbols if it.is_assigned() or it.is_imported()}
    return {name for name in names if not name.startswith("_")}


def _source(module: str, places: list[str]) -> Path:
    """The file of a module. Raises FileNotFoundError."""
    found: list[str] = places
    origin = None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, found)
        origin = spec.origin if spec else None
        found = list(spec.submodule_search_locations or ()) if spec else []
    if origin is None or not origin.endswith(".py"):
        raise FileNotFoundError(module)
    return Path(origin)
