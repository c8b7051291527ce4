"""One act and one home folder for all runs of a session. uv's cache makes creating environments fast."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.promote.conftest import ran, tagged
from tests.workflows.harness import Act
from tests.workflows.merge import Merged, merge

__all__ = ["act", "ran", "tagged"]


@pytest.fixture(scope="session")
def act(tmp_path_factory: pytest.TempPathFactory) -> Act:
    return Act(tmp_path_factory.mktemp("act"))


@pytest.fixture(scope="session")
def merged(act: Act, rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Merged:
    """A factory after the merge of four models, which tests must not change."""
    repo = Path(shutil.copytree(rendered(template="factory"), tmp_path_factory.mktemp("merged") / "demo"))
    return merge(act, repo)
