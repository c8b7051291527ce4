"""A small factory whose remote is on a GitHub that runs on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import REPO, git
from tests.unit.cli.command import Command
from tests.unit.github.api_server import TOKEN, GitHub, serving

PULL_REQUEST = """on: [pull_request, merge_group]
jobs:
  lint: {}
  ci: {name: ci}
  train: {name: 'train (${{ matrix.model }})'}
"""
OTHERS = """on:
  push: {branches: [main]}
jobs:
  deploy: {environment: staging}
  approve: {environment: production, if: vars.MLROAD_APPROVAL != ''}
  publish: {environment: {name: registry}}
  other: {if: vars.RETRAIN_MODELS != vars.AZURE_ML_WORKSPACE && vars.TEMPLATE_APP_ID}
"""
SETTINGS = """reviewers: ["@my-org/data-science", "@octocat"]
variables:
  MLROAD_APPROVAL:
  RETRAIN_MODELS: all
  AZURE_ML_WORKSPACE: 0123
  TEMPLATE_APP_ID: "77"
"""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN", "GH_HOST"):
        monkeypatch.delenv(name, raising=False)
    with serving(GitHub()) as its:
        monkeypatch.setenv("GITHUB_API_URL", its.address)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        yield its


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = tmp_path / "repo"
    (made / ".github/workflows").mkdir(parents=True)
    shutil.copytree(REPO / "factory_template/.github/rulesets", made / ".github/rulesets")
    for name, text in (
        (".github/workflows/pr.yml", PULL_REQUEST), (".github/workflows/cd.yml", OTHERS),
        (".github/mlroad.yml", SETTINGS), (".github/CODEOWNERS", "* @hubot\n"),
    ):  # fmt: skip
        (made / name).write_text(text, encoding="utf-8")
    git(made, "init", "--quiet", "--initial-branch", "main")
    git(made, "remote", "add", "origin", "git@github.com:o/r.git")
    return made


@pytest.fixture
def command(repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(repo, capfd, monkeypatch)
