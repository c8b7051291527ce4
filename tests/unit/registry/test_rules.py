"""A verdict counts by the rules of the candidate's commit only, and where it does not contradict itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import commit_all, git
from tests.unit.registry.repos import factory, listed, make_checks, make_run, write


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


Verdict = dict[str, Any]


def _check(verdict: Verdict, id_: str, **changes: Any) -> None:
    next(its for its in verdict["checks"] if its["id"] == id_).update(changes)


def _without(verdict: Verdict, id_: str) -> None:
    verdict["checks"] = [its for its in verdict["checks"] if its["id"] != id_]


def _beyond(verdict: Verdict) -> None:
    _check(verdict, "metrics.mae.limit", value=68.1)
    verdict["metrics"]["mae"]["candidate"] = 68.1


def _champion(verdict: Verdict) -> None:
    verdict |= {"champion": {"version": "1"}, "checks": make_checks(True)}


def _much_worse(verdict: Verdict) -> None:
    _champion(verdict)
    _check(verdict, "metrics.mae.regression", value=3.5)
    verdict["metrics"]["mae"]["champion"] = 42.0


def _no_regression(verdict: Verdict) -> None:
    _champion(verdict)
    _without(verdict, "metrics.mae.regression")


CONTRADICTIONS: dict[str, Callable[[Verdict], Any]] = {
    "metrics.mae.limit says passed with 68.1 where 60 is allowed.": _beyond,
    "metrics.mae.limit says 45.5, and its figures 70.": lambda its: its["metrics"]["mae"].update(
        candidate=70
    ),
    "metrics.mae.limit says passed without a figure.": lambda its: _check(
        its, "metrics.mae.limit", value=float("nan")
    ),
    "metrics.mae.regression says passed with 3.5 where 3 is allowed.": _much_worse,
    "it has no check metrics.mae.regression, and gates.yml asks for it.": _no_regression,
    "it has no check metrics.mae.limit, and gates.yml asks for it.": lambda its: _without(
        its, "metrics.mae.limit"
    ),
    "it has no check data.overlap, and gates.yml asks for it.": lambda its: _without(its, "data.overlap"),
    "it has no check inference.python, and gates.yml": lambda its: _without(its, "inference.python"),
    "it has no check slices.sex=2.mae.limit, and gates.yml": lambda its: _without(
        its, "slices.sex=2.mae.limit"
    ),
    "the slices by sex have 60 rows, and the holdout 111.": lambda its: its["slices"].pop(),
    "latency.p95 says passed with 200 where 100 is allowed.": lambda its: _check(
        its, "latency.p95", value=200.0
    ),
    "size says passed with 21,000,000 where 20,000,000 is allowed.": lambda its: _check(
        its, "size", result="passed"
    ),
    "onnx says passed with 1 where 0.5 is allowed.": lambda its: _check(its, "onnx", value=1),
    "onnx is waived, and waivers.yml does not name it.": lambda its: _check(its, "onnx", result="waived"),
    "inference.python says passed without tests": lambda its: its["inference"]["python"].update(failed=1),
    "it says better, and mae, which decides, says equal.": lambda its: its.update(verdict="better"),
    "its holdout is easy:1 where gates.yml says diabetes_holdout:1.": lambda its: its["holdout"].update(
        dataset="easy:1"
    ),
}


def test_a_verdict_that_contradicts_itself(repo: Path) -> None:
    for number, (told, change) in enumerate(CONTRADICTIONS.items(), 1):
        run = make_run(repo, number)
        file = repo / ".runs" / "diabetes" / run / "gate" / "verdict.json"
        verdict = json.loads(file.read_text(encoding="utf-8"))
        change(verdict)
        write(file, verdict)
        done = factory(repo, "register", "diabetes", "--run", run, check=False)
        assert done.returncode == 1, told
        assert f"- verdict.json contradicts itself: {told}" in done.stderr
        assert len(done.stderr.splitlines()) == 2, done.stderr
    assert listed(repo) == []


def test_a_champion_that_is_required(repo: Path) -> None:
    _replace(repo, "gates.yml", "champion: optional", "champion: required")
    commit_all(repo, "A champion is required")
    done = factory(repo, "register", "diabetes", "--run", make_run(repo, 1), check=False)
    assert done.returncode == 1
    assert "it names no champion where gates.yml requires one." in done.stderr


def test_at_the_limit_is_no_contradiction(repo: Path) -> None:
    checks = make_checks(False)
    next(its for its in checks if its["id"] == "metrics.mae.limit").update(value=60)
    metrics = {"mae": {"candidate": 60, "verdict": "equal"}}
    run = make_run(repo, 1, verdict={"checks": checks, "metrics": metrics})
    factory(repo, "register", "diabetes", "--run", run)
