"""git, started as a process. Every question to git goes through `run_git`."""

import io
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError

STATUS = ("status", "--porcelain=v2", "--branch")
"""The arguments of git whose output `parse_status` reads."""
_OF_ANOTHER_REPO = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_SHALLOW_FILE",
        "GIT_NAMESPACE",
    }
)
"""What git sets for a hook, an alias and `rebase --exec`: it counts more than the folder of a command.

``GIT_INDEX_FILE`` is not here: a hook before a commit reads the files of that index.
"""


class GitError(UserError):
    """git is missing, or a git command failed."""


@dataclass(frozen=True, slots=True)
class GitOutput:
    """What a git command printed, and its exit code."""

    code: int
    data: bytes
    """Its standard output."""
    errors: str
    """Its error output, without passwords in addresses."""

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def text(self) -> str:
        """The standard output, without white space around it."""
        return self.data.decode("utf-8", "surrogateescape").strip()

    @property
    def names(self) -> list[str]:
        """The parts of an output that NUL characters separate (``-z``)."""
        return [name for name in self.data.decode("utf-8", "surrogateescape").split("\0") if name]

    @property
    def reason(self) -> str:
        """The last line of the error output, or else of the output."""
        lines = (self.errors.strip() or self.text).splitlines()
        return lines[-1] if lines else f"exit code {self.code}"

    @property
    def first_reason(self) -> str:
        """The first fatal line of the error output, which the advice follows; else the same as `reason`."""
        fatal = [line for line in self.errors.splitlines() if line.startswith("fatal:")]
        return (fatal or [self.reason])[0].removeprefix("fatal:").strip().rstrip(".")


def git_environment() -> dict[str, str]:
    """The variables of this process without those that name a repo."""
    return {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPO}


_STOPPED = 124
"""The exit code of a git that took too long, as of the program `timeout`."""


def run_git(
    folder: Path,
    *arguments: str,
    stdin: str | bytes = b"",
    environment: Mapping[str, str] | None = None,
    check: bool = False,
    seconds: float | None = None,
) -> GitOutput:
    """Run git in the repo around ``folder``; messages are in English.

    ``environment`` is added to this process's own, from which variables that name a repo are left out.
    After ``seconds``, it is stopped and has failed: a server may accept a connection and never answer.
    Raises GitError if git is not installed and, with ``check``, if the command fails.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            input=stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin,
            env={**git_environment(), "LC_ALL": "C", **(environment or {})},
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return GitOutput(_STOPPED, b"", f"it did not answer within {seconds:g} seconds")
    except OSError as error:
        reason = "git is not installed" if isinstance(error, FileNotFoundError) else f"git: {error.strerror}"
        raise GitError(f"{reason}.", "Install git and try again.") from None
    output = GitOutput(done.returncode, done.stdout, without_login(done.stderr.decode("utf-8", "replace")))
    if check and not output.ok:
        name = next(it for before, it in pairwise(("", *arguments)) if before != "-c" and it[:1] != "-")
        raise GitError(f"git {name} failed: {output.reason.rstrip('.')}.", _remedy(output.errors, folder))
    return output


def top_folder(folder: Path) -> Path | None:
    """The top of the git repo around ``folder``; None outside a repo. Raises GitError without git."""
    found = run_git(folder, "rev-parse", "--show-toplevel")
    return Path(found.text) if found.ok else None


def has_commit(root: Path, commit: str) -> bool:
    """Whether this clone has a commit: a shallow one lacks older ones. Raises GitError without git."""
    return run_git(root, "cat-file", "-e", f"{commit}^{{commit}}").ok


def how_to_fetch(root: Path) -> str:
    """What to do if this clone lacks a commit. In a complete clone, `git fetch --unshallow` is an error."""
    if run_git(root, "rev-parse", "--is-shallow-repository").text == "true":
        return "Fetch the whole history: `git fetch --unshallow`, or in a workflow `fetch-depth: 0`."
    return "Fetch what is new (`git fetch origin`), or check the name."


def file_at(root: Path, commit: str, path: str) -> bytes | None:
    """The content of a file (relative to ``root``) in a commit; None if the commit does not have it.

    Raises GitError without git.
    """
    found = run_git(root, "cat-file", "blob", f"{commit}:./{path}")
    return found.data if found.ok else None


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, folder (``tree``) or submodule (``commit``) of a commit, not read yet."""

    mode: str
    kind: str
    name: str
    """What git calls its content."""
    size: int
    """0 if it was not asked for (``--long``)."""
    path: str


