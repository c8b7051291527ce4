"""`mlroad promote`: a tag of a prototype becomes one commit on a branch, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import git
from tests.unit.cli.command import Command

BRANCH = "promote/line-line-v1"


def state(repo: Path) -> str:
    """All that a promotion must leave as it is: the branch, the index, the files."""
    return (
        git(repo, "symbolic-ref", "HEAD")
        + git(repo, "rev-parse", "HEAD")
        + git(repo, "status", "--porcelain")
    )


@pytest.mark.slow
def test_first_promotion(factory: Command, tagged: Path) -> None:
    before = state(factory.repo)
    said = factory("promote", f"{tagged}@line-v1", "line", "--target", "progression")
    assert said.code == 0, said
    assert state(factory.repo) == before
    created = git(factory.repo, "diff", "--name-only", "--diff-filter=A", "main", BRANCH).split()
    changed = git(factory.repo, "diff", "--name-only", "main", BRANCH).split()
    assert created == changed
    assert not [path for path in created if not path.startswith(("models/line/", "datasets/diabetes"))]
    git(factory.repo, "switch", "--quiet", BRANCH)
    assert factory("check").code == 0
    assert factory("dataset", "verify").code == 0
    body = git(factory.repo, "log", "-1", "--format=%B")
    assert "| slope |" in body
    assert "`models/line/gates.yml`" in body
