"""A fresh factory with a workspace: its sample is trained there, gated here, and registered there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.jobs import Produce
from tests.support import IDENTITY, commit_all
from tests.unit.cli.command import Command

pytestmark = pytest.mark.slow


def runs(repo: Path) -> list[Path]:
    return sorted((repo / ".runs" / "diabetes").glob("2*"))


def test_the_sample_from_the_workspace_to_champion(
    cloud: Cloud,
    project: Callable[..., Path],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo = project(template="factory")
    (repo / "factory.yml").write_text("registry: azureml\n", encoding="utf-8", newline="\n")
    commit_all(repo, "Use the workspace")
    for name, value in {**IDENTITY, "MLROAD_POLL_SECONDS": "0.05"}.items():
        monkeypatch.setenv(name, value)
    command = Command(repo, capfd, monkeypatch)

    def mlroad(*words: str) -> str:
        said = command(*words)
        assert said.code == 0, said.text
        return said.out

    # What the steps would produce there, for both stages: this test's cloud does not run them.
    mlroad("train", "diabetes")
    here = runs(repo)[-1]
    outputs = {output.name: output for output in (here / "outputs").iterdir()}
    cloud.jobs.produce = _leaving(outputs)

    ids = {}
    for stage in ("dev", "prod"):
        assert "job: completed" in mlroad("train", "diabetes", "--data", stage, "--target", "azureml")
        ids[stage] = runs(repo)[-1].name
        mlroad("gate", "diabetes", "--run", ids[stage])
    there, own = (
        json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (runs(repo)[-2], here)
    )
    for name, output in own["outputs"].items():
        assert there["outputs"][name]["digest"] == output["digest"]
    assert {name: its["dataset_digest"] for name, its in there["inputs"].items()} == {
        name: its["dataset_digest"] for name, its in own["inputs"].items()
    }
    assert there["git"] == own["git"]
    assert there["parameters"] == own["parameters"]
    assert list(there["steps"]) == list(own["steps"])

    mlroad("register", "diabetes", "--run", ids["prod"], "--dev-run", ids["dev"])
    assert cloud.models.stored["diabetes", "1"]["tags"]["target"] == "azureml"
    mlroad("approve", "diabetes", "--by", "somebody")
    assert ids["prod"] in mlroad("why", "diabetes@champion")
    # The next candidate is compared with the champion, which comes from the workspace.
    mlroad("gate", "diabetes", "--run", ids["dev"])
    verdict = json.loads((runs(repo)[-2] / "gate" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["champion"]["version"] == "1"


def _leaving(outputs: Mapping[str, Path]) -> Produce:
    return lambda name, _type: _files(outputs[name])


def _files(path: Path) -> Mapping[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    found = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}
