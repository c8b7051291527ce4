"""A repo, and `mlroad guard` as users run it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.command import mlroad

REPO = Path(__file__).parents[3]
TEMPLATE = REPO / "prototype_template"
SOURCE = REPO / "src" / "mlroad"
Guard = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """The environment without git's variables, so that `python -m mlroad guard` works in any repo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    people = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {**kept, **dict.fromkeys(people, "test@example.org"), **alone}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """An empty git repo with a pyproject.toml."""
    root = tmp_path / "repo"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    subprocess.run(
        ["git", "init", "--quiet", "--initial-branch=main", str(root)], env=environment(), check=True
    )
    return root


@pytest.fixture
def guard(repo: Path) -> Guard:
    """Run `mlroad guard ...` in the repo, or in one of its folders."""

    def run(*arguments: str, folder: Path = repo) -> subprocess.CompletedProcess[str]:
        said = mlroad(folder, "guard", *arguments, check=False)
        return subprocess.CompletedProcess(arguments, said.code, said.out, said.err)

    return run
