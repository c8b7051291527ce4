"""The sample and a new model, with the commands that a data scientist types."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def mlroad(repo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the rendered repo's own tool with the libraries of this environment."""
    command = [sys.executable, "-c", "from mlroad.__main__ import main; main()", *arguments]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True, encoding="utf-8", check=False)


def test_the_sample_runs_and_is_measured(project: Callable[..., Path]) -> None:
    repo = project()

    result = mlroad(repo, "run", "models/diabetes")

    assert result.returncode == 0, result.stdout + result.stderr
    [metrics] = (repo / ".runs" / "diabetes").glob("*/outputs/metrics")
    assert json.loads(metrics.read_text(encoding="utf-8"))["r2"] > 0.45
    assert mlroad(repo, "check").returncode == 0


def test_a_new_model_runs_at_once_without_the_sample(project: Callable[..., Path]) -> None:
    repo = project(sample=False)
    assert mlroad(repo, "check").returncode == 0
    assert mlroad(repo, "new", "rents").returncode == 0

    result = mlroad(repo, "run", "models/rents")

    assert result.returncode == 0, result.stdout + result.stderr
    assert mlroad(repo, "check").returncode == 0


def test_a_missing_data_file_is_reported_before_anything_runs(project: Callable[..., Path]) -> None:
    repo = project()
    (repo / "datasets" / "diabetes" / "1" / "diabetes.csv").unlink()

    result = mlroad(repo, "run", "models/diabetes")

    assert result.returncode == 2
    assert "diabetes.csv" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((repo / ".runs").rglob("metrics*"))


def test_the_commands_of_the_readme_are_right(project: Callable[..., Path]) -> None:
    """The commands for `my_model`, in the order of the table. `run` gets --dry-run, so nothing is trained."""
    repo = project(sample=False)
    readme = (repo / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"\| `uv run mlroad (.+?)` \|", readme)
    assert len(commands) >= 7
    for command in commands:
        words = command.split()
        if words[0] in ("guard", "freeze", "ui", "ready"):  # need hooks, a finished run, Ctrl-C, and both
            continue
        result = mlroad(repo, *words, *(["--dry-run"] if words[0] == "run" else []))
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
