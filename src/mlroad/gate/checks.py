"""The checks of a gate: what each found, and which of them a waiver may excuse."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Result = Literal["passed", "failed", "waived", "broken"]
_WAIVABLE = re.compile(r"metrics\..+\.(limit|regression)|slices\..+\.(limit|regression)|latency\.p95|size")


@dataclass(slots=True)
class Check:
    """One check. ``failed`` was measured and is not good enough; ``broken`` could not be measured."""

    id: str
    result: Result
    what: str
    """A sentence with the numbers."""
    value: float | None = None
    limit: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As it stands in the verdict."""
        return {
            "id": self.id, "result": self.result, "what": self.what, "value": self.value, "limit": self.limit,
        }  # fmt: skip


@dataclass(slots=True)
class Board:
    """All checks of one gate, in their order."""

    checks: list[Check] = field(default_factory=list)

    def add(
        self, id_: str, result: Result, what: str, value: float | None = None, limit: float | None = None
    ) -> None:
        """Note what a check found."""
        self.checks.append(Check(id_, result, what, value, limit))

    def broken(self, ids: Iterable[str], what: str) -> None:
        """Note checks that could not be made."""
        for id_ in ids:
            self.add(id_, "broken", what)

    def ids(self) -> list[str]:
        """The ids of all checks."""
        return [check.id for check in self.checks]

    def is_good(self, id_: str) -> bool:
        """Whether a check passed."""
        return any(check.id == id_ and check.result == "passed" for check in self.checks)

    def having(self, *results: Result) -> list[Check]:
        """The checks with one of these results."""
        return [check for check in self.checks if check.result in results]


def is_waivable(id_: str) -> bool:
    """Whether a check compares a figure with a threshold; integrity is never waived."""
    return _WAIVABLE.fullmatch(id_) is not None


def exceeds(value: float, most: float) -> bool:
    """More than a bound, and not by the last digit of a number's binary form: 0.3 - 0.2 is not above 0.1."""
    return value > most + 1e-12 * max(abs(value), abs(most))


def number(value: float) -> str:
    """A figure for people: four significant digits, and all of the whole number."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
