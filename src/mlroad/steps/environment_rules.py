"""The rules on what a step imports: its environment must have it, here and in Azure ML.

Codes: MR407 an import that the environment file does not list, MR408 one that is not installed here either.
What the listed packages require counts as listed. Imports in `try` and under `TYPE_CHECKING` may fail.
"""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata, util
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import MapNode, read_yaml
from mlroad.steps.imported_packages import (
    REPO_PACKAGES,
    imports_of,
    local_modules,
    normal,
    package_of,
    packages_of,
    requirement,
)
from mlroad.steps.scripts import Script, position, read_script

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_CONDA_FILE = re.compile(r"""^[^#\n]*\bconda_file:\s*["']?([^\s"',}]+)""", re.MULTILINE)
_KNOWN = {"python", "pip", "azureml-mlflow"}
"""Listed packages that are often not installed here, and whose modules are known."""


@dataclass(slots=True)
class _Environment:
    """What an environment file lists, and everything that those packages require."""

    file: Path
    listed: set[str] = field(default_factory=set)
    by_conda: set[str] = field(default_factory=set)
    """Those outside `pip:`, whose names may differ: conda calls torch `pytorch`."""
    complete: bool = True
    """Whether the file was read to its end: no editable package, no requirements file that is missing."""

    def has(self, module: str) -> bool:
        """Whether a listed package, or one that it requires, has the module. The quick ways come first."""
        if {normal(module), package_of(module, look=False)} & self.listed:
            return True
        required = self.listed.union(*(_required(name) for name in self.listed))
        return bool(packages_of(module) & required)

    def may_have_more(self, modules: Iterable[str], *, is_installed: bool) -> bool:
        """Whether a listed package, which is neither installed here nor known, may have a missing module.

        A module that ``is_installed`` here may only be in a package to which conda gives another name.
        """
        known = _KNOWN.union(*map(packages_of, modules))
        return any(
            not _is_installed(name) for name in (self.by_conda if is_installed else self.listed) - known
        )


def check_environment(model: Path) -> list[Problem]:
    """What the scripts of a model import and its environment file does not have."""
    steps = model / "steps"
    scripts = [read_script(path) for path in sorted(steps.glob("*.py")) if path.name != "step_io.py"]
    own = local_modules(steps)
    environments: dict[Path, _Environment | None] = {}
    found: list[Problem] = []
    for script in scripts:
        file = _environment_file(model, script.path)
        if file is None:
            continue
        if file not in environments:
            environments[file] = _read(file)
        environment = environments[file]
        if script.tree is not None and environment is not None and environment.complete:
            found += _problems(script, environment, own)
    return found


def _problems(script: Script, environment: _Environment, own: set[str]) -> Iterator[Problem]:
    imports = imports_of(_required_nodes(script))
    foreign = [module for module in imports if module not in own and module not in REPO_PACKAGES]
    for module in foreign:
        is_here = util.find_spec(module) is not None
        if environment.has(module) or environment.may_have_more(foreign, is_installed=is_here):
            continue
        package = package_of(module)
        at, file = position(script, imports[module]), _shown(environment.file)
        if is_here:
            what = f"{module} is imported, but {file} does not list {package}, so Azure ML will not have it."
            yield Problem(at, "MR407", what, f"Add the line `- {requirement(package)}` there, under `pip:`.")
        else:
            what = f"{module} is imported, but it is not installed, and {file} does not list it."
            fix = f"Run `uv add {package}`, and add the same line to {file}."
            yield Problem(at, "MR408", what, did_you_mean(module, own, fix, cutoff=0.8))


def _required_nodes(script: Script) -> Iterator[ast.AST]:
    """The statements of a script that must not fail."""
    optional = {id(inner) for node in script.nodes if _may_fail(node) for inner in ast.walk(node)}
    return (node for node in script.nodes if id(node) not in optional)


def _may_fail(node: ast.AST) -> bool:
    """Whether imports below may fail: `try`, `with suppress`, `if TYPE_CHECKING`, `if find_spec(…)`."""
    match node:
        case ast.Try():
            return True
        case ast.If(test=test):
            return not _names(test).isdisjoint({"TYPE_CHECKING", "find_spec"})
        case ast.With(items=items):
            return any("suppress" in _names(item.context_expr) for item in items)
    return False


def _names(expression: ast.expr) -> set[str]:
    nodes = list(ast.walk(expression))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _environment_file(model: Path, script: Path) -> Path | None:
    """The environment file of a step, by its component; that of the model for a module that steps share."""
    component = model / "components" / f"{script.stem}.yml"
    file = model / "environment" / "conda.yml"
    if component.is_file():
        named = _CONDA_FILE.search(component.read_text(encoding="utf-8", errors="replace"))
        if named is None:
            return None  # an environment of the workspace, an image or a build: its content is not known
        file = Path(os.path.normpath(component.parent / named[1]))  # one name for one file
    return file if file.is_file() else None


def _read(file: Path) -> _Environment | None:
    node, problems = read_yaml(file)
    if problems or not isinstance(node, MapNode):
        return None  # other rules report it
    entries = node.plain().get("dependencies")
    if not isinstance(entries, list):
        return None
    found = _Environment(file)
    for entry in entries:
        if isinstance(entry, str) and (name := _NAME.match(entry.rpartition("::")[2])):
            found.by_conda.add(normal(name[1]))
        elif isinstance(entry, dict) and isinstance(entry.get("pip"), list):
            _add_lines(found, map(str, entry["pip"]), {file})
    found.listed |= found.by_conda
    return found


def _add_lines(found: _Environment, lines: Iterable[str], read: set[Path]) -> None:
    """Add the packages of requirements. ``read`` are the files that were read already."""
    for line in lines:
        text = line.strip()
        if match := re.match(r"(?:-r|--requirement)[ =]?\s*(\S+)", text):
            inner = found.file.parent / match[1]
            if inner in read:
                continue
            read.add(inner)
            if inner.is_file():
                _add_lines(found, inner.read_text(encoding="utf-8", errors="replace").splitlines(), read)
            else:
                found.complete = False
        elif text.startswith(("-e", "--editable", ".", "/")) or (
            "://" in text and "@" not in text.split("://")[0]
        ):
            found.complete = False
        elif not text.startswith(("#", "-")) and (name := _NAME.match(text)):
            found.listed.add(normal(name[1]))


def _is_installed(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


@cache
def _required(package: str) -> frozenset[str]:
    """Everything that an installed package requires, directly or not, without its extras."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        try:
            requires = metadata.requires(waiting.pop()) or []
        except metadata.PackageNotFoundError:
            continue
        names = {normal(match[1]) for it in requires if "extra ==" not in it and (match := _NAME.match(it))}
        waiting += names - found
        found |= names
    return frozenset(found)


def _shown(file: Path) -> str:
    """The path of the file from the model's folder, as people write it."""
    return f"{file.resolve().parent.name}/{file.name}"
