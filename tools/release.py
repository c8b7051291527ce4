"""Make a release of the template: `start.py release`. docs/how-to/use-your-own-copy.md says what it does."""

from __future__ import annotations

import datetime
import difflib
import platform
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlroad.core.files import write_text
from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.signals import ignored
from mlroad.core.text import count
from mlroad.core.wheel import with_version
from tools.changelog import UNRELEASED, Commit, breaking, drafts, released, section, with_release
from tools.release_tags import VERSION, numbers, release_tags

CHANGELOG = "CHANGELOG.md"
UPGRADING = "docs/how-to/upgrading.md"
NOTHING_TO_DO = "Nothing beyond `mlroad update`."
PARTS = ("major", "minor", "patch", "house")
COOLDOWN = datetime.timedelta(days=7)
"""A package may be this old at the earliest: broken and malicious releases are mostly withdrawn by then."""
_RESOLUTION = re.compile(r'((?:exclude-newer|EXCLUDE_NEWER) = )"(\d{4}-\d\d-\d\d)T00:00:00Z"')


@dataclass(frozen=True)
class Wanted:
    """What the user asked for."""

    version: str
    """A version, or one of PARTS."""
    resolution: datetime.date | None = None
    tag: bool = True
    as_written: bool = False
    today: datetime.date = field(default_factory=datetime.date.today)


@dataclass(frozen=True)
class Plan:
    """A release that can be made: nothing is written yet."""

    repo: Path
    base: str
    version: str
    tag: bool
    texts: dict[str, str]
    """The files that change."""
    notes: list[str]

    def diff(self) -> str:
        """What changes, as a patch."""
        lines: list[str] = []
        for name, text in self.texts.items():
            old = (self.repo / name).read_text(encoding="utf-8").splitlines(keepends=True)
            lines += difflib.unified_diff(old, text.splitlines(keepends=True), f"a/{name}", f"b/{name}")
        return "".join(lines)


def plan(repo: Path, wanted: Wanted) -> Plan | None:
    """What a release would change; None if there is nothing to release. Raises UserError."""
    seen = _check_checkout(repo, on_main=wanted.tag)
    tags = release_tags(repo)
    last = next(iter(release_tags(repo, "--merged", "HEAD")), "")
    commits = _commits(repo, last)
    version = _version(wanted.version, tags, _current_version(repo), has_commits=bool(commits))
    if version is None or (f"v{version}" in tags and last == f"v{version}" and not commits):
        return None
    if f"v{version}" in tags:
        raise UserError(f"v{version} exists already, and is another commit.", _name_newer(tags[0]))
    texts, notes = _texts(repo, wanted, version, commits if last else [])
    return Plan(
        repo, run_git(repo, "rev-parse", "HEAD", check=True).text, version, wanted.tag, texts, seen + notes
    )


def make(it: Plan, tested: Callable[[Path], str]) -> None:
    """Commit and tag: all of it, or nothing. Raises UserError, and what ``tested`` raises.

    The release is prepared and tested in a checkout beside this one, and comes here as a whole.
    """
    with tempfile.TemporaryDirectory(prefix="mlroad-release-") as temporary:
        beside = Path(temporary).resolve() / "checkout"
        try:
            run_git(it.repo, "worktree", "add", "--quiet", "--detach", str(beside), it.base, check=True)
            for name, text in it.texts.items():
                write_text(beside / name, text)
            message = tested(beside)
            if it.texts:
                said = f"chore(release): {it.version}\n\n{message}"
                run_git(beside, "commit", "--quiet", "--all", "--message", said, check=True)
            commit = run_git(beside, "rev-parse", "HEAD", check=True).text
        finally:
            with ignored():  # twice: git locks one whose creation was stopped
                run_git(it.repo, "worktree", "remove", "--force", "--force", str(beside))
    with ignored():
        _bring(it, commit, message)


