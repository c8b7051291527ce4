"""Which Python files of a code folder a command can run: its script, and what that imports from the folder.

Imports are followed by `ast`; nothing is imported. If code could be loaded in a way that cannot be followed
(importlib, exec, another process, a changed sys.path …), the answer is None: every file counts. So a doubt
costs a step that runs again, and never a result that is out of date.
"""

import ast
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from mlroad.steps.scripts import parse, read_script

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_FLAGS = frozenset({"-u", "-B", "-O", "-OO", "-E", "-s"})
_SHELL = re.compile(r"[$`;&|<>()*?\n]|\.py\b")
"""Beside a script in a command: an operator or expansion of the shell, or another script."""
_NAMES_A_SCRIPT = re.compile(r"\.py\b")
_LOADERS = frozenset({
    "glob", "hydra", "imp", "importlib", "jsonargparse", "nbconvert", "papermill", "pkgutil", "pydoc",
    "pyximport", "runpy", "site", "subprocess", "zipimport",
})  # fmt: skip
"""Modules that load code by name, start processes, or list the working folder."""
_PLAIN_PARTS = frozenset({"metadata", "resources"})
"""What importlib has besides."""
_BUILTINS = frozenset({"__import__", "exec", "eval", "compile"})
_DYNAMIC = frozenset({
    "__path__", "import_module", "import_string", "code_path", "code_paths", "LightningCLI", "popen",
    "posix_spawn", "posix_spawnp", "create_subprocess_exec", "create_subprocess_shell",
    "execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe",
    "spawnl", "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe",
})  # fmt: skip
_LISTS = frozenset(
    {"iterdir", "glob", "rglob", "listdir", "scandir", "walk", "fwalk", "copytree", "make_archive"}
)
_HERE = frozenset({"__file__", "cwd", "getcwd"})
_SEARCH = frozenset({"path", "path_hooks", "meta_path"})
_UNPICKLES = frozenset({
    "pickle", "joblib", "dill", "cloudpickle", "torch", "shelve", "read_pickle", "allow_pickle", "load_model",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """Names relative to the code folder."""

    scripts: frozenset[str]
    modules: frozenset[str]
    """What the scripts import."""
    unpickles: bool
    """Whether they may load pickled objects, and with them modules that no import statement names."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What one script does."""

    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    """Level of a relative import, module, and the names that are imported from it."""
    names: frozenset[str]
    """The identifiers that matter here."""
    dynamic: bool


_UNREADABLE = _Facts((), frozenset(), dynamic=True)


def imported_files(command: str, folder: Path) -> ImportedFiles | None:
    """The Python files that ``command`` can run in ``folder``; None if all of them count."""
    start = _start(command, folder)
    if start is None:
        return None
    root, entries = start
    found, dynamic, names = _follow(folder, root, entries)
    if dynamic or (names & _HERE and names & _LISTS):
        return None
    scripts = frozenset(entries)
    return ImportedFiles(scripts, found - scripts, not names.isdisjoint(_UNPICKLES))


def reachable_files(command: str, folder: Path) -> list[str]:
    """The Python files that ``command`` runs in ``folder`` as far as imports can be followed."""
    start = _start(command, folder)
    return sorted(_follow(folder, *start)[0]) if start else []


def _follow(
    folder: Path, root: PurePosixPath, entries: Sequence[str]
) -> tuple[frozenset[str], bool, frozenset[str]]:
    """The files, whether one of them loads code in a way that cannot be followed, and the names they use."""
    beside = {path.stem for path in (folder / root).iterdir()}
    waiting = [*entries, *_shadows(folder, root, beside)]
    found, names, dynamic = set(waiting), frozenset[str](), False
    while waiting:
        name = waiting.pop()
        facts = _facts_of(folder / name)
        names |= facts.names
        dynamic |= facts.dynamic
        for level, module, members in facts.imports:
            if not level and module.partition(".")[0] not in beside:
                continue  # of a library
            above = PurePosixPath(name).parents
            if level > len(above):
                dynamic = True
                continue
            base = above[level - 1] if level else root
            new = set(_modules(folder, base, module, members)) - found
            found |= new
            waiting += new
    return frozenset(found), dynamic, names


def _start(command: str, folder: Path) -> tuple[PurePosixPath, list[str]] | None:
    """The first folder of Python's path, and the files that start; None if it is not one plain Python."""
    text = command.replace("\\\n", " ").strip()
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if not words or not _PYTHON.fullmatch(words.pop(0)):
        return None
    while words and words[0] in _FLAGS:
        words.pop(0)
    if words[:1] == ["-m"] and len(words) > 1:
        module, root = words[1], PurePosixPath()
        inside = PurePosixPath(*module.split("."), "__main__.py").as_posix()
        entries = [*_modules(folder, root, module, ()), *([inside] if (folder / inside).is_file() else [])]
        rest = text.replace(module, "", 1)
    else:
        script = PurePosixPath(words[0] if words else "")
        root = script.parent
        plain = script.suffix == ".py" and not script.is_absolute() and ".." not in script.parts
        entries = [script.as_posix()] if plain and (folder / script).is_file() else []
        rest = text.replace(words[0], "", 1) if words else text
    return None if not entries or _SHELL.search(rest) else (root, entries)


def _modules(folder: Path, base: PurePosixPath, module: str, members: Sequence[str]) -> Iterator[str]:
    """The files of a module below ``base`` and of the packages around it, if they are in ``folder``."""
    yield from _files(folder, base)
    place = base
    for part in module.split(".") if module else ():
        place /= part
        yield from _files(folder, place)
        if not (folder / place).is_dir():
            return  # most imports are of libraries: nothing below this place can be in the folder
    for member in members:
        if member == "*" and (folder / place).is_dir():
            for path in (folder / place).iterdir():
                yield from _files(folder, place / path.stem)
        yield from _files(folder, place / member)


def _files(folder: Path, module: PurePosixPath) -> Iterator[str]:
    for path in (module.parent / f"{module.name}.py", module / "__init__.py"):
        if module.name and os.path.isfile(f"{folder}/{path}"):  # noqa: PTH113 (many times as fast)
            yield path.as_posix()


def _shadows(folder: Path, root: PurePosixPath, beside: set[str]) -> Iterator[str]:
    """Files that a library imports in place of the module of the standard library of that name."""
    for name in beside & sys.stdlib_module_names:
        yield from _files(folder, root / name)


def _facts_of(path: Path) -> _Facts:
    script = read_script(path)
    return _UNREADABLE if script.tree is None else _facts(script.text)


@lru_cache(maxsize=256)
def _facts(text: str) -> _Facts:
    _, nodes = parse(text)
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    names: set[str] = set()
    dynamic = False
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Import(aliases):
                imports += [(0, alias.name, ()) for alias in aliases]
            case ast.ImportFrom(module, aliases, level):
                members = tuple(alias.name for alias in aliases)
                imports.append((level, module or "", members))
                names.update(members)
                dynamic |= module == "os" and "system" in members
                dynamic |= module == "sys" and not _SEARCH.isdisjoint(members)
            case ast.Name(name):
                names.add(name)
                dynamic |= name in _BUILTINS
            case ast.Attribute(ast.Name("sys"), attribute):
                dynamic |= attribute in _SEARCH
            case ast.Attribute(owner, attribute):
                names.add(attribute)
                dynamic |= attribute == "system" and not (
                    isinstance(owner, ast.Name) and owner.id == "platform"
                )
            case ast.keyword(str(name)):
                names.add(name)
            case ast.Call(func, arguments, []) if _lists_here(func, arguments):
                dynamic = True
            case ast.Constant(str(text)) if id(node) not in documentation:
                dynamic |= bool(_NAMES_A_SCRIPT.search(text))
            case _:
                pass
    tops = {module.split(".")[0] for level, module, _ in imports if not level}
    names |= tops
    dynamic |= not _DYNAMIC.isdisjoint(names) or any(_loads(*found) for found in imports)
    return _Facts(tuple(imports), frozenset(names & (_HERE | _LISTS | _UNPICKLES)), dynamic)


def _loads(level: int, module: str, members: tuple[str, ...]) -> bool:
    top, _, rest = module.partition(".")
    if level or top not in _LOADERS:
        return False
    parts = {rest.partition(".")[0]} if rest else set(members)
    return top != "importlib" or not parts or not parts <= _PLAIN_PARTS


def _lists_here(func: ast.expr, arguments: list[ast.expr]) -> bool:
    """Whether a call names the working folder: `os.listdir()`, `os.walk(".")`, `Path()`."""
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    if name not in ("Path", "listdir", "scandir", "walk", "fwalk", "copytree", "make_archive"):
        return False
    if not arguments:
        return name in ("Path", "listdir", "scandir")
    return any(
        isinstance(given, ast.Constant) and given.value in (".", "./", "..", "../") for given in arguments
    )
