"""approve and rollback: the current champion and the previous ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.registry.repos import aliases, factory, register, rewrite_lineage


def _approve(repo: Path, *words: str) -> str:
    return factory(repo, "approve", *words).stdout


def test_approve_takes_the_candidate_and_is_idempotent(three: Path) -> None:
    assert "diabetes:3 is now the champion, approved by @octocat" in _approve(
        three, "diabetes", "--by", "@octocat"
    )
    assert "diabetes:3 is already the champion" in _approve(three, "diabetes")
    story = json.loads(factory(three, "why", "diabetes@champion", "--json").stdout)
    assert [note["by"] for note in story["history"]] == ["@octocat"]
    assert story["lineage"]["approved"]["by"] == "@octocat"


def test_rollback_goes_back_through_the_champions(three: Path) -> None:
    for number in (1, 2, 3):
        _approve(three, f"diabetes:{number}")
    done = factory(three, "rollback", "diabetes", "--reason", "wrong units")
    assert "diabetes:2 is now the champion" in done.stdout
    assert "it was diabetes:3" in done.stdout
    assert "to undo: mlroad rollback diabetes --to 3" in done.stdout
    assert "rolled back to" in factory(three, "why", "diabetes:2").stdout
    assert "wrong units" in factory(three, "why", "diabetes:2").stdout
    factory(three, "rollback", "diabetes")
    assert aliases(three)["champion"] == 1
    last = factory(three, "rollback", "diabetes", check=False)
    assert last.returncode == 2
    assert "No champion of diabetes before 1" in last.stderr
    factory(three, "rollback", "diabetes", "--to", "3")
    assert aliases(three)["champion"] == 3
    assert "is already the champion" in factory(three, "rollback", "diabetes", "--to", "3").stdout


def test_approving_again_after_a_rollback(three: Path) -> None:
    for number in (1, 2):
        _approve(three, f"diabetes:{number}")
    factory(three, "rollback", "diabetes")
    _approve(three, "diabetes:3")
    factory(three, "rollback", "diabetes")
    assert aliases(three)["champion"] == 1  # not 2, which was rolled back
    _approve(three, "diabetes:2")
    story = json.loads(factory(three, "why", "diabetes:2", "--json").stdout)
    assert [(note["what"], note["previous"]) for note in story["history"]] == [("approve", 1), ("approve", 1)]


def test_an_older_version_needs_a_rollback(three: Path) -> None:
    _approve(three, "diabetes:1")
    _approve(three, "diabetes:2")
    done = factory(three, "approve", "diabetes:1", check=False)
    assert done.returncode == 1
    told = (
        "diabetes:1 is older than the champion diabetes:2. To go back, use `mlroad rollback diabetes --to 1`."
    )
    assert told in done.stderr
    assert aliases(three)["champion"] == 2
    assert "diabetes:2 is already the champion" in _approve(three, "diabetes:2")
    factory(three, "rollback", "diabetes", "--to", "1")
    assert aliases(three)["champion"] == 1
    _approve(three, "diabetes:3")
    assert aliases(three)["champion"] == 3


def test_the_first_approval_suggests_requiring_a_champion(three: Path) -> None:
    advice = "next: write `champion: required` in models/diabetes/gates.yml"
    assert advice in _approve(three, "diabetes:1")
    assert advice not in _approve(three, "diabetes:1")
    assert advice not in _approve(three, "diabetes:2")


def test_no_advice_where_it_is_required_already(three: Path) -> None:
    file = three / "models" / "diabetes" / "gates.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("champion: optional", "champion: required"), encoding="utf-8")
    assert "champion: required" not in _approve(three, "diabetes:1")


def test_rollback_after_an_alias_was_moved_by_other_means(three: Path) -> None:
    from mlroad.registry.local_registry import LocalRegistry

    _approve(three, "diabetes:1")
    _approve(three, "diabetes:2")
    registry = LocalRegistry.of(three)
    registry.set_alias(registry.version("diabetes", 3), "champion")
    factory(three, "rollback", "diabetes")
    assert aliases(three)["champion"] == 2


def test_a_version_that_was_changed_is_not_approved(three: Path) -> None:
    folder = three / factory(three, "registry", "path", "diabetes:3").stdout.strip()
    (folder / "MLmodel").write_text("changed\n", encoding="utf-8")
    done = factory(three, "approve", "diabetes", check=False)
    assert done.returncode == 1
    assert "is not the one that was judged" in done.stderr
    assert "champion" not in aliases(three)


@pytest.mark.parametrize("copy", ["model/lineage.json", "dev/model/lineage.json"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_lineage_that_was_changed_in_a_model_is_not_approved(three: Path, copy: str, gone: bool) -> None:
    """The model is the one that was gated, but its copy of lineage.json was changed or deleted."""
    _approve(three, "diabetes:1")
    _approve(three, "diabetes:2")
    for number in (1, 3):
        folder = three / factory(three, "registry", "path", f"diabetes:{number}").stdout.strip()
        file = folder.parent / copy
        file.write_text(file.read_text(encoding="utf-8").replace("better", "best") + " ", encoding="utf-8")
        if gone:
            file.unlink()
    for words in (("approve", "diabetes:3"), ("rollback", "diabetes")):
        done = factory(three, *words, check=False)
        assert done.returncode == 1
        stage = "dev" if copy.startswith("dev") else "prod"
        assert f"- Its {stage} model in" in done.stderr
        assert "is not the one that was judged: its lineage.json has changed, or is missing." in done.stderr
    assert aliases(three)["champion"] == 2


def test_a_lineage_that_was_changed_everywhere_is_reported(three: Path) -> None:
    """All copies have the same change, so only the tag shows it. `pull --discard` restores the version."""
    folder = three / factory(three, "registry", "path", "diabetes:3").stdout.strip()
    lineage = json.loads((folder / "lineage.json").read_text(encoding="utf-8"))
    for file in folder.parent.rglob("lineage.json"):
        file.write_text(json.dumps(lineage | {"by": "somebody else"}), encoding="utf-8")
    for words in (("approve", "diabetes"), ("why", "diabetes:3"), ("who-used", "diabetes_train:1")):
        done = factory(three, *words, check=False)
        assert done.returncode == 2, words
        assert "The lineage of diabetes:3 is not the one that was registered" in done.stderr
        assert "mlroad registry pull --discard" in done.stderr
    assert "champion" not in aliases(three)
    assert "diabetes:2" in factory(three, "why", "diabetes:2").stdout


def test_a_version_that_is_not_green_is_not_approved(three: Path) -> None:
    """`mlroad register` refuses such a version, so the test adds it directly."""
    folder = three / factory(three, "registry", "path", "diabetes:3").stdout.strip()
    bad = {"passed": False, "verdict": "worse", "headline": "Too bad."}
    rewrite_lineage(folder.parent, lambda lineage: lineage["verdict"].update(bad))
    done = factory(three, "approve", "diabetes:3", check=False)
    assert done.returncode == 1
    assert "Its verdict is worse: Too bad." in done.stderr


def test_nothing_to_go_back_to(repo: Path) -> None:
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    done = factory(repo, "rollback", "diabetes", check=False)
    assert done.returncode == 2
    assert "There is no previous champion: diabetes:1 is the only version of diabetes." in done.stderr
