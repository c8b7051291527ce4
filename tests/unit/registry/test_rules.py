"""A candidate is judged only by the rules that are committed in HEAD."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import commit_all
from tests.unit.registry.repos import WAIVERS, factory, listed, make_run


def _model(repo: Path, name: str) -> Path:
    return repo / "models" / "diabetes" / name


def _replace(repo: Path, name: str, old: str, new: str) -> None:
    text = _model(repo, name).read_text(encoding="utf-8")
    assert old in text
    _model(repo, name).write_text(text.replace(old, new), encoding="utf-8", newline="\n")


RULES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a looser limit": (lambda repo: _replace(repo, "gates.yml", "limit: 60", "limit: 600"), "gates.yml"),
    "another waiver": (
        lambda repo: _replace(repo, "waivers.yml", "gate: size", "gate: metrics.mae.limit"),
        "waivers.yml",
    ),
    "other data": (lambda repo: _replace(repo, "data.yml", "train:1", "train:2"), "data.yml"),
    "other cases": (
        lambda repo: _model(repo, "inference_tests/cases.jsonl").write_text("{}\n{}\n", encoding="utf-8"),
        "inference_tests",
    ),
    "no cases": (lambda repo: _model(repo, "inference_tests/cases.jsonl").unlink(), "inference_tests"),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("before", [True, False])
def test_rules_that_are_not_committed(repo: Path, name: str, before: bool) -> None:
    """The rules were changed before or after the gate."""
    change, file = RULES[name]
    if before:
        make_run(repo, 1)
    change(repo)
    run = "20261124-100001-000000" if before else make_run(repo, 1, judged=name != "no cases")
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    if before or name != "no cases":
        assert f"models/diabetes/{file} differs from HEAD. Commit it, or restore it" in done.stderr
    assert listed(repo) == []


def test_no_gates(repo: Path) -> None:
    run = make_run(repo, 1)
    _model(repo, "gates.yml").unlink()
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert "gates.yml" in done.stderr


def test_a_waivers_file_that_was_never_committed(repo: Path) -> None:
    _model(repo, "waivers.yml").unlink()
    commit_all(repo, "No waivers")
    run = make_run(repo, 1)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert "size: The model takes 2." in done.stderr
    _model(repo, "waivers.yml").write_text(WAIVERS, encoding="utf-8")
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert "models/diabetes/waivers.yml differs from HEAD" in done.stderr


def test_line_ends_of_windows_are_the_same_rules(repo: Path) -> None:
    for name in ("gates.yml", "waivers.yml", "data.yml", "inference_tests/cases.jsonl"):
        _model(repo, name).write_bytes(_model(repo, name).read_bytes().replace(b"\n", b"\r\n"))
    factory(repo, "register", "diabetes", "--run", make_run(repo, 1))
    lineage = json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)["lineage"]
    rules = ["data.yml", "evaluation.py", "gates.yml", "inference_tests", "waivers.yml"]
    assert sorted(lineage["verdict"]["rules"]) == rules


def test_rules_that_became_stricter_after_the_gate(repo: Path) -> None:
    """No model runs again: the recorded predictions are judged by the current rules."""
    run = make_run(repo, 1)
    _replace(repo, "gates.yml", "limit: 60", "limit: 40")
    commit_all(repo, "Stricter")
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert (
        "metrics.mae.limit: mae is 45.5 (the same in every resample), but must be at most 40." in done.stderr
    )


def test_rules_that_need_what_was_not_recorded(repo: Path) -> None:
    _replace(repo, "gates.yml", "target: progression", "target: age")
    commit_all(repo, "Another target")
    done = factory(repo, "register", "diabetes", "--run", make_run(repo, 1), check=False)
    assert done.returncode == 1
    assert "The answers are for diabetes_holdout:1 and the target progression, not" in done.stderr


def test_a_champion_that_is_required(repo: Path) -> None:
    _replace(repo, "gates.yml", "champion: optional", "champion: required")
    commit_all(repo, "A champion is required")
    done = factory(repo, "register", "diabetes", "--run", make_run(repo, 1), check=False)
    assert done.returncode == 1
    assert "champion: gates.yml requires a champion, but diabetes has none." in done.stderr
