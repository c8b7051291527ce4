"""`mlroad runs` in a factory: the candidates on this machine, and the error for a run that does not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.command import Command

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def run(
    repo: Path, name: str, stage: str = "dev", *, dirty: bool = False, state: str = "completed", of: str = ""
) -> Path:
    """Write a run as `mlroad train` leaves it; without ``of``, it has no verdict."""
    folder = repo / ".runs" / "diabetes" / name
    folder.mkdir(parents=True)
    record = {"schema": 1, "id": name, "state": state, "git": {"commit": COMMIT, "dirty": dirty}}
    train = {"schema": 1, "model": "diabetes", "data": stage, "target": "local", "run": name, "job": None}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "train.json").write_text(json.dumps(train), encoding="utf-8")
    if of:
        (folder / "gate").mkdir()
        figures = {"mae": {"candidate": 45.512, "champion": None if of == "better" else 44.0}}
        verdict = {
            "schema": 1, "run": name, "verdict": of, "passed": of == "better", "decide_by": "mae",
            "metrics": figures,
        }  # fmt: skip
        (folder / "gate" / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
    return folder


@pytest.fixture
def three(factory: Command) -> Command:
    run(factory.repo, "20261124-100000-000000", of="better")
    run(factory.repo, "20261124-110000-000000", "prod", dirty=True, of="worse")
    run(factory.repo, "20261124-120000-000000", state="failed")
    plain = run(factory.repo, "20261124-130000-000000")
    (plain / "train.json").unlink()  # a run of `mlroad run`, not a candidate
    return factory


def test_newest_first_with_verdict(three: Command) -> None:
    said = three("runs", "diabetes")
    assert said.code == 0
    assert [line.split() for line in said.out.splitlines()] == [
        ["run", "when", "state", "data", "target", "commit", "verdict", "decided", "by"],
        ["20261124-130000-000000", "-", "completed", "-", "-", "0123456", "-", "-"],
        ["20261124-120000-000000", "-", "failed", "dev", "local", "0123456", "-", "-"],
        ["20261124-110000-000000", "-", "completed", "prod", "local", "0123456+", "worse", "mae", "45.51",
         "(champion", "44)"],
        ["20261124-100000-000000", "-", "completed", "dev", "local", "0123456", "first", "mae", "45.51"],
    ]  # fmt: skip


def test_for_programs(three: Command) -> None:
    found = json.loads(three("runs", "models/diabetes", "--json").out)
    assert [(its["stage"], its["verdict"]) for its in found] == [
        (None, None),
        ("dev", None),
        ("prod", "worse"),
        ("dev", "first"),
    ]
    assert found[2] == {
        "run": "20261124-110000-000000", "started": None, "seconds": None, "parameters": {}, "metrics": {},
        "stage": "prod", "target": "local", "commit": COMMIT, "dirty": True,
        "state": "completed", "verdict": "worse", "passed": False, "decide_by": "mae", "candidate": 45.512,
        "champion": 44.0,
    }  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", '{"run": "20261124-000000-000000", "verdict": "better"}'])
def test_an_invalid_verdict(factory: Command, content: str) -> None:
    folder = run(factory.repo, "20261124-100000-000000", of="better")
    (folder / "gate" / "verdict.json").write_text(content, encoding="utf-8")
    assert factory("runs", "diabetes").out.splitlines()[1].split()[-2:] == ["-", "-"]


def test_none_and_no_such_model(factory: Command) -> None:
    said = factory("runs", "diabetes")
    assert said.out == "There is no run of diabetes here. Start one: mlroad run models/diabetes\n"
    assert factory("runs", "diabetes", "--json").out == "[]\n"
    said = factory("runs", "diabets")
    assert said.code == 2
    assert "Did you mean diabetes?" in said.err


def test_a_run_that_does_not_exist(three: Command) -> None:
    said = three("gate", "diabetes", "--run", "20260101-000000-000000")
    assert said.code == 2
    assert "The newest are 20261124-120000-000000 (dev), 20261124-110000-000000 (prod), " in said.err
    assert "`mlroad runs diabetes` lists all" in said.err
