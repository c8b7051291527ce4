"""`mlroad guard --commits BASE`: what a commit added is found, even if a later commit removed it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlroad.guard.commits import commits_since
from tests.unit.guard.conftest import Guard, environment
from tests.unit.guard.corpus import Maker

MADE = Maker(12)
TOKEN = "gh" + "p_" + MADE.alnum(36)
OTHER = "gh" + "p_" + MADE.alnum(36)


def git(repo: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repo), *arguments], env=environment(), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(repo: Path, message: str = "change", **files: str | None) -> str:
    for name, text in files.items():
        file = repo / f"{name}.txt"
        if text is None:
            file.unlink()
        else:
            file.write_text(text, encoding="utf-8")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def base(repo: Path) -> str:
    """The commit before the pull request. It holds an old secret, which the pull request did not add."""
    return commit(repo, old=f"{OTHER}\n")


def test_a_secret_that_was_added_and_removed_again_is_red(repo: Path, guard: Guard, base: str) -> None:
    leak = commit(repo, a=f"x\n{TOKEN}\n")
    commit(repo, a="x\n")
    done = guard("--commits", base)
    assert done.returncode == 1
    assert done.stdout.startswith("a.txt:2: secret: GitHub token: a secret of 40 characters, SHA-256 ")
    assert f"in commit {leak[:10]}. Revoke it" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert done.stderr == "mlroad guard: 1 problem in 2 commits.\n"
    # It is over once a person has recorded it, as the message says.
    allowed = guard("allow", "a.txt:2", "--commit", leak[:10], "--reason", "revoked today")
    assert allowed.returncode == 0, allowed.stderr
    assert guard("--commits", base).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deleted", "renamed", "in a merge", "in the message"])
def test_every_way_into_the_history_is_red(repo: Path, guard: Guard, base: str, kind: str) -> None:
    if kind == "deleted":
        commit(repo, a=f"{TOKEN}\n")
        commit(repo, a=None)
    elif kind == "renamed":
        commit(repo, a=f"{TOKEN}\n")
        git(repo, "mv", "--", "a.txt", "-b.txt")
        commit(repo, "rename")
    elif kind == "in a merge":
        git(repo, "switch", "--quiet", "-c", "side")
        commit(repo, b="b\n")
        git(repo, "switch", "--quiet", "main")
        commit(repo, c="c\n")
        git(repo, "merge", "--quiet", "--no-commit", "side")
        commit(repo, "merge", d=f"{TOKEN}\n")
    else:
        commit(repo, f"Sign in with {TOKEN}")
    done = guard("--commits", base)
    assert (done.returncode, "secret: GitHub token" in done.stdout) == (1, True), done.stderr


def test_what_the_base_already_has_and_what_is_allowed_is_green(repo: Path, guard: Guard, base: str) -> None:
    commit(repo, old=f"{OTHER}\nmore\n")  # changes a file with an old secret
    commit(repo, a=f"x = '{TOKEN}'\n")  # a false alarm, which the next commit allows
    commit(repo, a=f"x = '{TOKEN}'  # pragma: allowlist secret\n")
    done = guard("--commits", base)
    assert (done.returncode, done.stdout) == (
        0,
        "mlroad guard: 3 commits are clean (secrets, large-files).\n",
    )


def test_no_commits_are_green_whatever_the_last_message_says(repo: Path, guard: Guard, base: str) -> None:
    last = commit(repo, message=f"token {TOKEN}")
    assert guard("--commits", base).returncode == 1
    assert guard("--commits", last).returncode == 0


def test_a_large_file_in_between_is_red(repo: Path, guard: Guard, base: str) -> None:
    commit(repo, big="x" * 11_000_000)
    commit(repo, big=None)
    done = guard("--commits", base)
    assert done.returncode == 1
    assert done.stdout.startswith("big.txt: large-file: The file is 11.0 MB, but the limit is 10 MB. Commit ")


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "0" * 40])
def test_a_first_push_is_checked_from_the_first_commit(
    repo: Path, guard: Guard, base: str, start: str
) -> None:
    done = guard("--commits", start)
    assert done.returncode == 1
    assert done.stdout.startswith("old.txt:1: secret: ")


@pytest.mark.slow
def test_without_the_history_it_cannot_be_green(repo: Path, guard: Guard, base: str, tmp_path: Path) -> None:
    done = guard("--commits", "1" * 40)
    assert (done.returncode, "fetch-depth: 0" in done.stderr) == (2, True)
    commit(repo, a="a\n")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repo.as_posix()}", "shallow")
    done = guard("--commits", base, folder=tmp_path / "shallow")
    assert (done.returncode, "fetch-depth: 0" in done.stderr) == (2, True)


def test_only_one_thing_is_checked_at_a_time(guard: Guard) -> None:
    assert guard("--commits", "HEAD", "--all").returncode == 2


def test_a_branch_whose_merge_brought_nothing_counts(repo: Path, base: str) -> None:
    git(repo, "switch", "--quiet", "-c", "side")
    added = commit(repo, a="x")
    removed = commit(repo, a=None)
    git(repo, "switch", "--quiet", "main")
    commit(repo, b="x")
    git(repo, "merge", "--quiet", "--no-ff", "side")
    assert {added, removed} <= set(commits_since(repo, base, ["a.txt"]))
