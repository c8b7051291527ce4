"""The .NET harness from Python: its figures, and what is said without a harness or an SDK.

tests/workflows/test_dotnet.py runs its own tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.core.repo import DOTNET_HARNESS
from mlroad.models import dotnet_harness
from mlroad.models.dotnet_harness import dotnet_answers
from mlroad.models.inference_verdict import Latency
from mlroad.models.model_process import ModelBroken
from tests.support import git


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / DOTNET_HARNESS / "Cli").mkdir(parents=True)
    return tmp_path


def test_a_repo_without_a_harness(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \.NET harness: harness/dotnet is missing"):
        dotnet_answers(tmp_path, tmp_path)


def test_a_machine_without_an_sdk(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"no \.NET SDK on this machine"):
        dotnet_answers(repo, repo)


def says(monkeypatch: pytest.MonkeyPatch, *runs: tuple[int, str, str], answers: str = "") -> list[list[str]]:
    """Let `dotnet` end with these codes, outputs and errors; returns the commands."""
    monkeypatch.setattr(shutil, "which", lambda _: "dotnet")
    commands: list[list[str]] = []

    def run(command: list[str], _folder: Path) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if "--out" in command:
            Path(command[command.index("--out") + 1]).write_text(answers, encoding="utf-8")
        return subprocess.CompletedProcess(command, *runs[len(commands) - 1])

    monkeypatch.setattr(dotnet_harness, "_run", run)
    return commands


def test_the_figures_are_those_of_the_harness(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"load_ms": 90.5, "first_ms": 1.5, "answers_per_second": 9.0, "peak_mb": 70.0}
    latency = {"p50_ms": 0.1, "p95_ms": 0.2, "p99_ms": 0.3}
    commands = says(monkeypatch, (0, "", ""), (0, json.dumps({**said, "latency": latency}), ""))
    _, found = dotnet_answers(repo, repo, concurrency=4)
    assert (found.load_ms, found.first_ms, found.latency) == (90.5, 1.5, Latency(0.1, 0.2, 0.3))
    assert commands[1][2] == "answer"
    assert commands[1][-2:] == ["--concurrency", "4"]


def test_a_harness_that_cannot_be_built_and_a_model_that_cannot_be_used(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, (1, "A.cs(1,2): error CS1: no\nother", ""))
    with pytest.raises(UserError, match=r"cannot be built:\nA.cs\(1,2\): error CS1: no$"):
        dotnet_answers(repo, repo)
    says(monkeypatch, (0, "", ""), (2, "", "model.onnx: The model cannot be loaded"))
    with pytest.raises(ModelBroken, match=r"model.onnx: The model cannot be loaded$"):
        dotnet_answers(repo, repo)
    for said, answers in (("{}", ""), ("no JSON", ""), ("{}", '{"id": "a", "alone": 3}\n')):
        says(monkeypatch, (0, "", ""), (0, said, ""), answers=answers)
        with pytest.raises(ModelBroken, match="wrote answers that cannot be read"):
            dotnet_answers(repo, repo)


def test_it_is_built_again_if_a_source_or_the_program_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[str] = []

    def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        builds.append(command[1])
        for name in ("inference-harness.dll", "MLRoad.Inference.dll"):
            (folder / "Cli/bin/Release/net10.0").mkdir(parents=True, exist_ok=True)
            (folder / "Cli/bin/Release/net10.0" / name).write_bytes(b"program")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(dotnet_harness, "_run", run)
    (tmp_path / "Core").mkdir()
    source, library = tmp_path / "Core/A.cs", tmp_path / "Cli/bin/Release/net10.0/MLRoad.Inference.dll"
    source.write_text("a", encoding="utf-8")
    changes: list[tuple[Callable[[], object], int]] = [
        (lambda: None, 1),
        (lambda: None, 0),
        ((tmp_path / "Core/obj").mkdir, 0),
        ((tmp_path / "Core/obj/A.cs").touch, 0),
        (lambda: source.write_text("b", encoding="utf-8"), 1),
        ((tmp_path / "Core/B.cs").touch, 1),
        (lambda: source.rename(tmp_path / "Core/C.cs"), 1),
        ((tmp_path / "Directory.Build.props").touch, 1),
        (lambda: library.write_bytes(b"another"), 1),
        (library.unlink, 1),
        (lambda: None, 0),
    ]
    for place, (change, expected) in enumerate(changes):
        change()
        builds.clear()
        dotnet_harness.build("dotnet", tmp_path)
        assert builds == ["build"] * expected, place


def test_build_output_in_git_is_refused(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MSBuild would take a newer file for its own, and never compile the source that was reviewed."""
    said = {"load_ms": 1, "first_ms": 1, "answers_per_second": 1, "peak_mb": 1, "latency": None}
    git(repo, "init", "--quiet")
    for name in ("Cli/bin/Release/net10.0/inference-harness.dll", "Core/binary.cs"):
        (repo / DOTNET_HARNESS / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / DOTNET_HARNESS / name).write_bytes(b"x")
    git(repo, "add", "harness/dotnet/Core")
    says(monkeypatch, (0, "", ""), (0, json.dumps(said), ""))
    dotnet_answers(repo, repo)
    git(repo, "add", "--force", "harness")
    with pytest.raises(UserError, match=r"Cli/bin/.*dll is build output in git, which would run"):
        dotnet_answers(repo, repo)
