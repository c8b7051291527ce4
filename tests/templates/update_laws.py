"""What must hold after every update. Each function returns what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mlroad.core.template import ANSWERS, OWNED
from tests.templates.whole_update import Said

Files = Mapping[str, bytes]
_GENERATED = re.compile(r"models/[^/]+/(components/.*\.yml|steps/step_io\.py)|vendor/.*")
"""`mlroad sync` and `mlroad setup` write these."""
_MERGED = ".github/CODEOWNERS"
"""Belongs to the team, but an update adds lines to it."""
_MARKER = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)


@dataclass(frozen=True)
class States:
    """The files of a repo: as delivered, with the team's edits, after the update; and of a new repo."""

    start: Files
    mine: Files
    after: Files
    fresh: Files


def lost(states: States, told: Collection[str] = ()) -> Iterator[str]:
    """The team's edits that are gone: lines, files, and deletions that came back.

    ``told`` are the files that other answers remove, edited ones too: `mlroad update` has listed them before.
    """
    for name, data in states.mine.items():
        if name in told or data == states.start.get(name) or _GENERATED.fullmatch(name) or name == ANSWERS:
            continue
        if name not in states.after:
            # A file that the template moved: its edits must be somewhere.
            everything = sum((_lines(text) for text in states.after.values()), Counter())
            if gone := _added(states.start.get(name, b""), data) - everything:
                yield f"{name} is lost with {sorted(gone)}"
        elif _belongs_to_team(states, name):
            if states.after[name] != data:
                yield f"{name} belongs to the team and was changed"
        elif gone := _added(states.start.get(name, b""), data) - _lines(states.after[name]):
            yield f"{name} lost {sorted(gone)}"
        elif not _MARKER.search(states.after[name]):
            removed = _added(data, states.start[name])
            allowed = _lines(states.fresh.get(name, b"")) + _added(states.start[name], data) - removed
            if back := (_lines(states.after[name]) - allowed) & removed:
                yield f"{name}: removed lines came back: {sorted(back)}"
    for name in states.start.keys() - states.mine.keys():
        if name in states.after and not _GENERATED.fullmatch(name):
            yield f"{name} was deleted by the team and came back"


def stale(states: States) -> Iterator[str]:
    """Standard files that the team did not touch, and that are not as in a new repo."""
    for name in sorted(states.fresh.keys() | states.after.keys()):
        touched = states.start.get(name) != states.mine.get(name)
        if touched or name.startswith((*OWNED, "factory.yml")) or _GENERATED.fullmatch(name):
            continue
        new = name in states.fresh and name not in states.start
        if new and not _lines(states.fresh[name]) - _lines(states.after.get(name, b"")):
            continue  # the template moved it, and the team's edits with it
        if states.fresh.get(name) != states.after.get(name):
            missing = "is missing" if name not in states.after else "is not as in a new repo"
            yield f"{name} {missing if name in states.fresh else 'was not removed'}"


def unseen(states: States, said: Said, guarded: Said) -> Iterator[str]:
    """Conflicts that `mlroad update` does not name, or that the guard of CI lets pass."""
    marked = [name for name, data in states.after.items() if _MARKER.search(data)]
    for name in marked:
        if not re.search(
            rf"^{re.escape(name)}:\d+: You and the template changed the same lines", said.text, re.MULTILINE
        ):
            yield f"{name} has conflict markers, and `mlroad update` does not say so"
        if f"{name}:" not in guarded.text:
            yield f"{name} has conflict markers, and the guard does not say so"
    for what, code in (("mlroad update", said.code), ("mlroad guard", guarded.code)):
        if code != bool(marked):
            yield f"`{what}` exited with {code}, and there are {len(marked)} conflicts"
    yield from (f"{name} is a rejected patch" for name in states.after if name.endswith(".rej"))


def unexecutable(before: Collection[str], after: Collection[str], states: States) -> Iterator[str]:
    """Files that were executable (``before``), and are not any more."""
    gone = set(before) - set(after)
    yield from (f"{name} is not executable any more" for name in sorted(gone) if name in states.after)


def _belongs_to_team(states: States, name: str) -> bool:
    theirs = name not in states.start and name not in states.fresh
    return theirs or (name.startswith((*OWNED, "factory.yml")) and name != _MERGED)


def _lines(data: bytes) -> Counter[bytes]:
    return Counter(data.replace(b"\r\n", b"\n").split(b"\n"))


def _added(before: bytes, after: bytes) -> Counter[bytes]:
    return _lines(after) - _lines(before)
