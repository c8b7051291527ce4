"""Fetch a tag of a prototyping repo, from a path or a git URL."""

import re
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import GitOutput, has_commit, run_git
from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError
from mlroad.promote.workbench import Workbench

FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--update-shallow",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--end-of-options",
)
"""The command of git that fetches from a repo; its address and what to fetch follow."""
_ORIGIN_SECONDS = 15
_ONLY_SERVER = re.compile(r"[a-z][a-z0-9+.-]+://[^/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prototype:
    """A tag of a prototyping repo, fetched into the workbench."""

    repo: str
    """Its address for people: without a password, and of the server if a path has one."""
    tag: str
    commit: str


def parse_source(source: str) -> tuple[str, str]:
    """The repo and the tag in ``repo@tag``. Raises UserError."""
    repo, _, tag = source.rpartition("@")
    if not repo or not tag or repo.startswith("-") or _ONLY_SERVER.fullmatch(repo) or not _is_tag(tag):
        what = f"{without_login(source)} does not name a tag."
        raise UserError(
            what, "Write REPO@TAG, such as ../prototypes@v1 or https://github.com/my-org/repo@v1."
        )
    return repo, tag


def fetch_tag(bench: Workbench, repo: str, tag: str) -> Prototype:
    """Fetch exactly the commit of a tag, with its history. Raises UserError for anything but a tag."""
    address = address_of(repo)
    name = f"refs/tags/{tag}"
    done = bench.run(*FETCH, address, f"+{name}:{name}", check=False)
    if not done.ok:
        raise _no_such_tag(bench, repo, tag, done)
    found = bench.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
    if not found.ok:
        raise UserError(f"The tag {tag} of {public_address(repo)} does not name a commit.", "Tag a commit.")
    return Prototype(public_address(repo), tag, found.text)


def fetch_commit(bench: Workbench, repo: str, tag: str, commit: str) -> bool:
    """Make sure that the workbench has an older commit of the repo. False if the repo does not have it."""
    if has_commit(bench.git, commit):
        return True
    for wanted in (f"refs/tags/{tag}", commit):
        bench.run(*FETCH, address_of(repo), wanted, check=False)
        if has_commit(bench.git, commit):
            return True
    return False


def address_of(repo: str) -> str:
    """What git can fetch from, wherever it runs."""
    return str(Path(repo).resolve()) if Path(repo).is_dir() else repo


def public_address(repo: str) -> str:
    """The address to write down: a path becomes the server that it was cloned from, and no login is kept."""
    if Path(repo).is_dir():
        origin = run_git(Path(repo), "remote", "get-url", "origin")
        repo = origin.text if origin.ok and origin.text else Path(repo).resolve().as_posix()
    return without_login(repo)


def not_in_origin(repo: str, its: Prototype) -> str:
    """A warning if a path's origin, whose address is written down, does not have the tag; else empty.

    Without an origin, or if it cannot be asked, nothing is known.
    """
    if not Path(repo).is_dir():
        return ""
    name, quiet = f"refs/tags/{its.tag}", {"GIT_TERMINAL_PROMPT": "0"}
    asked = ("ls-remote", "origin", name, f"{name}^{{}}")
    done = run_git(Path(repo), *asked, environment=quiet, seconds=_ORIGIN_SECONDS)
    if not done.ok or its.commit in done.text.split():
        return ""
    if done.text:
        return f"Warning: origin ({its.repo}) has another commit at the tag {its.tag}. Make a new tag."
    push = f"git push origin {its.tag}"
    return f"Warning: the tag {its.tag} is not in origin ({its.repo}) yet. In the prototype: {push}"


def _is_tag(tag: str) -> bool:
    return run_git(Path(), "check-ref-format", f"refs/tags/{tag}").ok


def _no_such_tag(bench: Workbench, repo: str, tag: str, done: GitOutput) -> UserError:
    shown = public_address(repo)
    listed = bench.run(
        "ls-remote", "--sort=version:refname", "--end-of-options", address_of(repo), check=False
    )
    if not listed.ok:
        return UserError(
            f"{shown} cannot be read: {done.first_reason}.",
            "Check the path or the address, and that you may read it.",
        )
    names = [line.split("\t")[1] for line in listed.text.splitlines() if "\t" in line]
    if f"refs/tags/{tag}" in names:
        what = f"The tag {tag} of {shown} cannot be fetched: {done.first_reason}."
        return UserError(what, "Try it there: git fsck, and git fetch if the clone is a partial one.")
    if f"refs/heads/{tag}" in names:
        what = f"{tag} is a branch of {shown}, and a branch moves."
        return UserError(
            what, f"Tag the commit in the prototype: git tag {tag}-1 && git push origin {tag}-1."
        )
    tags = [name.removeprefix("refs/tags/") for name in names if name.startswith("refs/tags/")]
    known = [name for name in tags if not name.endswith("^{}")][-5:]
    fix = f"Its newest tags are {', '.join(known)}." if known else "It has no tags: run `mlroad ready` there."
    return UserError(f"{shown} has no tag {tag}.", fix)
