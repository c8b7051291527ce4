"""What `mlroad ready` looks at: one item for each thing that a promotion needs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlroad.core.problems import Problem
from mlroad.core.reporting import record


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a promotion needs. It is done if there are no problems."""

    name: str
    problems: tuple[Problem, ...] = ()
    remedy: str = ""
    """What `--fix` does about it; empty if a person must do it."""
    note: str = ""
    """Something to know about an item that is done."""

    @property
    def done(self) -> bool:
        return not self.problems

    def json(self) -> dict[str, Any]:
        """For programs."""
        about = {"remedy": self.remedy or None, "note": self.note or None}
        problems = [record(it) for it in self.problems]
        return {"name": self.name, "done": self.done, **about, "problems": problems}


def item(name: str, problems: Iterable[Problem], remedy: str = "", note: str = "") -> Item:
    """An item with each problem once. Warnings do not count."""
    errors = tuple(dict.fromkeys(problem for problem in problems if problem.severity == "error"))
    return Item(name, errors, remedy if errors else "", "" if errors else note)


@dataclass(frozen=True, slots=True)
class Readiness:
    """All items of one model."""

    root: Path
    model: Path
    items: tuple[Item, ...]
    """The last one is the tag."""
    tag: str = ""
    """The tag that has what is in the folder now; empty if there is none."""
    next_tag: str = ""
    """The tag that would be made next."""
    did: tuple[str, ...] = field(default=())
    """What `--fix` did."""

    @property
    def name(self) -> str:
        return self.model.resolve().name

    @property
    def left(self) -> list[Item]:
        return [it for it in self.items if not it.done]
