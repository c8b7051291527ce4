"""Reads a step's script without running it, once for all rules."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mlroad.core.problems import Position, Problem


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and its syntax tree; ``tree`` is None if there is a ``problem`` instead."""

    path: Path
    text: str
    tree: ast.Module | None
    problem: Problem | None = None
    nodes: tuple[ast.AST, ...] = ()
    """Every node of the tree that has a position in the text, in no particular order."""


def read_script(path: Path) -> Script:
    """Read and parse ``path``. What cannot be read or parsed becomes the script's ``problem``."""
    try:
        state = path.stat()
    except OSError as error:
        return _unreadable(
            path, f"The script cannot be read: {error.strerror}.", "Check the path and its permissions."
        )
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)  # one model at a time; syntax trees are large
def _read(path: Path, _modified: int, _size: int) -> Script:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return _unreadable(path, "The script is not written in UTF-8.", "Save it with the encoding UTF-8.")
    except OSError as error:
        return _unreadable(
            path, f"The script cannot be read: {error.strerror}.", "Check the path and its permissions."
        )
    try:
        tree, nodes = parse(text)
    except SyntaxError as error:
        what = f"This is not valid Python: {error.msg}."
        at = Position(path, error.lineno or 0, error.offset or 0)
        return Script(
            path, text, None, Problem(at, "MR301", what, "Fix the syntax; nothing else was checked.")
        )
    except ValueError as error:
        return _unreadable(path, f"This is not valid Python: {error}.", "Remove the stray bytes.")
    except (RecursionError, MemoryError):
        return _unreadable(path, "An expression is nested too deeply.", "Split it.")
    return Script(path, text, tree, nodes=nodes)


@lru_cache(maxsize=64)  # by content: step_io.py is the same in every model
def parse(text: str) -> tuple[ast.Module, tuple[ast.AST, ...]]:
    """The syntax tree and its nodes. Raises what `ast.parse` raises."""
    tree = ast.parse(text)
    return tree, _flat(tree)


def _flat(tree: ast.Module) -> tuple[ast.AST, ...]:
    """`ast.walk` without the nodes that have no text (`Load`, `Add` …), in a third of the time."""
    nodes: list[ast.AST] = [tree]
    for node in nodes:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                nodes.extend([item for item in value if isinstance(item, ast.AST) and item._fields])
            elif isinstance(value, ast.AST) and value._fields:
                nodes.append(value)
    return tuple(nodes)


def _unreadable(path: Path, what: str, fix: str) -> Script:
    return Script(path, "", None, Problem(Position(path), "MR301", what, fix))


def position(script: Script, node: ast.expr | ast.stmt | ast.arg) -> Position:
    """The position of ``node``; columns count from 1."""
    return Position(script.path, node.lineno, node.col_offset + 1)


def imported_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """The imported names of a script, with their full names."""
    names: dict[str, str] = {}
    for node in nodes:
        match node:
            case ast.ImportFrom(module=module, names=aliases):
                names.update({alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases})
            case ast.Import(names=aliases):
                for alias in aliases:
                    top = alias.name.split(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
    return names
