"""The text of an update's pull request: what is left to do, and what is new in the template."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.core.git import run_git

CHANGELOG = "CHANGELOG.md"
_LONGEST = 50_000
"""Characters of the changelog's part. GitHub takes 65,536 for a whole pull request."""
_HEADING = re.compile(r"(#{1,5}) ")
_ITEM = ("- ", "* ")
_RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?![a-z]+:)[^)]*\)")
"""A link that leads nowhere outside the template's repo."""


def update_notes(template: str, before: str, after: str, to_do: Sequence[str]) -> str:
    """The text in Markdown. ``to_do`` are the conflicts and failures, each a sentence or more."""
    lines = [f"Version {after} of the template, made with `mlroad update`. The version before: {before}."]
    if to_do:
        lines += ["", "## To do, before CI is green", "", *(f"- {it}" for it in to_do)]
    return "\n".join([*lines, "", "## What is new", "", *_new(template, before, after)]) + "\n"


def _new(template: str, before: str, after: str) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="mlroad-notes-") as folder:
        cloned = run_git(Path(), "clone", "--quiet", "--bare", "--filter=blob:none", "--", template, folder)
        shown = [run_git(Path(folder), "show", f"{version}:{CHANGELOG}") for version in (before, after)]
        for done in (cloned, *shown):
            # The version before may have none.
            if not done.ok and done is not shown[0]:
                return [f"The template's {CHANGELOG} cannot be read: {done.first_reason}."]
    old, new = (done.data.decode("utf-8", "replace") for done in shown)
    return added_entries(old, new) or [f"Its {CHANGELOG} has no new entries."]


def added_entries(old: str, new: str) -> list[str]:
    """The entries that only the new changelog has, below their headings, each one whole.

    An entry counts as the same if only its line breaks, or the release that it is below, have changed.
    """
    known = {_text(entry) for entry in _entries(old)}
    lines: list[str] = []
    headings: dict[int, str] = {}
    length = 0
    for entry in _entries(new):
        if found := _HEADING.match(entry[0]):
            level = len(found[1])
            headings = {its: text for its, text in headings.items() if its < level} | {level: entry[0]}
            headings.pop(1, None)  # the title of the page
        elif _text(entry) not in known:
            length += sum(map(len, entry))
            if length > _LONGEST:
                return [*lines, "", f"The rest is in the template's {CHANGELOG}."]
            for heading in headings.values():
                lines += [*_gap(lines), f"#{heading}", ""]  # one level lower, below "What is new"
            headings = {}
            lines += [] if entry[0].startswith(_ITEM) else _gap(lines)
            lines += [_RELATIVE_LINK.sub(r"\1", line) for line in entry]
    return lines


def _text(entry: Sequence[str]) -> str:
    return " ".join(" ".join(entry).split())


def _gap(lines: Sequence[str]) -> list[str]:
    return [""] if lines and lines[-1] else []


def _entries(text: str) -> Iterator[list[str]]:
    """Headings, items of a list with all their lines, and paragraphs."""
    entry: list[str] = []
    for line in text.splitlines():
        starts = not line.strip() or line.startswith(_ITEM) or _HEADING.match(line)
        if starts and entry:
            yield entry
            entry = []
        if _HEADING.match(line):
            yield [line]
        elif line.strip():
            entry.append(line.rstrip())
    if entry:
        yield entry
