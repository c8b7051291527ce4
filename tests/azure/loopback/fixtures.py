"""Fixtures for tests that use Azure: import them in a conftest.py."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud

SETTINGS = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_RESOURCE_GROUP",
    "AZURE_ML_WORKSPACE",
)


@dataclass(frozen=True)
class Result:
    """The result of a command."""

    exit_code: int
    out: str
    err: str


Mlroad = Callable[..., Result]


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty cloud with one workspace; this test's environment variables point to it and sign in."""
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Azure clients in this process retry at once, without waiting."""
    monkeypatch.setattr("azure.core.pipeline.transport.HttpTransport.sleep", lambda *_: None)


@pytest.fixture
def mlroad(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Mlroad:
    """``mlroad("dataset", "list")`` runs the command line in ``repo``, with its own error handling."""
    from mlroad.cli.main import main

    def run(*arguments: str) -> Result:
        monkeypatch.chdir(repo)
        monkeypatch.setattr(sys, "argv", ["mlroad", *arguments])
        out, err = io.StringIO(), io.StringIO()
        exit_code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as left:
                exit_code = left.code if isinstance(left.code, int) else int(left.code is not None)
        assert "Traceback" not in err.getvalue()
        return Result(exit_code, out.getvalue(), err.getvalue())

    return run
