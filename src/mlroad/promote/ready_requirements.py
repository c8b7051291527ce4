"""Whether the requirements of a model's steps can be installed together: uv resolves them.

uv first looks only into its own cache, which takes a tenth of a second. Requirements that the cache cannot
resolve, and for which there is no network, are not an error: the item then says that they were not verified.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.repo import cache_folder
from mlroad.core.uv_program import find_uv, uv_environment
from mlroad.pipeline.model import Environment
from mlroad.run.isolated_environments import Requirements, pip_lines, requirements_of

_IMPOSSIBLE = ("No solution found", "not found in the package registry", "Couldn't parse requirement")
_NO_NETWORK = "network was disabled"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def check_requirements(
    root: Path, environments: Iterable[tuple[Environment, Position]]
) -> tuple[list[Problem], str]:
    """The problems, and a note on what could not be verified."""
    problems: list[Problem] = []
    notes: dict[str, None] = {}
    done: set[Requirements] = set()
    for environment, at in environments:
        try:
            wanted = requirements_of(environment)
        except UserError as error:
            problems += error.problems
            continue
        if wanted is None or wanted in done:
            continue
        done.add(wanted)
        if wanted.left_out:
            notes[f"uv cannot resolve the conda packages {', '.join(wanted.left_out)}"] = None
        reason, verified = _resolve(root, wanted)
        if reason:
            what = f"These requirements cannot be installed together: {reason}."
            problems.append(Problem(_place(environment, at, wanted, reason), "MR824", what, "Change them."))
        elif not verified:
            notes["not verified: the package index cannot be reached"] = None
    return problems, "; ".join(notes)


def _resolve(root: Path, wanted: Requirements) -> tuple[str, bool]:
    """Why there is no solution (empty if there is one), and whether that is known."""
    python = wanted.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = pip_lines(wanted)
    settings = root / "pyproject.toml"  # exclude-newer, and the index
    parts = [python, *lines, settings.read_text(encoding="utf-8") if settings.is_file() else ""]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    known = cache_folder(root) / "resolved" / key
    if known.exists():
        return "", True
    offline = _compile(wanted, python, lines, "--offline")
    online = offline if offline.returncode == 0 else _compile(wanted, python, lines)
    if online.returncode:
        reason = _impossible(online.stderr) or _impossible(offline.stderr)
        return reason, bool(reason)
    known.parent.mkdir(exist_ok=True)
    known.touch()
    return "", True


def _impossible(said: str) -> str:
    """Why nothing can satisfy the requirements; empty if uv only could not find out."""
    if _NO_NETWORK in said or not any(word in said for word in _IMPOSSIBLE):
        return ""
    text = " ".join(said.replace("×", "").replace("╰─▶", "").split())
    return text.partition(" hint:")[0].rpartition("cause: ")[2].rstrip(".")[-600:]


def _place(environment: Environment, at: Position, wanted: Requirements, reason: str) -> Position:
    """The line of the first requirement that uv names, in the conda file; else the environment."""
    if environment.conda_file is None:
        return at
    file = Path(os.path.relpath(environment.conda_file))
    named = [
        line for line in wanted.lines if (name := _NAME.match(line)) and name[0].lower() in reason.lower()
    ]
    for number, line in enumerate(environment.conda_file.read_text(encoding="utf-8").splitlines(), start=1):
        if any(requirement in line for requirement in named):
            return Position(file, number)
    return Position(file)


def _compile(
    wanted: Requirements, python: str, lines: Iterable[str], *options: str
) -> subprocess.CompletedProcess[str]:
    command = [
        find_uv(),
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--python-version",
        python,
    ]
    return subprocess.run(
        [*command, *options, "-"],
        input="\n".join(lines) + "\n",
        cwd=wanted.base,
        env={"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10", **uv_environment()},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
