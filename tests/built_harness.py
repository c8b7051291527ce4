"""The .NET harness, built once for all tests of a session: a build takes 18 seconds of processor time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mlroad.core.locks import locked
from mlroad.core.repo import DOTNET_HARNESS
from mlroad.models.dotnet_harness import build
from tests.support import REPO

HARNESS = REPO / "factory_template" / DOTNET_HARNESS
needs_dotnet = pytest.mark.skipif(shutil.which("dotnet") is None, reason="no .NET SDK is on the path")


def built_harness(factory: pytest.TempPathFactory) -> Path:
    """A folder with the harness and its program; `mlroad test` does not build a copy of it again."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # all workers share it
    folder = base / "dotnet-harness"
    with locked(base / "dotnet-harness.lock"):
        if not folder.exists():
            shutil.copytree(HARNESS, folder, ignore=shutil.ignore_patterns("bin", "obj"))
        build(str(shutil.which("dotnet")), folder)
    return folder
