"""The registry's commands with a workspace as the registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlroad.registry.open_registry import open_registry
from tests.azure.loopback.cloud import Cloud
from tests.azure.models.conftest import Factory
from tests.azure.models.test_registry import staged

pytestmark = pytest.mark.slow


@pytest.fixture
def registered(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repo of ``tiny`` with two versions in the workspace; the second is the candidate."""
    monkeypatch.chdir(tiny)
    (tiny / "factory.yml").write_text("registry: azureml\n", encoding="utf-8")
    registry = open_registry(Path())
    for run in ("run-1", "run-2"):
        version = registry.add("tiny", *staged(tiny, run))
        registry.set_alias(version, "candidate", forward=True)
    return tiny


def test_from_candidate_to_champion_and_back(cloud: Cloud, registered: Path, factory: Factory) -> None:
    one = factory("approve", "tiny:1", "--by", "a")
    assert one.exit_code == 0, one.err
    two = factory("approve", "tiny", "--by", "b")
    assert two.exit_code == 0, two.err
    listed = factory("list")
    assert listed.exit_code == 0, listed.err
    champion = [line for line in listed.out.splitlines() if "champion" in line]
    assert len(champion) == 1, listed.out
    back = factory("rollback", "tiny", "--by", "a", "--reason", "wrong units")
    assert back.exit_code == 0, back.err
    found = open_registry(registered).by_alias("tiny", "champion")
    assert found and found.number == 1


def test_what_a_version_was_made_from(cloud: Cloud, registered: Path, factory: Factory) -> None:
    told = factory("why", "tiny:2")
    assert told.exit_code == 0, told.err
    assert "run-2" in told.out
    assert "sales:1" in told.out
    as_json = factory("why", "tiny:2", "--json")
    assert "run-2" in json.dumps(json.loads(as_json.out))
    users = factory("who-used", "sales:1")
    assert users.exit_code == 0, users.err
    assert "tiny:2" in users.out


def test_a_version_that_does_not_exist(cloud: Cloud, registered: Path, factory: Factory) -> None:
    told = factory("why", "tiny:7")
    assert told.exit_code == 2
    assert "There is no tiny:7." in told.err
