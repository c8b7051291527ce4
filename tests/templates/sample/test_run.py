"""The sample and a new model, with the commands that a data scientist types."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.command import Command

pytestmark = pytest.mark.slow


@pytest.fixture
def mlroad(
    project: Callable[..., Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Command]:
    """``mlroad(sample=False)("check")`` runs a command in a rendered prototype."""
    return lambda **answers: Command(project(**answers), capfd, monkeypatch)


def test_a_missing_data_file_is_reported_before_anything_runs(mlroad: Callable[..., Command]) -> None:
    prototype = mlroad()
    (prototype.repo / "datasets" / "diabetes" / "1" / "diabetes.csv").unlink()

    result = prototype("run", "models/diabetes")

    assert result.code == 2
    assert "diabetes.csv" in result.err
    assert not list((prototype.repo / ".runs").rglob("metrics*"))


def test_a_new_model_runs_at_once_and_the_commands_of_the_readme_are_right(
    mlroad: Callable[..., Command],
) -> None:
    """The commands for `my_model`, in the order of the table. Only the first `run` trains a model."""
    prototype = mlroad(sample=False)
    readme = (prototype.repo / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"\| `uv run mlroad (.+?)` \|", readme)
    assert len(commands) >= 7
    done = set[str]()
    for command in commands:
        words = command.split()
        if words[0] in ("guard", "freeze", "ui", "ready"):  # need hooks, more runs, Ctrl-C, and all of it
            continue
        if words[0] in done & {"run"}:
            words.append("--dry-run")
        if words[0] == "sweep":
            words.append("--help")  # a wrong option would still be an error
        done.add(words[0])
        result = prototype(*words)
        assert result.code == 0, f"{command}: {result.text}"
    assert list((prototype.repo / ".runs").glob("my_model/*/outputs"))
