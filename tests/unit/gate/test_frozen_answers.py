"""The gate says how many golden answers are new since the champion, and how far they moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mlroad.gate.frozen_answers import describe_moves
from mlroad.models.cases import Case
from mlroad.models.tensors import Tensor
from tests.support import commit_all, git


def cases(values: Sequence[float | str], start: int = 0) -> list[Case]:
    made = []
    for number, value in enumerate(values, start):
        kind = "BYTES" if isinstance(value, str) else "FP64"
        inputs, outputs = Tensor("x", "FP64", (1,), (float(number),)), Tensor("y", kind, (1,), (value,))
        made.append(Case(f"golden-{number}", "golden", (inputs,), (outputs,)))
    return made


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (cases([1.0, 2.0, 3.0]), ""),
        (cases([1.0, 2.0]), ""),
        (cases([1.5, 2.0, 0.0]), " 2 of 3 golden answers are new since the champion; the largest move is 3."),
        (cases([7.0, 8.0], start=9), " 2 of 2 golden answers are new since the champion."),
        (cases([1.0, 2.0, 3.0, 4.0]), " 1 of 4 golden answers are new since the champion."),
        (
            cases(["a", 2.0, 3.0]),
            " 1 of 3 golden answers are new since the champion; the largest move is inf.",
        ),
    ],
)
def test_moves(tmp_path: Path, now: list[Case], words: str) -> None:
    file = tmp_path / "models/toy/inference_tests/cases.jsonl"
    file.parent.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    file.write_text("".join(f"{case.text()}\n" for case in cases([1.0, 2.0, 3.0])), encoding="utf-8")
    commit_all(tmp_path, "Freeze")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()

    assert describe_moves(tmp_path, "toy", now, commit) == words
    # Without a champion and another commit there is nothing to compare with.
    assert describe_moves(tmp_path, "toy", now, None) == ""


def test_a_shallow_clone_says_nothing(tmp_path: Path) -> None:
    """The champion's commit is not there: whether its answers were the same is unknown."""
    git(tmp_path, "init", "--quiet")
    commit_all(tmp_path, "Start")
    assert describe_moves(tmp_path, "toy", cases([1.0]), "f" * 40) == ""


def test_no_git(tmp_path: Path) -> None:
    assert describe_moves(tmp_path, "toy", cases([1.0]), None) == ""


def test_the_first_suite(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    commit_all(tmp_path, "Start")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert "All 2 golden answers are new" in describe_moves(tmp_path, "toy", cases([1.0, 2.0]), commit)
