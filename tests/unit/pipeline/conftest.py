"""A fresh copy of the valid pipeline for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.pipeline.mutations import BASE


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The folder of a valid pipeline, for a test to break."""
    folder = tmp_path / "base"
    shutil.copytree(BASE, folder)
    return folder
