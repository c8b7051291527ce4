"""Fixtures for tests that use Azure: import them in a conftest.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.unit.cli import command

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
def mlroad(repo: Path) -> Mlroad:
    """``mlroad("dataset", "list")`` runs the command line in ``repo``, with its own error handling."""

    def run(*arguments: str) -> Result:
        said = command.mlroad(repo, *arguments, check=False)
        return Result(said.code, said.out, said.err)

    return run