def tree_entries(listed: GitOutput) -> list[TreeEntry]:
    """The output of ``git ls-tree -z``, with ``--long`` or without."""
    found = []
    for line in listed.names:
        about, _, path = line.partition("\t")
        mode, kind, name, *size = about.split()
        found.append(TreeEntry(mode, kind, name, int(size[0]) if size and size[0].isdigit() else 0, path))
    return found


def read_blobs(folder: Path, names: Iterable[str]) -> list[bytes]:
    """The contents of blobs in the order of their names, all read by one process. Raises GitError."""
    listed = list(names)
    asked = "".join(f"{name}\n" for name in listed)
    output = run_git(folder, "cat-file", "--batch", stdin=asked, check=True).data
    found: list[bytes] = []
    at = 0
    for name in listed:  # each is a line such as "<name> blob <size>", the content, and a newline
        start = output.index(b"\n", at) + 1
        size = output[at:start].split()[-1]
        if size == b"missing":
            raise GitError(f"This clone does not have the content {name[:12]}.", "Clone the repo again.")
        at = start + int(size) + 1
        found.append(output[start : at - 1])
    return found


def dirty_files(root: Path, *paths: str, untracked: bool = True) -> list[str]:
    """The files in ``paths`` (default: all) that differ from HEAD or are new. Raises GitError."""
    new = f"--untracked-files={'all' if untracked else 'no'}"
    options = ("--porcelain", "-z", "--no-renames", new)
    return [entry[3:] for entry in run_git(root, "status", *options, "--", *paths, check=True).names]


def current_branch(root: Path) -> str:
    """The branch that is checked out; empty if a commit is."""
    return run_git(root, "symbolic-ref", "--quiet", "--short", "HEAD").text


def base_commit(root: Path) -> str:
    """Where HEAD left the default branch; on that branch, the commit before HEAD. Empty if there is none."""
    head = run_git(root, "rev-parse", "HEAD").text
    for branch in ("origin/HEAD", "origin/main", "main", "master"):
        found = run_git(root, "merge-base", "HEAD", branch)
        if found.ok and found.text and found.text != head:
            return found.text
    before = run_git(root, "rev-parse", "--verify", "--quiet", "HEAD~1")
    return before.text if before.ok else ""


def commit_state(root: Path) -> dict[str, Any]:
    """The ``commit`` that is checked out, and whether files differ from it (``dirty``); None if unknown."""
    try:
        found = run_git(root, *STATUS, environment={"GIT_OPTIONAL_LOCKS": "0"})
    except GitError:
        return parse_status("")
    return parse_status(found.text if found.ok else "")


def parse_status(output: str) -> dict[str, Any]:
    """The same, from the output of git with the arguments `STATUS`; empty outside a repo."""
    lines = output.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    dirty = any(not line.startswith("#") for line in lines)
    return {"commit": None if commit == "(initial)" else commit, "dirty": dirty if lines else None}


def unpack(archive: bytes, target: Path) -> None:
    """Write the files of a `git archive --format=tar` to ``target``."""
    import tarfile  # imported here: it takes 6 ms, and few commands need it

    # The first releases of Python 3.11 have no filters.
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(target, **options)  # noqa: S202 (git itself wrote this archive)


def _remedy(errors: str, folder: Path) -> str:
    if "not a git repository" in errors:
        if (folder / ".copier-answers.yml").is_file():
            return "Run `mlroad setup`, which creates the repo and installs its hooks."
        return "Change into a git repo, or create one with `git init`."
    return "Run that git command by hand to see more."


