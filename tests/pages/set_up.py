"""`python -m tests.pages.set_up WHAT` makes a file that a page supposes its reader to have."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from mlroad.cli.main import mlroad

SAMPLE = Path("datasets/diabetes/1/diabetes.csv")


def _write(name: str, rows: list[dict[str, str]]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _rows() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def diabetes_2() -> None:
    """A second version: two rows fewer, cholesterol in other units, gaps, and a new column."""
    rows = _rows()[:-2]
    for number, row in enumerate(rows):
        row["total_cholesterol"] = f"{float(row['total_cholesterol']) / 38.67:.2f}"
        row["glucose"] = "" if number % 11 == 5 else f"{float(row['glucose'])}"  # as pandas
        row["smoker"] = str(number % 3 == 0).lower()
    _write("changed.csv", rows)
    mlroad(["dataset", "add", "diabetes", "changed.csv"], standalone_mode=False)


def umsatz() -> None:
    """A table as a German Excel writes it."""
    Path("umsatz.csv").write_text("Monat;Umsatz\nMärz;1,5\nApril;2,25\n", encoding="cp1252")


def first_100_rows() -> None:
    _write("first_100_rows.csv", _rows()[:100])


def own_case() -> None:
    """A case of one's own: a copy of a golden case, with what must hold after a change."""
    file = Path("models/diabetes/inference_tests/cases.jsonl")
    if not file.is_file():  # the suite does not freeze any
        return
    lines = file.read_text(encoding="utf-8").splitlines()
    case = json.loads(lines[0])
    change = {"inputs": [{"name": "bmi", "shape": [1, 1], "datatype": "FP64", "data": [40.0]}]}
    case |= {
        "id": "a higher bmi is worse",
        "kind": "directional",
        "change": change,
        "expect": {"holds": "increase"},
    }
    file.write_text("\n".join([*lines, json.dumps(case)]) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    {it.__name__: it for it in (diabetes_2, umsatz, first_100_rows, own_case)}[sys.argv[1]]()
