"""The repos in which the commands of the pages run. Each is made once, and copied for each page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.walk import Walker
from tests.support import IDENTITY, commit_all
from tests.unit.cli.command import Command

ANSWERS: dict[str, dict[str, Any]] = {
    "prototype": {},
    "factory": {"template": "factory"},
    "factory without a model": {"template": "factory", "sample": False},
}
"""What `<!-- in KIND -->` can name. A `trained` one has a run of the sample."""


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def walker(
    rendered: Callable[..., Path], kept: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> Walker:  # fmt: skip
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "MLROAD_REGISTRY"):
        monkeypatch.delenv(name, raising=False)

    def made(kind: str) -> Path:
        repo = kept / kind.replace(" ", "-")
        if not repo.is_dir():
            plain = kind.removeprefix("trained ")
            shutil.copytree(rendered(**ANSWERS[plain]), repo, symlinks=True)
            if plain != kind:
                verb = ("train", "diabetes") if "factory" in kind else ("run", "models/diabetes")
                done = Command(repo, capfd, monkeypatch)(*verb)
                assert done.code == 0, done.text
                commit_all(repo, "Start")
        return repo

    def fresh(kind: str) -> Path:
        number = len(list(tmp_path.iterdir()))
        return Path(shutil.copytree(made(kind), tmp_path / f"{number}" / "demo", symlinks=True))

    return Walker(fresh, capfd, monkeypatch)


@pytest.fixture(scope="session")
def reading(rendered: Callable[..., Path], kept: Path) -> Path:
    """A factory in which the files of the pages are read."""
    return Path(shutil.copytree(rendered(template="factory"), kept / "reading", symlinks=True))
