"""A rendered factory with its sample, and its command line in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.command import Command


@pytest.fixture
def factory_repo(rendered: Callable[..., Path], tmp_path: Path) -> Path:
    """A copy of a fresh factory that a test may change."""
    return Path(shutil.copytree(rendered(template="factory"), tmp_path / "demo"))


@pytest.fixture
def factory(
    factory_repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """``factory("check")`` runs a command in that repo."""
    return Command(factory_repo, capfd, monkeypatch)
