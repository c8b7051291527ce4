"""A version's part of CHANGELOG.md: from what was written by hand, and drafted from conventional commits."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNRELEASED = "Unreleased"
KINDS = {"feat": "Added", "fix": "Fixed", "perf": "Changed", "revert": "Changed"}
"""Below which heading a type of commit is drafted. The other types change nothing for users."""
_CONVENTIONAL = re.compile(r"([a-z]+)(?:\(([^)]*)\))?(!?): +(\S.*)")
_AND_ANOTHER = re.compile(r"; (?=[a-z]+(?:\([^)]*\))?!?: )")
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE: +(\S(?:.|\n(?!\n|[\w-]+: ))*)", re.MULTILINE)
_REVERTED = re.compile(r"^This reverts commit ([0-9a-f]{7,40})", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit, and whether it edits the changelog itself."""

    id: str
    subject: str
    body: str = ""
    is_written: bool = False


def drafts(commits: Sequence[Commit], changelog: str) -> dict[str, list[str]]:
    """Lines for the commits (newest first) that have none yet, below the headings of Keep a Changelog.

    A commit has one if it edits the changelog, or if the changelog names its id. A commit that was reverted
    is left out together with the commit that reverts it.
    """
    undone: set[str] = set()
    for commit in commits:
        reverted = _REVERTED.search(commit.body)
        if reverted and commit.id not in undone:
            ours = {one.id for one in commits if one.id.startswith(reverted[1])}
            undone |= {commit.id, *ours} if ours else set()
    lines: dict[str, list[str]] = {}
    for commit in commits:
        if commit.is_written or commit.id in undone or f"({commit.id[:7]}" in changelog:
            continue
        for heading, line in _lines(commit):
            lines.setdefault(heading, []).append(line)
    return lines


def breaking(commits: Sequence[Commit]) -> list[Commit]:
    """The commits that break something: a `!` before the colon, or a footer `BREAKING CHANGE:`."""
    return [c for c in commits if _BREAKING.search(c.body) or any(part[3] for part in _parts(c))]


def _parts(commit: Commit) -> Iterator[re.Match[str]]:
    """A subject may hold several changes: `feat(a): one; fix(b): two`. git writes `Revert "feat: one"`."""
    for part in _AND_ANOTHER.split(re.sub('^Revert (".*")$', r"revert: reverted \1", commit.subject)):
        if found := _CONVENTIONAL.fullmatch(part):
            yield found


def _lines(commit: Commit) -> Iterator[tuple[str, str]]:
    told = _BREAKING.search(commit.body)
    for kind, scope, mark, text in (part.groups() for part in _parts(commit)):
        if kind not in KINDS and not mark and not told:
            continue
        where = f"**{scope}**: " if scope else ""
        if mark or told:
            said = " ".join(told[1].split()) if told else text
            yield "Changed", f"- **Breaking**: {where}{said} ({commit.id[:7]})"
        else:
            yield KINDS[kind], f"- {where}{text} ({commit.id[:7]})"


def section(text: str, name: str) -> str:
    """The text below the heading `## name`, which a date may follow; empty if there is none."""
    found = _section(name).search(text)
    return found[2].strip() if found else ""


def released(text: str, version: str, date: str, added: Mapping[str, Sequence[str]]) -> str:
    """The changelog with what is unreleased, and with these lines, below the heading of the version.

    If it has that heading already (the version was prepared, and has no tag yet), the text is added there.
    """
    parts = _by_kind(section(text, UNRELEASED))
    for kind, lines in added.items():
        parts[kind] = "\n".join(filter(None, [parts.get(kind, ""), *lines]))
    for kind, body in _by_kind(section(text, version)).items():
        separator = "\n" if body.startswith("- ") and parts.get(kind, "").startswith("- ") else "\n\n"
        parts[kind] = separator.join(filter(None, [parts.get(kind, ""), body]))
    body = "\n\n".join(f"### {kind}\n\n{body}" if kind else body for kind, body in parts.items())
    return with_release(text, version, date, body)


def with_release(text: str, version: str, date: str, body: str, unreleased: str = "") -> str:
    """The page with this text below the version's heading, which follows that of what is unreleased."""
    dated = _section(version).search(text)
    heading = dated[1].rstrip("\n") if dated else f"## {version} - {date}"
    text = _section(version).sub("", text)
    both = f"## {UNRELEASED}\n\n{unreleased}{heading}\n\n{body}\n\n"
    return _section(UNRELEASED).sub(lambda _: both, text, count=1).rstrip("\n") + "\n"


def _section(name: str) -> re.Pattern[str]:
    """Matches a heading of level 2 and the text below it."""
    return re.compile(rf"^(## \[?{re.escape(name)}\]?(?=\s).*\n)((?:(?!## ).*\n?)*)", re.MULTILINE)


def _by_kind(body: str) -> dict[str, str]:
    """What is below each heading of level 3; before the first one, below an empty name."""
    first, *rest = re.split(r"^### +(.*)\n", body, flags=re.MULTILINE)
    found = {"": first.strip()} if first.strip() else {}
    for kind, text in zip(rest[::2], rest[1::2], strict=True):
        found[kind.strip()] = "\n\n".join(filter(None, [found.get(kind.strip(), ""), text.strip()]))
    return found


def main(arguments: Sequence[str]) -> int:
    """Print a version's part: `python3 -m tools.changelog v1.2.0 ADDRESS`, with links below that address."""
    if len(arguments) != 2:
        print("usage: python3 -m tools.changelog v1.2.0 ADDRESS", file=sys.stderr)
        return 2
    tag, address = arguments
    version = tag.removeprefix("v")
    text = section(Path("CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not text:
        remedy = f"Make the release with `python3 start.py release {version}`."
        print(f"CHANGELOG.md: There is no text below ## {version}. {remedy}", file=sys.stderr)
        return 2
    print(re.sub(r"\]\((?!\w+:|#)", f"]({address}/", text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
