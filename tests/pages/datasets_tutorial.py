"""docs/tutorial/datasets.md, all of it, and what must hold when a reader has followed it.

`python -m tests.pages` runs it, with all other pages.
"""

from __future__ import annotations

import json

import pytest

from tests.pages.fences import fences
from tests.pages.walk import Walker, follow
from tests.support import REPO
from tests.unit.data.conftest import Repo

NAME = "docs/tutorial/datasets.md"


@pytest.mark.slow
def test_the_tutorial(
    walker: Walker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(follow(list(fences(REPO / NAME, NAME)), walker)), "every block was run, or written"
    assert walker.repo is not None
    demo = Repo(walker.repo, capfd, monkeypatch)
    assert "run models/diabetes/pipeline.yml" in demo.dataset("lineage diabetes:2").text
    records = [
        json.loads(file.read_text(encoding="utf-8")) for file in demo.path.glob(".runs/diabetes/*/run.json")
    ]
    used = {record["inputs"]["raw"]["dataset"]: record["inputs"]["raw"] for record in records}
    assert set(used) == {"diabetes:1", "diabetes:2"}
    assert all(about["dataset_digest"] == about["digest"] for about in used.values())
    assert_tracked(demo, used)
    assert_every_command_refuses(demo)


def assert_tracked(demo: Repo, used: dict[str, dict[str, str]]) -> None:
    """MLflow records the inputs of both runs."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{(demo / 'mlflow.db').as_posix()}")
    runs = client.search_runs([item.experiment_id for item in client.search_experiments()])
    inputs = {item.dataset.name: item.dataset for run in runs for item in run.inputs.dataset_inputs}
    assert set(inputs) == set(used)
    for name, dataset in inputs.items():
        assert json.loads(dataset.source)["digest"] == used[name]["dataset_digest"]
        assert any(run.data.tags.get(f"dataset.{name}") == used[name]["dataset_digest"] for run in runs)


def assert_every_command_refuses(demo: Repo) -> None:
    """Every command refuses after one byte of diabetes:1, the parent of diabetes:2, has changed."""
    file = demo / "datasets" / "diabetes" / "1" / "diabetes.csv"
    good = file.read_bytes()
    file.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    before = demo.files()
    for command in (
        "run models/diabetes",
        "run models/diabetes --dry-run",
        "dataset verify",
        "dataset verify diabetes:1",
        "dataset derive other --from diabetes:1 --step models/diabetes/steps/plausible.py",
        "dataset repeat diabetes:2",
        "dataset split diabetes:1",
        "dataset lineage diabetes:2",
        "dataset diff diabetes:1 diabetes:2",
        "dataset overlap diabetes:1 diabetes:2",
        "dataset schema infer diabetes:1",
        "dataset fetch diabetes:1",
        "dataset compatible diabetes:1 diabetes:2",
    ):
        said = demo.mlroad(command)
        assert said.code in (1, 2), f"{command} did not refuse: {said}"
        assert "datasets/diabetes/1/diabetes.csv" in said.text, f"{command} does not name the file: {said}"
    assert demo.files() == before
    file.write_bytes(good)
    assert demo.dataset("verify").code == 0
