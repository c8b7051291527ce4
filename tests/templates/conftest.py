"""A machine that has only Python, git and pip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import IDENTITY, REPO, call, git, tool

# The variables that this machine may need to reach its package index. Most machines set none of them.
NETWORK = re.compile(r"^(PIP_|UV_INDEX|UV_DEFAULT_INDEX|SSL_CERT|https?_proxy|no_proxy)", re.IGNORECASE)


@pytest.fixture
def bare(tmp_path: Path, template_repo: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``bare("new", "x")`` runs start.py of a clean clone with an empty HOME and the system's PATH."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(template_repo), str(clone))
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments: str | Path, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
        # Not the tests' own environment, which already has the tools.
        python = Path(sys._base_executable)  # type: ignore[attr-defined]
        environment = {key: value for key, value in os.environ.items() if NETWORK.match(key)}
        cache = os.environ.get("UV_CACHE_DIR") or uv_cache()
        environment |= {**IDENTITY, "PATH": path, "HOME": str(home), "UV_CACHE_DIR": cache}
        command = [str(python), "start.py", *map(str, arguments)]
        return subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, encoding="utf-8",
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    return run


def uv_cache() -> str:
    """This machine's cache: the test is about the command, not the network."""
    return call([tool("uv"), "cache", "dir"], REPO).stdout.strip()
