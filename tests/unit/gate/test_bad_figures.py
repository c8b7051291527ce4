"""Bad candidates of every task are rejected for the right reason, and good ones pass."""

from __future__ import annotations

from tests.unit.gate.bad_figures import bad_candidates, good_candidates, wrong


def test_bad_candidates_are_rejected_and_good_ones_pass() -> None:
    assert len(list(bad_candidates())) >= 80
    assert len(list(good_candidates())) >= 40
    assert wrong() == ([], [])
