"""`mlroad run --isolated`: each step runs with the requirements that it declares, installed once by uv."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.files import remove
from mlroad.core.locks import locked
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.run_folders import RUNS
from mlroad.core.uv_program import find_uv
from mlroad.core.yaml_nodes import MapNode, read_yaml
from mlroad.pipeline.model import Environment
from mlroad.run.plan import Plan
from mlroad.run.step_environment import PythonEnvironment, installed, own_environment

_INCLUDE = re.compile(r"^(-r|-c|--requirement|--constraint)[ =]*(\S+)")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What pip would install. Paths such as ``-r other.txt`` are relative to the folder ``base``."""

    lines: tuple[str, ...]
    python: str | None
    base: Path
    left_out: tuple[str, ...]
    """Conda packages, which uv cannot install."""


def isolated_environments(plan: Plan, repo: Path, say: Callable[[str], None]) -> dict[str, PythonEnvironment]:
    """The environment of each step. Raises UserError if one cannot be built."""
    environments: dict[str, PythonEnvironment] = {}
    built: dict[object, PythonEnvironment] = {}
    for name, step in plan.steps.items():
        wanted = requirements_of(step.environment) if step.environment else None
        if wanted not in built:
            if wanted is None:
                say(
                    f"{name}: declares nothing that uv can install, so it runs in the repo's own environment."
                )
                built[wanted] = own_environment()
            else:
                if wanted.left_out:
                    say(f"{name}: uv cannot install the conda packages {', '.join(wanted.left_out)}.")
                at = step.environment.at if step.environment else step.at
                built[wanted] = _build(wanted, repo / RUNS / ".environments", at, say)
        environments[name] = built[wanted]
    return environments


def requirements_of(environment: Environment) -> Requirements | None:
    """The pip part of a conda file, or the requirements.txt of a build context; None if there is neither."""
    if environment.conda_file is not None:
        node, problems = read_yaml(environment.conda_file)
        if problems:
            raise UserError(problems)
        return _of_conda(node.plain() if isinstance(node, MapNode) else {}, environment.conda_file.parent)
    if environment.conda is not None:
        return _of_conda(environment.conda, environment.at.file.parent)
    if environment.build_context is not None:
        file = environment.build_context / "requirements.txt"
        if file.is_file():
            lines = tuple(file.read_text(encoding="utf-8").splitlines())
            return Requirements(lines, None, environment.build_context, ())
    return None


def _of_conda(content: Mapping[str, object], base: Path) -> Requirements | None:
    lines: list[str] = []
    left_out: list[str] = []
    python: str | None = None
    dependencies = content.get("dependencies")
    for entry in dependencies if isinstance(dependencies, list) else ():
        if isinstance(entry, dict):
            lines += [str(line) for line in entry.get("pip") or ()]
        elif found := re.fullmatch(r"python\s*={1,2}\s*([\d.]+?)(\.\*)?", str(entry)):
            python = found[1]
        elif not re.fullmatch(r"(python|pip)\b.*", str(entry)):
            left_out.append(str(entry))
    return Requirements(tuple(lines), python, base, tuple(left_out)) if lines else None


def _build(
    wanted: Requirements, environments: Path, at: Position, say: Callable[[str], None]
) -> PythonEnvironment:
    """Build the environment, unless it is built already. Two runs at the same time build it once."""
    python = wanted.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    parts = [python, sys.platform, *wanted.lines, *_included(wanted)]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    folder = environments / digest
    with locked(environments / f"{digest}.lock"):
        if not (folder / "ready").exists():
            uv = find_uv()
            say(f"Installing {len(wanted.lines)} requirements for Python {python} …")
            remove(folder)
            _make(uv, python, folder, wanted.base, at, say)
            file = folder / "requirements.txt"
            file.write_text("\n".join(pip_lines(wanted)) + "\n", encoding="utf-8", newline="\n")
            target = str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
            _call([uv, "pip", "install", "--quiet", "--python", target, "-r", str(file)], wanted.base, at)
            (folder / "ready").touch()
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    contents = {"python": python, "requirements": digest}
    for packages in (*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")):
        contents |= installed(packages)
    return PythonEnvironment(programs, folder, contents)


def _make(uv: str, python: str, folder: Path, base: Path, at: Position, say: Callable[[str], None]) -> None:
    """Create an empty environment. If uv lacks a patch release, it uses another of the same minor version."""
    command = [uv, "venv", "--quiet", "--python"]
    minor = ".".join(python.split(".")[:2])
    try:
        _call([*command, python, str(folder)], base, at)
    except UserError:
        if minor == python:
            raise
        say(f"uv cannot find Python {python}, so another Python {minor} is used.")
        remove(folder)
        _call([*command, minor, str(folder)], base, at)


def _included(wanted: Requirements) -> list[str]:
    """The contents of the files named in ``-r`` and ``-c`` lines."""
    found: list[str] = []
    for line in wanted.lines:
        match = _INCLUDE.match(line)
        if match and (wanted.base / match[2]).is_file():
            found.append((wanted.base / match[2]).read_text(encoding="utf-8"))
    return found


def pip_lines(wanted: Requirements) -> list[str]:
    """The requirements as lines that mean the same in any folder."""
    return [_from(line, wanted.base) for line in wanted.lines]


def _from(line: str, base: Path) -> str:
    """A requirement with its relative path made independent of the file that contains it."""
    if line.startswith("."):
        return str(base / line)
    return _INCLUDE.sub(lambda found: f"{found[1]} {base / found[2]}", line)


def _call(command: list[str], folder: Path, at: Position) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())
        what = f"The environment cannot be built: {said[-600:]}"
        raise UserError(Problem(at, "MR520", what, "Fix the requirements, or run without --isolated."))
