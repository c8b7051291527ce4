"""One act and one home for all runs of a session; uv's own cache makes their environments cheap."""

from __future__ import annotations

import pytest

from tests.workflows.harness import Act


@pytest.fixture(scope="session")
def act(tmp_path_factory: pytest.TempPathFactory) -> Act:
    return Act(tmp_path_factory.mktemp("act"))
