"""Where the loader and the checker put what they find."""

from __future__ import annotations

from collections.abc import Iterable

from mlroad.core.problems import Position, Problem
from mlroad.core.text import nearest


class Findings:
    """A growing list of problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.registering: list[Problem] = []
        """What matters only to who registers a component by itself."""

    def error(self, at: Position, code: str, what: str, fix: str) -> None:
        """Note what Azure ML or a run would fail on."""
        self.problems.append(Problem(at, code, what, fix))

    def warning(self, at: Position, code: str, what: str, fix: str) -> None:
        """Note what works, but hardly as it was meant."""
        self.problems.append(Problem(at, code, what, fix, "warning"))

    def add(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)


def suggest(name: str, known: Iterable[str], otherwise: str, empty: str | None = None) -> str:
    """A remedy for an unknown ``name``: the nearest of ``known``, else ``otherwise`` and the list."""
    names = list(known)
    near = nearest(name, names)
    if near:
        return f"Did you mean {near}?"
    if not names:
        return empty or otherwise
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"{otherwise} (Known: {shown}.)"


def a(noun: str) -> str:
    """``noun`` with its article."""
    return f"an {noun}" if noun[:1] in "aeio" else f"a {noun}"
