"""A verdict counts by the rules of the candidate's commit only, and where it does not contradict itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.registry.repos import factory, listed, make_run
from tests.support import commit_all, git


def _model(repo: Path, name: str) -> Path:
    return repo / "models" / "diabetes" / name


def _replace(repo: Path, name: str, old: str, new: str) -> None:
    text = _model(repo, name).read_text(encoding="utf-8")
    assert old in text
    _model(repo, name).write_text(text.replace(old, new), encoding="utf-8", newline="\n")


RULES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a looser limit": (lambda repo: _replace(repo, "gates.yml", "limit: 60", "limit: 600"), "gates.yml"),
    "no gates.yml": (lambda repo: _model(repo, "gates.yml").unlink(), "gates.yml"),
    "another waiver": (
        lambda repo: _replace(repo, "waivers.yml", "gate: size", "gate: metrics.mae.limit"),
        "waivers.yml",
    ),
    "other data": (lambda repo: _replace(repo, "data.yml", "train:1", "train:3"), "data.yml"),
    "other cases": (
        lambda repo: _model(repo, "inference_tests/cases.jsonl").write_text("{}\n{}\n", encoding="utf-8"),
        "inference_tests",
    ),
    "no cases": (lambda repo: _model(repo, "inference_tests/cases.jsonl").unlink(), "inference_tests"),
}


@pytest.mark.parametrize("name", RULES)
def test_judged_by_rules_that_nobody_committed(repo: Path, name: str) -> None:
    change, file = RULES[name]
    change(repo)
    run = make_run(repo, 1)
    git(repo, "checkout", "--quiet", "--", "models")  # as if nothing had happened
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    commit = git(repo, "rev-parse", "HEAD")[:7]
    assert f"{file} was not as commit {commit} has it when it was judged." in done.stderr
    assert listed(repo) == []


def test_a_waivers_file_that_was_never_committed(repo: Path) -> None:
    _model(repo, "waivers.yml").unlink()
    commit_all(repo, "No waivers")
    _model(repo, "waivers.yml").write_text("- gate: size\n", encoding="utf-8")
    done = factory(repo, "register", "diabetes", "--run", make_run(repo, 1), check=False)
    assert done.returncode == 1
    assert "waivers.yml was not as commit" in done.stderr


def test_a_twin_by_other_rules(repo: Path) -> None:
    _replace(repo, "gates.yml", "limit: 60", "limit: 600")
    dev = make_run(repo, 1, "dev")
    git(repo, "checkout", "--quiet", "--", "models")
    words = ("register", "diabetes", "--run", make_run(repo, 1), "--dev-run", dev)
    done = factory(repo, *words, check=False)
    assert done.returncode == 1
    assert "gates.yml was not as commit" in done.stderr


@pytest.mark.parametrize("rules", [None, "sha256:x", {}])
def test_a_verdict_without_rules(repo: Path, rules: Any) -> None:
    run = make_run(repo, 1, verdict={"rules": rules})
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    told = "gates.yml was not as commit" if rules == {} else "does not say by which rules. Gate it anew"
    assert told in done.stderr


def test_line_ends_of_windows_are_the_same_rules(repo: Path) -> None:
    for name in ("gates.yml", "waivers.yml", "data.yml", "inference_tests/cases.jsonl"):
        _model(repo, name).write_bytes(_model(repo, name).read_bytes().replace(b"\n", b"\r\n"))
    factory(repo, "register", "diabetes", "--run", make_run(repo, 1))
    lineage = json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)["lineage"]
    assert sorted(lineage["verdict"]["rules"]) == ["data.yml", "gates.yml", "inference_tests", "waivers.yml"]


def test_rules_that_changed_after_the_commit_that_was_judged(repo: Path) -> None:
    run = make_run(repo, 1)
    _replace(repo, "gates.yml", "limit: 60", "limit: 40")
    commit_all(repo, "Stricter")
    factory(repo, "register", "diabetes", "--run", run)
