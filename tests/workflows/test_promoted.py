"""The whole road: a tag, its promotion, the pull request, edits on both sides, and the next tag."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.unit.promote.line_model import mlroad
from tests.workflows.harness import Act
from tests.workflows.test_factory import NO_AZURE, STATIC

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
FIT = "models/line/steps/fit.py"


def edit(repo: Path, old: str, new: str) -> None:
    text = (repo / FIT).read_text(encoding="utf-8")
    assert old in text
    (repo / FIT).write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def test_the_pull_request_of_a_promotion_is_green(
    act: Act, rendered: Callable[..., Path], tagged: Path, tmp_path: Path
) -> None:
    prototype = Path(shutil.copytree(tagged, tmp_path / "prototype", symlinks=True))
    fresh = rendered(template="factory", sample=False)
    factory = Path(shutil.copytree(fresh, tmp_path / "factory", symlinks=True))
    mlroad(factory, "promote", f"{prototype}@line-v1", "line", "--target", "progression")
    git(factory, "switch", "--quiet", "promote/line-line-v1")
    comments = tmp_path / "comments"
    comments.mkdir()
    pull = ("--env", f"ACT_GH_COMMENTS={comments}")
    run = act.run(factory, workflow="pr.yml", base="main", arguments=pull)
    jobs = {**dict.fromkeys((*STATIC, "comment", "ci"), ()), "model": [{"model": "line"}]}
    run.assert_green(jobs, skipped=NO_AZURE)

    git(factory, "switch", "--quiet", "main")
    git(factory, "merge", "--quiet", "--no-ff", "promote/line-line-v1")
    edit(factory, '"""Fit a line', '"""The factory fits a line')
    commit_all(factory, "An edit of the factory")
    edit(prototype, "slope: float = 10.0", "slope: float = 9.5")
    mlroad(prototype, "sync", "models/line")
    commit_all(prototype, "A new slope")
    mlroad(prototype, "run", "models/line", "--quiet")
    mlroad(prototype, "ready", "models/line", "--fix")
    mlroad(factory, "promote", f"{prototype}@line-v2", "line")
    both = git(factory, "show", f"promote/line-line-v2:{FIT}")
    assert "The factory fits" in both
    assert "slope: float = 9.5" in both
