"""Fixtures of the runner's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.run.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty repo."""
    return Project(tmp_path / "repo")
