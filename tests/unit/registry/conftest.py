from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.registry.base import Version
from mlroad.registry.local_registry import LocalRegistry
from tests.unit.registry.repos import make_repo, register


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repo(tmp_path_factory.mktemp("registry") / "repo")


@pytest.fixture
def bare(made: Path, tmp_path: Path) -> Path:
    """A committed factory repo with one model, no runs and no registry."""
    return Path(shutil.copytree(made, tmp_path / "repo"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to create a database, so it is created once. Writing a tag creates it."""
    registry = LocalRegistry(tmp_path_factory.mktemp("registry"))
    unknown = Version("diabetes", 1, (), datetime.now(UTC), {}, {})
    with pytest.raises(UserError, match="not found"):
        registry.set_tags(unknown, {"a": "b"})
    return registry.database


@pytest.fixture
def repo(bare: Path, empty_database: Path) -> Path:
    """The same with an empty registry."""
    (bare / ".registry").mkdir()
    shutil.copyfile(empty_database, bare / ".registry" / "mlflow.db")
    return bare


@pytest.fixture(scope="session")
def made_three(made: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = Path(shutil.copytree(made, tmp_path_factory.mktemp("registry") / "repo"))
    (repo / ".registry").mkdir()
    shutil.copyfile(empty_database, repo / ".registry" / "mlflow.db")
    for number in (1, 2, 3):
        register(repo, number)
    return repo


@pytest.fixture
def three(made_three: Path, tmp_path: Path) -> Path:
    """A repo with three registered versions and no champion."""
    return Path(shutil.copytree(made_three, tmp_path / "repo"))
