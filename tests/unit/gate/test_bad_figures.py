"""Bad candidates of every task are rejected for the right reason, and good ones pass."""

from __future__ import annotations

from collections import Counter

from mlroad.models.metric_names import TASKS
from tests.unit.gate.bad_figures import GOOD, RIGHT, planted_candidates


def test_bad_candidates_are_rejected_and_good_ones_pass() -> None:
    counts, wrong = planted_candidates()

    assert wrong == []
    assert set(counts) == set(TASKS)
    total = sum(counts.values(), Counter())
    assert (total[RIGHT] >= 80, total[GOOD] >= 40) == (True, True), total
