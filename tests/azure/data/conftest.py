"""A repo with one dataset, and an Azure workspace on the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.azure.loopback.fixtures import Mlroad, cloud, mlroad, no_waits

__all__ = ["cloud", "mlroad", "no_waits"]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A folder that mlroad accepts as a repo."""
    folder = tmp_path / "repo"
    (folder / "datasets").mkdir(parents=True)
    return folder


@pytest.fixture
def sales(repo: Path, mlroad: Mlroad) -> Path:
    """Add the version sales:1, a file of two rows; return the path of its data."""
    source = repo.parent / "sales.csv"
    source.write_text("day,sold\n2026-01-01,3\n2026-01-02,4\n", encoding="utf-8", newline="\n")
    made = mlroad("dataset", "add", "sales", str(source))
    assert made.exit_code == 0, made.err
    return repo / "datasets" / "sales" / "1" / "sales.csv"
