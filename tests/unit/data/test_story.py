"""Runs every `mlroad` command in docs/tutorial/datasets.md, in order.

The tutorial shows the expected output after a command; a line `…` matches output that differs each time.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import REPO, git
from tests.unit.data.conftest import Repo

TUTORIAL = REPO / "docs" / "tutorial" / "datasets.md"
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Language, file name and text of each code block in the tutorial."""
    for found in _BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        yield found[1], found[2] or "", found[3]


def play(repo: Repo) -> dict[str, str]:
    """Run the tutorial's commands and compare their output; return the output by command."""
    said: dict[str, str] = {}
    for language, name, text in blocks():
        if name:
            repo.write(name, text)
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                said[command] = step(repo, command, shown)
    return said


def step(repo: Repo, command: str, shown: str) -> str:
    words = shlex.split(command)
    if words[:3] == ["uv", "run", "mlroad"]:
        output = repo.mlroad(shlex.join(words[3:])).text
    elif words[0] == "git":
        output = git(repo.path, *words[1:])
    else:
        # `printf … | …` and similar lines: a person would use an editor.
        raise AssertionError(f"the tutorial has a command that no test can run: {command}")
    for line in filter(str.strip, shown.splitlines()):
        expected = ".*".join(map(re.escape, line.strip().split("…")))
        assert re.search(expected, output), (
            f"after `{command}` the tutorial shows\n{line}\nand this came:\n{output}"
        )
    return output


@pytest.mark.slow
def test_the_tutorial(project: Callable[..., Path], repo: Repo) -> None:
    demo = Repo(project(), repo.capfd, repo.monkeypatch)
    said = play(demo)
    lineage = next(text for command, text in said.items() if "lineage diabetes:2" in command)
    assert "run models/diabetes/pipeline.yml" in lineage
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
