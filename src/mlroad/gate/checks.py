"""The checks of a gate: their results, and which of them a waiver can excuse."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from mlroad.core.text import cut
from mlroad.run.candidate import Candidate

Result = Literal["passed", "failed", "waived", "broken"]
_WAIVABLE = re.compile(r"metrics\..+\.(limit|regression)|slices\..+\.(limit|regression)|latency\.p95|size")


@dataclass(slots=True)
class Check:
    """One check. ``failed``: measured, and not good enough. ``broken``: could not be measured."""

    id: str
    result: Result
    what: str
    """A sentence with the numbers."""
    value: float | None = None
    limit: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The check as the verdict holds it."""
        return {
            "id": self.id, "result": self.result, "what": self.what, "value": self.value, "limit": self.limit,
        }  # fmt: skip


@dataclass(slots=True)
class GateChecks:
    """All checks of one gate, in their order."""

    found: list[Check] = field(default_factory=list)

    def add(
        self, id_: str, result: Result, what: str, value: float | None = None, limit: float | None = None
    ) -> None:
        self.found.append(Check(id_, result, what, value, limit))

    def broken(self, ids: Iterable[str], what: str) -> None:
        """Add checks that could not be made."""
        for id_ in ids:
            self.add(id_, "broken", what)

    def ids(self) -> list[str]:
        return [check.id for check in self.found]

    def having(self, *results: Result) -> list[Check]:
        """The checks with one of these results."""
        return [check for check in self.found if check.result in results]


def is_waivable(id_: str) -> bool:
    """Whether a check compares a figure with a threshold. Checks of integrity are never waived."""
    return _WAIVABLE.fullmatch(id_) is not None


def exceeds(value: float, most: float) -> bool:
    """Whether a value is above a bound, rounding errors aside: 0.3 - 0.2 is not above 0.1."""
    return value > most + 1e-12 * max(abs(value), abs(most))


def number(value: float) -> str:
    """A figure for people: four significant digits, but every digit before the decimal point up to 10^15."""
    if 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def short(value: object) -> str:
    """A prediction for people: a number as a figure, a text in quotes and shortened."""
    if isinstance(value, str):
        return f'"{cut(value, 60)}"'
    return number(float(value))  # type: ignore[arg-type]


def gate_again(candidate: Candidate) -> str:
    """The remedy for anything that the gate did not record, or that has changed since."""
    return f"Gate it again: `mlroad gate {candidate.model.name} --run {candidate.run}`."
