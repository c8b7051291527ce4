"""One act and one home folder for all runs of a session. uv's cache makes creating environments fast."""

from __future__ import annotations

import pytest

from tests.unit.promote.conftest import ran, tagged
from tests.workflows.harness import Act

__all__ = ["act", "ran", "tagged"]


@pytest.fixture(scope="session")
def act(tmp_path_factory: pytest.TempPathFactory) -> Act:
    return Act(tmp_path_factory.mktemp("act"))
