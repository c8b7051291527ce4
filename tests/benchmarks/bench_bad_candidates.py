"""How many planted bad candidates the gate rejects for the right reason, and how many good ones, as a table.

Wrong figures of each task are judged as answers. Models whose figures are good but whose behaviour is bad run
in real processes beside a champion.
"""

from __future__ import annotations

import logging
import re
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from tests.unit.gate.bad_behaviours import BAD, HARMLESS, found_in
from tests.unit.gate.bad_figures import GOOD, OTHER, PASSED, REFUSED, RIGHT, Counts, planted_candidates

_HEAD = ("task", "bad", "rejected for the right reason", "for another", "passed", "good", "rejected")


def main() -> None:
    """Print the table, and each candidate that is judged wrongly."""
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    counts, wrong = planted_candidates()
    counts["behaviour (any task)"], more = _behaviours()
    counts["all"] = sum(counts.values(), Counter())
    print(f"| {' | '.join(_HEAD)} |\n|---{'|---:' * 6}|")
    for name, its in counts.items():
        bad, good = its[RIGHT] + its[OTHER] + its[PASSED], its[GOOD] + its[REFUSED]
        print(f"| {name} | {bad} | {its[RIGHT]} | {its[OTHER]} | {its[PASSED]} | {good} | {its[REFUSED]} |")
    for what in (*wrong, *more):
        print(f"wrong: {what}")


def _behaviours() -> tuple[Counts, list[str]]:
    counts: Counts = Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (body, words) in BAD.items():
            told = found_in(body, Path(folder), timeout=30)
            found = RIGHT if re.search(words, told) else OTHER if told else PASSED
            counts[found] += 1
            wrong += [] if found == RIGHT else [f"{name}: {found}: {told}"]
        for name, body in HARMLESS.items():
            told = found_in(body, Path(folder))
            counts[REFUSED if told else GOOD] += 1
            wrong += [f"{name}: {told}"] if told else []
    return counts, wrong


if __name__ == "__main__":
    main()
