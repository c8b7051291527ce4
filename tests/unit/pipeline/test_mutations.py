"""The checker reports every known way to break a pipeline, and nothing on look-alikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.mutations import MUTATIONS, PIPELINE, Damage, Mutation
from tests.unit.pipeline.oddities import ODDITIES, Oddity


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.code} {mutation.title}")
def test_caught_at_the_right_line(mutation: Mutation | Damage, base: Path) -> None:
    mutation.apply(base)
    found = [(p.at.file, p.at.line, p.code, p.severity) for p in check_pipeline(base / PIPELINE)]
    assert (base / mutation.named, mutation.line(base), mutation.code, mutation.severity) in found


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.title)
def test_quiet_about(oddity: Oddity, base: Path) -> None:
    oddity.apply(base)
    assert [str(problem) for problem in check_pipeline(base / PIPELINE)] == []


def test_enough_of_both() -> None:
    assert len(MUTATIONS) >= 60
    assert len(ODDITIES) >= 25


def test_all_problems_at_once(base: Path) -> None:
    """Three faults in three files are three problems, not just the first one."""
    chosen = [
        m for m in MUTATIONS if m.title in {"an unknown input of a step", "a default of yes for a boolean"}
    ]
    chosen += [m for m in MUTATIONS if m.title == "an undeclared output in a command"]
    for mutation in chosen:
        mutation.apply(base)
    codes = {problem.code for problem in check_pipeline(base / PIPELINE)}
    assert {mutation.code for mutation in chosen} <= codes


def test_every_problem_says_what_to_do(base: Path) -> None:
    for mutation in MUTATIONS:
        if isinstance(mutation, Damage):
            continue
        original = (base / mutation.file).read_bytes()
        mutation.apply(base)
        for problem in check_pipeline(base / PIPELINE):
            assert problem.what.endswith((".", "}", "?", "…")), problem
            assert problem.fix.endswith((".", "?", ")", "}")), problem
        (base / mutation.file).write_bytes(original)
