"""Whether a commit is in the branch that people review and merge to: the default branch of `origin`."""

from __future__ import annotations

import subprocess
from pathlib import Path

_REF = "refs/factory/merged"


def not_merged(root: Path, commit: str) -> str | None:
    """Why a commit may not be published, with what to do; None if it is in origin's default branch.

    Works in a shallow clone and with a detached HEAD as well: what is missing of the branch is fetched.
    """
    said = _git(root, "ls-remote", "--symref", "origin", "HEAD")
    if said.returncode:
        reason = (said.stderr.strip().splitlines() or ["git says nothing more"])[-1]
        return f"The default branch of origin cannot be read: {reason}"
    lines = [line.split() for line in said.stdout.splitlines()]
    head = next((words[0] for words in lines if words[-1:] == ["HEAD"] and words[0] != "ref:"), None)
    if head is None:
        return (
            "origin has no default branch yet, so nobody can know that this commit was reviewed. "
            "Push it first: `git push origin main`."
        )
    name = next((words[1].removeprefix("refs/heads/") for words in lines if words[0] == "ref:"), "HEAD")
    if commit == head:
        return None
    if _git(root, "cat-file", "-e", head + "^{commit}").returncode:
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        fetched = _git(root, "-c", "gc.auto=0", "fetch", *quiet, "origin", f"+HEAD:{_REF}")
        if fetched.returncode:
            reason = (fetched.stderr.strip().splitlines() or ["git says nothing more"])[-1]
            return f"The branch {name} of origin cannot be fetched: {reason}"
        head = _git(root, "rev-parse", _REF).stdout.strip()
    if _git(root, "merge-base", "--is-ancestor", commit, head).returncode == 0:
        return None
    return (
        f"Commit {commit[:7]} is not in the branch {name} of origin. Push it, or merge its pull request, "
        "and register it then."
    )


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", check=False
    )
