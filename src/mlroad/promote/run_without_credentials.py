"""Run commands of mlroad on a prototype's code, with nothing of value in their environment.

A prototype's code was written outside of the factory. So it gets an empty home folder, and only variables
that programs need to start: no tokens, no agent for SSH keys, no settings of git.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.models.worker_variables import allowed_variables
from mlroad.promote.workbench import Workbench

_LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended: its exit code, and what it printed."""

    code: int
    output: str


def clean_environment(home: Path) -> dict[str, str]:
    """The variables for a prototype's code. ``home`` is an empty folder."""
    kept = allowed_variables(os.environ)
    homes = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(home))
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(home))
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    others = {"NO_COLOR": "1", "GIT_CEILING_DIRECTORIES": str(home.parent)}
    return {**kept, **homes, **temporary, **git, **others}


def mlroad_without_credentials(bench: Workbench, *arguments: str) -> Finished:
    """Run `mlroad` in the stage."""
    return _run(bench, "mlroad", *arguments)


def tests_without_credentials(bench: Workbench, model: str) -> Finished:
    """Run the unit tests of a model in the stage."""
    return _run(bench, "pytest", "-q", "-p", "no:cacheprovider", f"models/{model}")


def run_or_refuse(bench: Workbench, failure: str, *arguments: str) -> None:
    """Run `mlroad` in the stage. Raises UserError with the end of its output if it fails."""
    require(mlroad_without_credentials(bench, *arguments), failure)


def require(done: Finished, failure: str) -> None:
    """Raises UserError with the end of its output if a command failed."""
    if done.code:
        told = "\n".join(f"  {line}" for line in done.output.strip().splitlines()[-_LAST_LINES:])
        raise UserError(f"{failure} (exit code {done.code}):\n{told}\n", "Nothing was promoted.")


def _run(bench: Workbench, module: str, *arguments: str) -> Finished:
    home = bench.folder / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=bench.stage,
        env=clean_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Finished(done.returncode, done.stdout)
