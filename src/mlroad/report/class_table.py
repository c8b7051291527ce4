"""The tables of classes and of targets, and the confusion matrix, as the verdict has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlroad.report.formatting import metric_name
from mlroad.report.report_data import Fields, fields

MOST_CELLS = 20
"""A confusion matrix of more classes is not drawn."""


@dataclass(frozen=True, slots=True)
class ClassTable:
    """What the page shows of the classes."""

    rows: Sequence[Mapping[str, Any]]
    confusion: Sequence[Sequence[tuple[int, float]]]
    """[true class][predicted class]: rows, and their share of the true class. Empty if it is not drawn."""

    @property
    def names(self) -> list[str]:
        """The classes."""
        return [str(row["class"]) for row in self.rows]


def class_table(found: Mapping[str, Any]) -> ClassTable | None:
    """The table from the verdict's ``classes``; None if it has none."""
    rows = found.get("classes")
    if not isinstance(rows, list) or not rows:
        return None
    confusion = found.get("confusion")
    drawn = confusion if isinstance(confusion, list) and len(confusion) <= MOST_CELLS else []
    return ClassTable(
        [fields(row) for row in rows], [[(count, count / max(1, sum(row))) for count in row] for row in drawn]
    )


def target_table(found: object) -> list[Fields]:
    """A row for each target from the verdict's ``by_target``: its name, and the figures of both models."""
    rows = [fields(each) for each in found] if isinstance(found, list) else []
    for row in rows:
        for model in ("candidate", "champion"):
            row[model] = {metric_name(name): value for name, value in fields(row[model]).items()}
    return [row for row in rows if row["candidate"]]
