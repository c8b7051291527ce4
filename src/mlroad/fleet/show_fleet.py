"""The fleet as lines of text and as CSV, and the sentence that sums it up."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mlroad.core.text import count, one_line, some
from mlroad.fleet.read_repo import Model, Row

_HEAD = ("REPO", "KIND", "VERSION", "BEHIND", "DRIFT", "UPDATED", "CI", "CONTRACT", "MODELS")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_WIDTHS = (9, 10, 6, 5, 10, 7, 8)
"""Of the columns between the first and the last. Rows are printed before all are known."""


class Lines:
    """The table, line by line."""

    def __init__(self, names: Sequence[str]) -> None:
        self._widths = (max(map(len, (*names, _HEAD[0]))), *_WIDTHS)

    @property
    def head(self) -> str:
        return self._line(_HEAD)

    def row(self, row: Row) -> str:
        if not row.kind:
            return self._line((row.name, row.problem))
        last = "; ".join(filter(None, (", ".join(models_in_words(row)), row.problem)))
        cells = (row.name, row.kind, row.version, behind_in_words(row), _known(row.drift), row.updated or "-")
        return self._line((*cells, row.ci, _known(row.contract), last or "-"))

    def _line(self, cells: Sequence[str]) -> str:
        widths = (*self._widths[: len(cells) - 1], 0)
        padded = (one_line(cell).ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()


def behind_in_words(row: Row) -> str:
    """The number of releases; "commits" if the template has only newer commits."""
    if not row.newest:
        return "?"
    return "commits" if row.behind is None else str(row.behind)


def models_in_words(row: Row) -> list[str]:
    """Each model with its champion: churn:3 (2026-11-02)."""
    if row.registry not in ("", "local"):
        return [*(model.name for model in row.models), f"champions are in {row.registry}"]
    return [_champion(model) for model in row.models]


def summary(rows: Sequence[Row], left_out: Sequence[str]) -> str:
    """How many repos there are, and how many need something."""
    behind, broken = sum(row.is_behind for row in rows), sum(bool(row.problem) for row in rows)
    text = f"{count(len(rows), 'repo')}: {behind} behind, {broken} with a problem."
    return (
        f"{text} Left out, because not made from the template: {one_line(some(left_out))}."
        if left_out
        else text
    )


def as_csv(rows: Sequence[Row]) -> str:
    """A table for spreadsheets."""
    out = io.StringIO()
    table = csv.DictWriter(out, list(asdict(Row("", ""))), lineterminator="\n")
    table.writeheader()
    for row in rows:
        cells = {**asdict(row), "models": ", ".join(models_in_words(row))}
        table.writerow({name: _no_formula(value) for name, value in cells.items()})
    return out.getvalue()


def _no_formula(value: object) -> object:
    """A text as spreadsheets show it unchanged: a formula could send the table to another server."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_document(rows: Sequence[Row], left_out: Sequence[str]) -> dict[str, Any]:
    """For programs."""
    repos = [{**asdict(row), "is_behind": row.is_behind} for row in rows]
    return {"repos": repos, "left_out": list(left_out)}


def _champion(model: Model) -> str:
    if model.champion is None:
        return model.name
    since = f" ({model.promoted})" if model.promoted else ""
    return f"{model.name}:{model.champion}{since}"


def _known(value: int | None) -> str:
    return "-" if value is None else str(value)
