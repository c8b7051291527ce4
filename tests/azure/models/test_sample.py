"""A fresh factory with a workspace: its sample is trained there, gated here, and registered there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.jobs import Produce
from tests.support import call, commit_all

pytestmark = pytest.mark.slow


def run(repo: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the repo's own tools, which must succeed."""
    dropped = {"PYTHONPATH": "", "MLROAD_POLL_SECONDS": "0.05"}
    return call([sys.executable, "-m", *command], repo, dropped)


def runs(repo: Path) -> list[Path]:
    return sorted((repo / ".runs" / "diabetes").glob("2*"))


def test_the_sample_from_the_workspace_to_champion(cloud: Cloud, project: Callable[..., Path]) -> None:
    repo = project(template="factory")
    (repo / "factory.yml").write_text("registry: azureml\n", encoding="utf-8", newline="\n")
    commit_all(repo, "Use the workspace")
    # What the steps would produce there: this test's cloud does not run them.
    made: dict[str, dict[str, Path]] = {}
    for stage in ("dev", "prod"):
        run(repo, "mlroad", "train", "diabetes", "--data", stage)
        made[stage] = {output.name: output for output in (runs(repo)[-1] / "outputs").iterdir()}

    ids = {}
    for stage, outputs in made.items():
        cloud.jobs.produce = _leaving(outputs)
        done = run(repo, "mlroad", "train", "diabetes", "--data", stage, "--target", "azureml")
        assert "job: completed" in done.stdout
        ids[stage] = runs(repo)[-1].name
        record = json.loads((runs(repo)[-1] / "run.json").read_text(encoding="utf-8"))
        here = json.loads((next(iter(outputs.values())).parents[1] / "run.json").read_text(encoding="utf-8"))
        for name, output in here["outputs"].items():
            assert record["outputs"][name]["digest"] == output["digest"]
        assert {name: its["dataset_digest"] for name, its in record["inputs"].items()} == {
            name: its["dataset_digest"] for name, its in here["inputs"].items()
        }
        assert record["git"] == here["git"]
        assert record["parameters"] == here["parameters"]
        assert list(record["steps"]) == list(here["steps"])
        run(repo, "mlroad", "gate", "diabetes", "--run", ids[stage])

    run(repo, "mlroad", "register", "diabetes", "--run", ids["prod"], "--dev-run", ids["dev"])
    assert cloud.models.stored["diabetes", "1"]["tags"]["target"] == "azureml"
    run(repo, "mlroad", "approve", "diabetes", "--by", "somebody")
    told = run(repo, "mlroad", "why", "diabetes@champion")
    assert ids["prod"] in told.stdout
    # The next candidate is compared with the champion, which comes from the workspace.
    run(repo, "mlroad", "gate", "diabetes", "--run", ids["dev"])
    verdict = json.loads((runs(repo)[-2] / "gate" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["champion"]["version"] == "1"


def _leaving(outputs: Mapping[str, Path]) -> Produce:
    return lambda name, _type: _files(outputs[name])


def _files(path: Path) -> Mapping[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    found = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}
