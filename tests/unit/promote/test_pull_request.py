"""`--pr`: the branch is pushed, and GitHub's gh opens the pull request. A program stands in for gh."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.promote.fetch_tag import Prototype
from mlroad.promote.promotion_plan import TOLERANCE, Plan
from mlroad.promote.proof import Proof
from mlroad.promote.pull_request import open_pull_request, pull_request_body
from mlroad.promote.take import Taken
from tests.support import commit_all, git

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a script stands in for gh")
BRANCH = "promote/line-v1"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repo with the branch of a promotion, and a server for it."""
    git(tmp_path, "init", "--quiet", "--bare", "origin")
    git(tmp_path, "clone", "--quiet", "origin", "repo")
    commit_all(tmp_path / "repo", "Start")
    git(tmp_path / "repo", "branch", BRANCH)
    (tmp_path / "body.md").write_text("Figures\n", encoding="utf-8")
    return tmp_path / "repo"


def put_gh(folder: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:])\nsys.stderr.write('no')\nsys.exit({code})\n"
    )
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "gh").write_text(script, encoding="utf-8")
    (folder / "bin" / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("tolerance", [TOLERANCE, 0.001, 5])
def test_another_tolerance_is_named(tolerance: float) -> None:
    """A reviewer sees that the proof was weaker, or stronger."""
    taken = Taken("line", "line", {}, {}, {}, {}, "", "", 1)
    plan = Plan(Prototype("repo", "v1", "c" * 40), taken, None, None, "repo")
    body = pull_request_body(plan, Proof({"slope": 10.0}, cases=3, tolerance=tolerance), [], [])
    assert "3 inference tests passed." in body
    assert (f"`--tolerance {tolerance:g}`" in body) == (tolerance != TOLERANCE), body


def test_it_pushes_and_opens(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_gh(tmp_path, 0, monkeypatch)
    said = open_pull_request(repo, BRANCH, "Promote line v1", tmp_path / "body.md")
    assert said == f"pr create --head {BRANCH} --title Promote line v1 --body-file {tmp_path / 'body.md'}"
    assert git(tmp_path / "origin", "rev-parse", BRANCH) == git(repo, "rev-parse", BRANCH)


def test_what_can_fail(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what is done, and how to go on."""
    put_gh(tmp_path, 1, monkeypatch)
    with pytest.raises(UserError, match=r"is pushed, but gh could not open a pull request: no\..*body\.md"):
        open_pull_request(repo, BRANCH, "Promote line v1", tmp_path / "body.md")
    git(repo, "remote", "set-url", "origin", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"could not be pushed.*git push -u origin promote/line-v1"):
        open_pull_request(repo, BRANCH, "Promote line v1", tmp_path / "body.md")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="gh is not installed"):
        open_pull_request(repo, BRANCH, "Promote line v1", tmp_path / "body.md")
