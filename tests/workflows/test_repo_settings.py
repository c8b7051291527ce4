"""The settings that git, GitHub and editors read in a generated repo."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import call, git


@pytest.mark.parametrize(
    "path",
    [".venv/x", ".runs/a/run.json", "mlflow.db", "mlruns/0/x", ".env", ".env.local", "uv.lock", "data/x.csv"],
)
def test_git_does_not_see(rendered: Callable[..., Path], path: str) -> None:
    git(rendered(), "check-ignore", path)


@pytest.mark.parametrize(
    "path",
    [
        ".env.example",
        "models/a/data.py",
        "models/a/steps/data/load.py",
        "datasets/a/1/rows.parquet",
        "notebooks/a.ipynb",
    ],
)
def test_git_sees(rendered: Callable[..., Path], path: str) -> None:
    assert call(["git", "check-ignore", path], rendered(), check=False).returncode == 1


def attributes(repo: Path, path: str) -> dict[str, str]:
    lines = git(repo, "check-attr", "--all", "--", path).splitlines()
    return dict(line.split(": ")[1:] for line in lines)


def test_generated_files_are_collapsed_in_pull_requests(rendered: Callable[..., Path]) -> None:
    for path in ("vendor/mlroad-1.0-py3-none-any.whl", "vendor/SHA256SUMS", "models/a/steps/step_io.py"):
        assert attributes(rendered(), path)["linguist-generated"] == "set", path
    for path in ("models/a/steps/train.py", "models/a/pipeline.yml"):
        assert "linguist-generated" not in attributes(rendered(), path)


def test_line_ends_are_the_same_everywhere(rendered: Callable[..., Path]) -> None:
    assert attributes(rendered(), "models/a/pipeline.yml")["eol"] == "lf"
    assert (
        "eol" not in attributes(rendered(), "plot.png")
        or attributes(rendered(), "plot.png")["text"] == "unset"
    )


def test_editors_can_read_their_settings(rendered: Callable[..., Path]) -> None:
    for name in (".vscode/settings.json", ".vscode/extensions.json", ".devcontainer/devcontainer.json"):
        json.loads((rendered() / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("template", ["prototype", "factory"])
def test_owners_are_those_of_the_answer(rendered: Callable[..., Path], template: str) -> None:
    repo = rendered(template=template, owners="@octocat @my-org/science")
    lines = (repo / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    assert "* @octocat @my-org/science" in lines
    assert lines.index("* @octocat @my-org/science") < lines.index("/vendor/ @octocat @my-org/science")
    decides = ["gates.yml", "waivers.yml", "evaluation.py", "data.yml", "inference_tests/"]
    named = [f"/models/*/{name} @octocat @my-org/science" in lines for name in decides]
    assert named == [template == "factory"] * len(decides)
    assert not [line for line in lines if line.startswith("/harness/")]