class Git:
    """Questions about the repo around ``root``. Outside a git repo, or without git, every answer is empty."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def is_repo(self) -> bool:
        """Whether ``root`` is the top of a git repo (and not a folder inside another repo)."""
        top = self._ask("rev-parse", "--show-toplevel")
        return bool(top) and Path(top).resolve() == self._root.resolve()

    @cached_property
    def is_first_commit(self) -> bool:
        """Whether HEAD has no parent. A shallow clone only looks like that."""
        return self._ask("rev-list", "--count", "HEAD") == "1" and not self._is_shallow

    @property
    def _is_shallow(self) -> bool:
        return self._ask("rev-parse", "--is-shallow-repository") != "false"

    def commit(self) -> str | None:
        """The commit that is checked out; None before the first one."""
        return self._ask("rev-parse", "--verify", "--quiet", "HEAD") or None if self.is_repo else None

    def is_dirty(self, folder: Path) -> bool:
        """Whether anything below ``folder`` (relative to the root) differs from the commit."""
        try:
            return bool(dirty_files(self._root, folder.as_posix()))
        except GitError:
            return False

    def resolve(self, reference: str) -> str:
        """The commit of a branch, tag or commit. Raises UserError if git does not know it."""
        found = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        if not found:
            deeper = "Fetch more of the history (in CI: fetch-depth: 2)."
            raise UserError(
                f"git does not know {reference} here.", deeper if self._is_shallow else "Check the name."
            )
        return found

    def blobs(self, commit: str, folder: str) -> dict[str, str]:
        """The files below ``folder`` in a commit: path to the name of its content."""
        listed = self._run("ls-tree", "-r", "-z", commit, "--", f"{folder}/")
        return {entry.path: entry.name for entry in tree_entries(listed)}

    def differing(self, commit: str, folder: str) -> list[str]:
        """The paths below ``folder`` that have changed since a commit, or are gone."""
        return self._run(
            "diff", "-z", "--name-only", "--no-renames", "--diff-filter=MDT", commit, "--", folder
        ).names

    def content(self, name: str) -> bytes:
        """The content of a blob (``commit:path`` names one, too)."""
        return self._run("cat-file", "blob", name).data

    def references(self) -> list[str]:
        """The commits at the tips of all branches, local and remote, all tags, and the stash."""
        return sorted(set(self._ask("for-each-ref", "--format=%(objectname)").split()))

    def extract(self, commit: str, folder: str, target: Path) -> bool:
        """Write ``folder`` as it was in a commit to ``target``; False if git has no such commit or folder."""
        packed = self._run("archive", "--format=tar", commit, "--", folder).data
        if not packed:
            return False
        unpack(packed, target)
        return True

    def ignored(self, files: Sequence[Path]) -> list[Path]:
        """Those of ``files`` that git ignores."""
        known = {file.resolve(): file for file in files}
        names = "\0".join(str(file) for file in known)
        return [
            known[Path(name).resolve()]
            for name in self._run("check-ignore", "-z", "--stdin", stdin=names).names
        ]

    def altered(self, files: Sequence[Path]) -> list[Path]:
        """Those of ``files`` whose bytes git would change on commit (line ends, filters)."""
        plain = [file for file in files if "\n" not in str(file)]
        names = "".join(f"{file.resolve()}\n" for file in plain)
        kept = self._run("hash-object", "--no-filters", "--stdin-paths", stdin=names).data.split()
        filtered = self._run("hash-object", "--stdin-paths", stdin=names).data.split()
        return [file for file, a, b in zip(plain, kept, filtered, strict=False) if a != b]

    def _ask(self, *arguments: str) -> str:
        return self._run(*arguments).text

    def _run(self, *arguments: str, stdin: str = "") -> GitOutput:
        try:
            return run_git(self._root, *arguments, stdin=stdin)
        except GitError:
            return GitOutput(127, b"", "")
