from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.registry.repos import make_repo


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repo(tmp_path_factory.mktemp("registry") / "repo")


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    """A committed factory repo with one model, no runs and no registry."""
    return Path(shutil.copytree(made, tmp_path / "repo"))
