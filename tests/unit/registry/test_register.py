"""The one way into the registry: what is let in with what, and what is not."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.support import call, commit_all, git
from tests.unit.registry.repos import (
    WAIVERS,
    aliases,
    environment,
    factory,
    listed,
    make_checks,
    make_run,
    register,
    write,
)


def test_a_green_candidate_is_registered_once_with_its_lineage(repo: Path) -> None:
    prod, dev = make_run(repo, 1), make_run(repo, 1, "dev")
    first = factory(repo, "register", "diabetes", "--run", prod, "--dev-run", dev)
    again = factory(repo, "register", "models/diabetes", "--run", prod, "--dev-run", dev)
    assert "registered diabetes:1" in first.stdout
    assert "next: mlroad approve diabetes:1" in first.stdout
    assert "already registered as diabetes:1" in again.stdout
    assert aliases(repo) == {"candidate": 1}
    folder = Path(factory(repo, "registry", "path", "diabetes:1").stdout.strip())
    dev_folder = Path(
        factory(repo, "registry", "path", "diabetes@candidate", "--stage", "dev").stdout.strip()
    )
    assert "# prod 1" in (repo / folder / "MLmodel").read_text(encoding="utf-8")
    assert "# dev 1" in (repo / dev_folder / "MLmodel").read_text(encoding="utf-8")
    content = {path.name for path in (repo / folder).parent.iterdir()}
    assert content == {
        "lineage.json", "verdict.json", "inference.json", "report.html", "onnx", "model", "dev",
    }  # fmt: skip
    lineage = json.loads((repo / folder).parent.joinpath("lineage.json").read_text(encoding="utf-8"))
    for model in (folder, dev_folder):  # whoever takes a model alone has its story with it
        assert {path.name for path in (repo / model).iterdir()} == {
            "MLmodel", "requirements.txt", "lineage.json",
        }  # fmt: skip
        inside = (repo / model / "lineage.json").read_bytes()
        assert inside == (repo / folder).parent.joinpath("lineage.json").read_bytes()
    assert not list((repo / ".runs").rglob("lineage.json")), "the run stays what was judged"
    assert lineage["commit"] == git(repo, "rev-parse", "HEAD").strip()
    assert lineage["provenance"]["tag"] == "diabetes-v2"
    assert lineage["parameters"] == {"max_depth": 3}
    assert lineage["packages"] == {name: version(name) for name in ("scikit-learn", "pandas")}
    assert [(its["stage"], its["dataset"]) for its in lineage["datasets"]] == [
        ("prod", "diabetes_train:1"),
        ("dev", "diabetes_train:2"),
    ]
    assert lineage["datasets"][1]["parents"][0]["parents"][0]["dataset"] == "diabetes:1"


@pytest.mark.slow
def test_the_workflow_is_told_the_version(repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "output"
    words = [sys.executable, "-m", "mlroad", "register", "diabetes", "--run", make_run(repo, 1)]
    call(words, repo, {**environment(), "GITHUB_OUTPUT": str(out), "GITHUB_ACTOR": "octocat"})
    assert out.read_text(encoding="utf-8") == "version=1\n"
    assert "by octocat" in factory(repo, "why", "diabetes:1").stdout


def test_an_older_commit_of_this_history_is_fine(repo: Path) -> None:
    run = make_run(repo, 1)
    commit_all(repo, "Later")
    factory(repo, "register", "diabetes", "--run", run)


def test_a_registry_that_moved_to_another_place_works_there(repo: Path, tmp_path: Path) -> None:
    register(repo, 1)
    moved = tmp_path / "elsewhere"
    repo.rename(moved)
    factory(moved, "approve", "diabetes")
    assert aliases(moved) == {"candidate": 1, "champion": 1}
    assert str(repo).encode() not in (moved / ".registry" / "mlflow.db").read_bytes()


def test_versions_are_sorted_as_numbers(repo: Path) -> None:
    for number in range(1, 12):
        factory(repo, "register", "diabetes", "--run", make_run(repo, number))
    assert [its["version"] for its in listed(repo)] == list(range(1, 12))
    assert aliases(repo) == {"candidate": 11}
    assert factory(repo, "list").stdout.splitlines()[-1].startswith("diabetes:11  candidate")


def test_registering_an_older_run_again_leaves_the_newer_candidate(repo: Path) -> None:
    run = register(repo, 1)
    register(repo, 2)
    factory(repo, "register", "diabetes", "--run", run)
    assert aliases(repo) == {"candidate": 2}


Change = Callable[[Path, Path], Any]


def _verdict(**changes: Any) -> Change:
    def change(_: Path, run: Path) -> None:
        file = run / "gate" / "verdict.json"
        write(file, json.loads(file.read_text(encoding="utf-8")) | changes)

    return change


def _json(name: str, **changes: Any) -> Change:
    def change(_: Path, run: Path) -> None:
        write(run / name, json.loads((run / name).read_text(encoding="utf-8")) | changes)

    return change


def _other_commit(repo: Path, run: Path) -> None:
    """A commit of a branch that was never merged, in the run and in its verdict alike."""
    git(repo, "switch", "--quiet", "-c", "other")
    commit_all(repo, "Never merged")
    commit = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "switch", "--quiet", "main")
    _json("run.json", git={"commit": commit, "dirty": False})(repo, run)
    verdict = json.loads((run / "gate" / "verdict.json").read_text(encoding="utf-8"))
    _verdict(candidate=verdict["candidate"] | {"commit": commit})(repo, run)


def _retrained(_: Path, run: Path) -> None:
    (run / "outputs" / "model" / "MLmodel").write_text("another\n", encoding="utf-8")


_FAILED = [{"id": "metrics.mae.limit", "result": "failed", "what": "mae is 70, above 60."}]
REFUSED: dict[str, tuple[Change, str]] = {
    "no verdict": (
        lambda _, run: (run / "gate" / "verdict.json").unlink(),
        "has no verdict. Get one: `mlroad gate",
    ),
    "half a verdict": (
        lambda _, run: (run / "gate" / "verdict.json").write_text('{"schema": 1,', encoding="utf-8"),
        "cannot be read",
    ),
    "a later schema": (_verdict(schema=2), "is no verdict that this factory knows"),
    "red": (_verdict(verdict="worse", passed=False, checks=_FAILED), "mae is 70, above 60."),
    "broken": (_verdict(verdict="broken", passed=False, headline="It has no mae."), "broken: It has no mae."),
    "passed by hand": (_verdict(checks=_FAILED), "metrics.mae.limit: mae is 70, above 60."),
    "broken but passed": (_verdict(verdict="broken"), "is broken"),
    "passed is a text": (_verdict(passed="true"), "As good as the champion."),
    "without checks": (_verdict(checks=[]), "As good as the champion."),
    "of another run": (_verdict(run="20261124-999999-000000"), "is of another run: 20261124-999999-000000"),
    "of another model": (_verdict(model="iris"), "is of another model: iris"),
    "of dev data": (_verdict(stage="dev"), "is of another stage: dev"),
    "trained on dev data": (_json("train.json", data="dev"), "was trained on dev data, not prod"),
    "train.json of another run": (_json("train.json", run="x"), "train.json is of another run: diabetes x"),
    "retrained since": (_retrained, "is not the one that was judged"),
    "a lineage of its own": (
        lambda _, run: (run / "outputs" / "model" / "Lineage.json").write_text("{}", encoding="utf-8"),
        "The model has its own Lineage.json, and the registry puts one there: choose another name.",
    ),
    "no model": (lambda _, run: shutil.rmtree(run / "outputs" / "model"), "made no model"),
    "dirty": (_json("run.json", git={"commit": "0" * 40, "dirty": True}), "files that are not committed"),
    "perhaps dirty": (
        _json("run.json", git={"commit": "0" * 40, "dirty": None}),
        "files that are not committed",
    ),
    "no commit": (_json("run.json", git={"commit": None, "dirty": False}), "is of no commit"),
    "a commit that git does not know": (
        _json("run.json", git={"commit": "0" * 40, "dirty": False}),
        "not in the history of HEAD",
    ),
    "a commit of another branch": (_other_commit, "not in the history of HEAD"),
    "another champion": (
        _verdict(champion={"version": "7"}, checks=make_checks(True)),
        "judged against version 7; now it is none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(repo: Path, name: str) -> None:
    change, reason = REFUSED[name]
    run = make_run(repo, 1)
    change(repo, repo / ".runs" / "diabetes" / run)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert listed(repo) == []


def test_a_waived_check_is_let_in(repo: Path) -> None:
    file = repo / "models" / "diabetes" / "waivers.yml"
    file.write_text(WAIVERS + WAIVERS.replace("size", "metrics.mae.regression"), encoding="utf-8")
    commit_all(repo, "Let it be worse for a while")
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    checks = make_checks(True)
    next(its for its in checks if its["id"] == "metrics.mae.regression").update(result="waived", value=4)
    metrics = {"mae": {"candidate": 45.5, "champion": 41.5, "verdict": "worse"}}
    run = make_run(repo, 2, champion=1, verdict={"verdict": "worse", "checks": checks, "metrics": metrics})
    factory(repo, "register", "diabetes", "--run", run)


def test_a_twin_must_be_green_and_of_the_same_commit(repo: Path) -> None:
    red = make_run(repo, 1, "dev", verdict={"passed": False, "headline": "Bad twin."})
    old = make_run(repo, 2, "dev")
    commit_all(repo, "Later")
    run = make_run(repo, 1)
    for dev, reason in (
        (red, "Bad twin."),
        (old, "is of commit"),
        (run, "was trained on prod data, not dev"),
    ):
        done = factory(repo, "register", "diabetes", "--run", run, "--dev-run", dev, check=False)
        assert done.returncode == 1
        assert reason in done.stderr
    assert listed(repo) == []


def test_a_verdict_against_the_champion_before_is_stale(repo: Path) -> None:
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    stale, fresh = make_run(repo, 2), make_run(repo, 3, champion=1)
    done = factory(repo, "register", "diabetes", "--run", stale, check=False)
    assert done.returncode == 1
    assert "was judged without a champion; now it is 1. Gate it anew" in done.stderr
    factory(repo, "register", "diabetes", "--run", fresh)
    factory(repo, "approve", "diabetes")
    factory(repo, "register", "diabetes", "--run", fresh)  # it is champion itself by now: nothing is stale


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("register", "diabetes", "--run", "20261124-1"), "There is no run 20261124-1"),
        (("register", "diabets", "--run", "x"), "Did you mean diabetes?"),
        (("register", "diabetes"), "--run"),
        (("approve", "diabetes"), "No version of diabetes is candidate"),
        (("rollback", "diabetes"), "has no champion"),
        (("why", "diabetes"), "Which version of diabetes?"),
        (("why", "diabetes:1"), "There is no diabetes:1"),
        (("why", "diabetes@champion"), "No version of diabetes is champion"),
        (("why", "diabetes:latest"), "may be another version tomorrow"),
        (("approve", "diabetes@latest"), "may be another version tomorrow"),
        (("why", "diabetes:01"), "Versions are numbers"),
        (("why", "a b"), "names no version"),
        (("who-used", "diabetes:latest"), "may name other data tomorrow"),
        (("registry", "tag", "diabetes:1", "passed=true"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "passed"), "is no tag"),
        (("registry", "path", "diabetes:1"), "There is no diabetes:1"),
    ],
)
def test_a_mistake_is_told_in_plain_words(repo: Path, words: tuple[str, ...], reason: str) -> None:
    done = factory(repo, *words, check=False)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unfinished_run_is_none(repo: Path) -> None:
    run = make_run(repo, 1)
    _json("run.json", state="failed")(repo, repo / ".runs" / "diabetes" / run)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 2
    assert "did not finish" in done.stderr


def test_a_damaged_registry_is_told_without_a_traceback(repo: Path) -> None:
    register(repo, 1)
    (repo / ".registry" / "mlflow.db").write_bytes(b"not a database" * 1000)
    done = factory(repo, "list", check=False)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
