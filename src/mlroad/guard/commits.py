"""What commits added, even if a later commit removed it: whoever can read the repo can still read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import read_blobs, run_git
from mlroad.core.problems import Position, Problem, UserError
from mlroad.guard.file_checks import too_large
from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.secret_scan import FoundSecret, SecretScan, as_problem

MESSAGE = "commit message"
"""The name of a commit's message, where a file has its path."""
_REGULAR = ("100644", "100755")
# Limits how many files are in memory at once.
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class _Added:
    """The content that a commit gave a file, and what the file was before it (in each parent)."""

    commit: str
    name: str
    blob: str
    before: tuple[str, ...]


def commits_since(root: Path, base: str, under: Sequence[str] = ()) -> list[str]:
    """The commits of HEAD that ``base`` does not have, oldest first; all if ``base`` is empty or zeros.

    ``under``: only commits that changed these paths.

    Raises UserError if this clone does not have them.
    """
    deeper = "Fetch the whole history (in CI: fetch-depth: 0)."
    if run_git(root, "rev-parse", "--is-shallow-repository", check=True).text == "true":
        raise UserError("This clone does not have every commit.", deeper)
    exclude = []
    if base.strip("0"):
        known = run_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
        if not known.ok:
            raise UserError(f"git does not know {base} here.", deeper)
        exclude = [f"^{known.text}"]
    if not run_git(root, "rev-parse", "--verify", "--quiet", "HEAD").ok:
        return []
    # Without --full-history, git leaves out a branch whose merge brought nothing of ``under``.
    options = ("--reverse", "--full-history")
    return run_git(root, "rev-list", *options, "HEAD", *exclude, "--", *under, check=True).text.split()


def check_commits(settings: Settings, commits: Sequence[str], under: Sequence[str] = ()) -> list[Problem]:
    """The secrets and large files that these commits added, each content once.

    A secret that the newest version of its file allows, by a comment in the line, is allowed. ``under``: only
    what they added there, without their messages.
    """
    problems: list[Problem] = []
    if not commits:  # git would take HEAD
        return problems
    with SecretScan(settings) as scan:
        for added, data in _contents(settings.root, _unique(_added(settings.root, commits, under))):
            source = _source(added.name, data)
            problems += [
                _of_commit(found, added.commit)
                for found in scan.secrets(source)
                if not _was_there(settings.root, added, found)
                and not _allowed_now(settings.root, scan, found)
            ]
            problems += too_large(
                source, len(data), settings.max_file_mb, f" Commit {added.commit[:10]} added it."
            )
        for commit, text in () if under else _messages(settings.root, commits):
            found_there = scan.secrets(_source(MESSAGE, text.encode("utf-8", "surrogateescape")))
            problems += [_of_commit(found, commit) for found in found_there]
    return problems


def file_in_commit(root: Path, commit: str, name: str) -> GuardedFile:
    """A file, or the message, of a commit. Raises UserError if there is none."""
    if name == MESSAGE:
        found = run_git(root, "log", "-1", "--format=%B", "--end-of-options", commit)
    else:
        found = run_git(root, "cat-file", "blob", f"{commit}:{name}")
    if not found.ok:
        raise UserError(f"git does not know {name} in {commit}.", "Copy both from the message.")
    return _source(name, found.data)


def _source(name: str, data: bytes) -> GuardedFile:
    return GuardedFile(Path(name), name, Path(name), data)


def _added(root: Path, commits: Sequence[str], under: Sequence[str]) -> Iterator[_Added]:
    """The files that each commit added or changed; for a merge, those that differ from all its parents."""
    options = ("--stdin", "-r", "-c", "-z", "--root", "--no-renames", "--no-abbrev")
    listed = "\n".join(commits) + "\n"
    parts = iter(run_git(root, "diff-tree", *options, "--", *under, stdin=listed, check=True).names)
    commit = ""
    for part in parts:
        if not part.startswith(":"):
            commit = part
            continue
        name = next(parts)
        fields = part.lstrip(":").split()
        parents = len(part) - len(part.lstrip(":"))
        modes, blobs = fields[: parents + 1], fields[parents + 1 : 2 * parents + 2]
        if modes[-1] in _REGULAR:
            yield _Added(commit, name, blobs[-1], tuple(blob for blob in blobs[:-1] if blob.strip("0")))


def _unique(added: Iterator[_Added]) -> list[_Added]:
    return list({(item.blob, item.name): item for item in reversed(list(added))}.values())[::-1]


def _contents(root: Path, added: Sequence[_Added]) -> Iterator[tuple[_Added, bytes]]:
    for start in range(0, len(added), _CHUNK):
        chunk = added[start : start + _CHUNK]
        yield from zip(chunk, read_blobs(root, (item.blob for item in chunk)), strict=True)


def _messages(root: Path, commits: Sequence[str]) -> Iterator[tuple[str, str]]:
    options = ("--stdin", "--no-walk=unsorted", "-z", "--format=%H%n%B")
    for entry in run_git(root, "log", *options, stdin="\n".join(commits) + "\n", check=True).names:
        commit, _, text = entry.partition("\n")
        yield commit, text


def _was_there(root: Path, added: _Added, found: FoundSecret) -> bool:
    """Whether the file held this secret before: then this commit did not add it."""
    secret = found.value.encode("utf-8", "surrogateescape")
    return any(secret in run_git(root, "cat-file", "blob", blob).data for blob in added.before)


def _allowed_now(root: Path, scan: SecretScan, found: FoundSecret) -> bool:
    """Whether HEAD still has this token in this file, and its scan accepts it."""
    now = run_git(root, "cat-file", "blob", f"HEAD:{found.source.name}")
    if not now.ok or found.value.encode("utf-8", "surrogateescape") not in now.data:
        return False
    return all(other.value != found.value for other in scan.secrets(_source(found.source.name, now.data)))


def _of_commit(found: FoundSecret, commit: str) -> Problem:
    what = f"{as_problem(found).what}, in commit {commit[:10]}."
    place = f"{found.source.name}:{found.line}"
    fix = (
        "Revoke it: a later commit does not remove it from the history. Then take it out of the branch"
        " (`git rebase --interactive`), or, if it is revoked or a false alarm, run"
        f' `mlroad guard allow "{place}" --commit {commit[:10]} --reason WHY`.'
    )
    return Problem(Position(found.source.shown, found.line), "secret", what, fix)
