"""The fenced blocks of a Markdown page, each with the notes for the tests that are above it.

A note is an HTML comment, so readers do not see it. It holds for the next block:

``<!-- in prototype -->``
    From here on, commands run in a fresh repo of this kind (``factory``, or ``factory without a model``).
``<!-- not run: Azure ML -->``
    The block cannot run here. `REASONS` lists the reasons; ``all not run`` holds for the whole page.
``<!-- long -->``
    Only `python -m tests.pages` runs it, because it takes long. Also ``all long``.
``<!-- exit 1 -->``
    The exit code of the block's last command (default: 0).
``<!-- first: git switch -c mine -->``
    A command that runs before the block, and that no reader needs.
``<!-- edit FILE: OLD => NEW -->``
    What the text around the block tells the reader to change.
``<!-- is models/diabetes/gates.yml -->``
    What the block is: `mlroad`'s own reader reads it. ``part of FILE``: its keys replace those of the sample.
``<!-- tested by tests/unit/run/test_sweep.py -->``
    Another test reads this block of this page.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REASONS = (
    "GitHub", "Azure ML", "another machine", "interactive", "a template on a server", "a program of yours",
    ".NET", "a placeholder", "an outline", "the development environment",
)  # fmt: skip
KINDS = (
    "in",
    "not run",
    "all not run",
    "long",
    "all long",
    "exit",
    "first",
    "edit",
    "is",
    "part of",
    "tested by",
)
_NOTE = re.compile(rf"<!-- ({'|'.join(sorted(KINDS, key=len, reverse=True))})\b:? ?(.*?) -->")
_OPENING = re.compile(r"^( *)(`{3,})(\w*)(?: title=\"([^\"]+)\")?(.*)$")


class WrongPage(Exception):
    """A page that readers, or the tests, cannot use; the message names the file and line."""


@dataclass(frozen=True)
class Note:
    kind: str
    value: str
    line: int


@dataclass(frozen=True)
class Fence:
    """One block, with the notes above it."""

    place: str
    """File and line, for messages."""
    page: Path
    language: str
    title: str
    """The file that the reader is to write, if any."""
    text: str
    notes: tuple[Note, ...] = ()

    def note(self, *kinds: str) -> str | None:
        """The value of the last note of these kinds."""
        return next((note.value for note in reversed(self.notes) if note.kind in kinds), None)

    @property
    def not_run(self) -> bool:
        return self.note("not run", "all not run") is not None

    @property
    def long(self) -> bool:
        return self.note("long", "all long") is not None


def fences(page: Path, name: str) -> Iterator[Fence]:
    """The blocks of a page in order. Raises WrongPage for one that a reader or a test cannot read."""
    notes: list[Note] = []
    lasting: list[Note] = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if note := _note(line.strip(), f"{name}:{number}", number):
            (lasting if note.kind.startswith("all ") else notes).append(note)
        opening = _OPENING.match(line)
        if opening is None:
            continue
        indent, ticks, language, title, rest = opening.groups()
        place = f"{name}:{number}"
        if not language or rest.strip():
            raise WrongPage(f'{place}: A block starts with ```LANGUAGE or ```LANGUAGE title="FILE".')
        body: list[str] = []
        for _, inside in lines:
            if inside.strip() == ticks:
                break
            body.append(inside)
        else:
            raise WrongPage(f"{place}: This block never ends.")
        if indent and notes and notes[-1].line == number - 1:
            raise WrongPage(
                f"{place}: In a list, the site needs an empty line between a comment and a block."
            )
        text = textwrap.dedent("\n".join(body)) + "\n"
        yield Fence(place, page, language, title or "", text, (*lasting, *notes))
        notes = []
    if notes:
        raise WrongPage(f"{name}:{notes[-1].line}: No block follows this comment.")


def _note(text: str, place: str, line: int) -> Note | None:
    found = _NOTE.fullmatch(text)
    if found is None:
        return None
    kind, value = found[1], found[2]
    if kind.endswith("not run") and not value.startswith(REASONS):
        raise WrongPage(f"{place}: {value!r} is not one of the reasons {', '.join(REASONS)}.")
    return Note(kind, value, line)