def _bring(it: Plan, commit: str, message: str) -> None:
    """Make the commit the newest one here, and tag it; or neither."""
    if run_git(it.repo, "rev-parse", "HEAD", check=True).text != it.base:
        raise UserError("There are new commits here. Nothing was released.", "Start again.")
    run_git(it.repo, "merge", "--quiet", "--ff-only", commit, check=True)
    if not it.tag:
        return
    said = f"ML Road {it.version}\n\n{message}"
    tag = run_git(it.repo, "tag", "--annotate", f"v{it.version}", commit, "--message", said)
    if not tag.ok:
        run_git(it.repo, "reset", "--quiet", "--keep", it.base, check=True)
        raise UserError(f"git could not make the tag: {tag.reason}", "Nothing was released.")


def tests_in_words(how: str) -> str:
    """The line about the tests in the commit and the tag."""
    return f"Tests: {how} ({platform.system()}, Python {platform.python_version()})"


def _check_checkout(repo: Path, *, on_main: bool) -> list[str]:
    """What to tell the user about the checkout. Raises UserError if no release can be made from it."""
    if run_git(repo, "status", "--porcelain", check=True).text:
        raise UserError("There are uncommitted changes.", "Commit them: `git status` lists them.")
    branch = run_git(repo, "branch", "--show-current").text
    remote = run_git(repo, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    main = remote.text.removeprefix("origin/") if remote.ok else "main"
    if on_main and branch != main:
        fix = f"`git switch {main}`. On another branch, --no-tag prepares a release for a pull request."
        raise UserError(f"This is {branch or 'a detached HEAD'}, and releases are tags on {main}.", fix)
    # Tags of others count, and so do commits that are on the server only. It may be out of reach.
    quiet = {"GIT_TERMINAL_PROMPT": "0"}
    fetched = run_git(repo, "fetch", "--quiet", "--tags", "origin", environment=quiet)
    missing = run_git(repo, "rev-list", "--count", f"HEAD..refs/remotes/origin/{main}")
    if on_main and missing.ok and missing.text != "0":
        raise UserError(
            f"{main} lacks {count(int(missing.text), 'commit')} of origin.", "`git pull`, and start again."
        )
    if fetched.ok or not run_git(repo, "remote", "get-url", "origin").ok:
        return []
    return [f"origin could not be read, so it may have newer commits and tags ({fetched.reason})"]


def _current_version(repo: Path) -> str:
    text = (repo / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    if not found:
        raise UserError('pyproject.toml: It has no line `version = "…"`.', "Restore it.")
    return found[1]


def _version(asked: str, tags: list[str], current: str, *, has_commits: bool) -> str | None:
    """The version to release; None if a part was asked for, and there are no new commits."""
    if asked not in PARTS:
        version = asked.removeprefix("v")
        if not VERSION.fullmatch(version):
            parts = ", ".join(PARTS)
            raise UserError(f"{asked!r} is not a version, such as 1.2.3.", f"Or name a part: {parts}.")
        if tags and f"v{version}" not in tags and numbers(version) < numbers(tags[0]):
            raise UserError(f"{version} is older than {tags[0]}.", _name_newer(tags[0]))
        if VERSION.fullmatch(current) and numbers(version) < numbers(current):
            raise UserError(
                f"{version} is older than {current} in pyproject.toml.", f"Name {current} or a newer one."
            )
        return version
    if not tags:
        raise UserError("There is no release yet, so there is no part to raise.", "Name the version.")
    if not has_commits:
        return None
    part = PARTS.index(asked)
    last = numbers(tags[0])
    if asked == "house":
        # What was merged from the template that this one is a copy of may be newer than the own tags.
        if numbers(current) > last and len(numbers(current)) > len(PARTS) - 1:
            return current  # prepared
        last = max(last, numbers(current))
    raised = [*last[:part], [*last, 0][part] + 1, 0, 0]
    return ".".join(map(str, raised[: max(part + 1, 3)]))


def _name_newer(tag: str) -> str:
    return f"Name a version that is newer than {tag}, or a part: {', '.join(PARTS)}."


def _commits(repo: Path, last: str) -> list[Commit]:
    """The commits since a tag, newest first."""
    span = ["--no-merges", f"{last}..HEAD" if last else "HEAD"]
    listed = run_git(repo, "log", "-z", "--format=%H%n%s%n%b", *span, check=True).names
    written = run_git(repo, "log", "--format=%H", *span, "--", CHANGELOG, check=True).text.split()
    parts = [one.split("\n", 2) for one in listed]
    return [Commit(name, subject, body, name in written) for name, subject, body in parts]


def _texts(
    repo: Path, wanted: Wanted, version: str, commits: list[Commit]
) -> tuple[dict[str, str], list[str]]:
    """The files that change, and what to tell the user about them."""
    old = {name: (repo / name).read_text(encoding="utf-8") for name in (CHANGELOG, UPGRADING)}
    for name, text in old.items():
        if f"\n## {UNRELEASED}\n" not in text:
            raise UserError(f"{name}: There is no heading ## {UNRELEASED}.", "Add it above the releases.")
    day = wanted.today.isoformat()
    is_prepared = bool(section(old[CHANGELOG], version))
    drafted = {} if wanted.as_written else drafts(commits, old[CHANGELOG])
    texts = {
        CHANGELOG: _changelog(old[CHANGELOG], version, day, drafted),
        UPGRADING: _upgrading(old[UPGRADING], version, day, commits),
        **with_version(repo, version),
    }
    texts |= _with_resolution(repo, wanted, texts, is_prepared=is_prepared)
    lines = sum(map(len, drafted.values()))
    notes = [f"{count(lines, 'line')} of the changelog were drafted from commits"] if lines else []
    changed = {
        name: text for name, text in texts.items() if text != (repo / name).read_text(encoding="utf-8")
    }
    return changed, notes


def _changelog(text: str, version: str, day: str, drafted: Mapping[str, Sequence[str]]) -> str:
    base, _, own = version.rpartition(".")
    if drafted or section(text, UNRELEASED):
        return released(text, version, day, drafted)
    if section(text, version):
        return text
    if VERSION.fullmatch(base):  # the parts of the merged releases say the rest
        return released(text, version, day, {"Changed": [f"- Release {own} on top of {base}."]})
    what = f"{CHANGELOG}: Nothing is below ## {UNRELEASED}, and no commit changes anything for users."
    raise UserError(what, f"Write a line, or do not release {version}.")


def _upgrading(page: str, version: str, day: str, commits: list[Commit]) -> str:
    written = section(page, UNRELEASED)
    earlier = section(page, version)
    if written == NOTHING_TO_DO and earlier:
        return page
    if written in ("", NOTHING_TO_DO) and (broken := breaking(commits)):
        what = f"{UPGRADING}: Nothing is below ## {UNRELEASED}, and {broken[0].id[:7]} breaks something"
        raise UserError(f"{what} ({broken[0].subject}).", "Write there what users have to do, and commit it.")
    body = "\n\n".join(part for part in (written, earlier) if part) or NOTHING_TO_DO
    return with_release(page, version, day, body, f"{NOTHING_TO_DO}\n\n")


def _with_resolution(
    repo: Path, wanted: Wanted, texts: Mapping[str, str], *, is_prepared: bool
) -> dict[str, str]:
    """The files that name the date of the resolution, with the new one. It never goes back.

    A version that was prepared keeps the date with which it was tested.
    """
    found = {}
    for name in run_git(repo, "grep", "-l", "-z", "-I", "-i", "exclude.newer = ", "--", ":!tests").names:
        text = texts.get(name) or (repo / name).read_text(encoding="utf-8")
        dates = [datetime.date.fromisoformat(day) for _, day in _RESOLUTION.findall(text)]
        if dates:
            newest = max(dates) if is_prepared else wanted.today - COOLDOWN
            new = wanted.resolution or max(*dates, newest)
            if new > wanted.today or new < max(dates):
                what = f"The date of the resolution is {max(dates)}, so it cannot become {new}."
                raise UserError(what, "Name a day from then until today.")
            found[name] = _RESOLUTION.sub(rf'\g<1>"{new}T00:00:00Z"', text)
    return found
