"""Where the loader and the checker collect problems."""

import itertools
from collections.abc import Iterable

from mlroad.core.problems import Position, Problem
from mlroad.core.text import MOST_KNOWN, nearest


class Findings:
    """A list of problems to add to."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.registering: list[Problem] = []
        """Problems that matter only if a component is registered by itself."""

    def error(self, at: Position, code: str, what: str, fix: str) -> None:
        """Note what would make Azure ML or a run fail."""
        self.problems.append(Problem(at, code, what, fix))

    def warning(self, at: Position, code: str, what: str, fix: str) -> None:
        """Note what works, but probably not as intended."""
        self.problems.append(Problem(at, code, what, fix, "warning"))

    def add(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)


def suggest(name: str, known: Iterable[str], otherwise: str, empty: str | None = None) -> str:
    """A remedy for an unknown ``name``: the nearest of ``known``, or ``otherwise`` and the known names."""
    names = list(itertools.islice(known, MOST_KNOWN))
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
