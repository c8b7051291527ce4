"""Fixtures for every area that talks to Azure: import them in its conftest.py."""

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
    """What a command left behind."""

    exit_code: int
    out: str
    err: str


Mlroad = Callable[..., Result]


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty cloud with one workspace; the environment of this test leads there, signed in."""
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Azure clients of this process go on at once where they would wait before another try."""
    monkeypatch.setattr("azure.core.pipeline.transport.HttpTransport.sleep", lambda *_: None)


@pytest.fixture
def mlroad(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Mlroad:
    """``mlroad("dataset", "list")`` in ``repo``: the command line with its own handling of errors."""
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
