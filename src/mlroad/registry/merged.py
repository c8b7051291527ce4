"""Check that a commit is in the default branch of `origin`, to which people merge after a review."""

from pathlib import Path

from mlroad.core.git import has_commit, run_git
from mlroad.core.text import some
from mlroad.registry.branch_git import BRANCH

_REF = "refs/factory/merged"


def not_merged(root: Path, commit: str) -> str | None:
    """Why a commit cannot be published, with the remedy; None if it is in origin's default branch.

    It also works in a shallow clone and with a detached HEAD: missing commits of the branch are fetched.
    """
    said = run_git(root, "ls-remote", "--symref", "origin", "HEAD")
    if not said.ok:
        return f"The default branch of origin cannot be read: {said.reason}"
    lines = [line.split() for line in said.text.splitlines()]
    head = next((words[0] for words in lines if words[-1:] == ["HEAD"] and words[0] != "ref:"), None)
    if head is None:
        return (
            f"origin has no default branch, so it is unknown whether this commit was reviewed. {_way(root)}"
        )
    name = next((words[1].removeprefix("refs/heads/") for words in lines if words[0] == "ref:"), "HEAD")
    if commit == head:
        return None
    if not has_commit(root, head):
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        fetched = run_git(root, "-c", "gc.auto=0", "fetch", *quiet, "origin", f"+HEAD:{_REF}")
        if not fetched.ok:
            return f"The branch {name} of origin cannot be fetched: {fetched.reason}"
        head = run_git(root, "rev-parse", _REF).text
    if run_git(root, "merge-base", "--is-ancestor", commit, head).ok:
        return None
    return (
        f"Commit {commit[:7]} is not in the branch {name} of origin. Push it, or merge its pull request, "
        "and register it then."
    )


def _way(root: Path) -> str:
    """How origin gets a default branch. Its HEAD may name one that nobody has pushed."""
    heads = run_git(root, "ls-remote", "--heads", "origin").text.splitlines()
    names = [line.split("refs/heads/")[1] for line in heads]
    there = [name for name in names if name != BRANCH]
    if not there:
        return "Push it first: `git push origin main`."
    name = "main" if "main" in there else there[0]
    return (
        f"Its HEAD names a branch that is not there; there are: {some(there)}. Make {name} the default "
        f"branch in the server's settings, or in a bare repo: `git symbolic-ref HEAD refs/heads/{name}`."
    )
