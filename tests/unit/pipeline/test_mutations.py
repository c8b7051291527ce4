"""The checker reports every known way to break a pipeline, and nothing on look-alikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.mutations import JUDGE, MUTATIONS, PIPELINE, SCORE, TRAIN, Damage, Mutation
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


_FORMS = ("uri_file", "mltable", "mlflow_model", "triton_model")


@pytest.mark.parametrize("written", [*_FORMS, "uri_folder", "custom_model"])
@pytest.mark.parametrize("read", [*_FORMS, "uri_folder", "custom_model"])
def test_types_that_can_never_fit(written: str, read: str, base: Path) -> None:
    """A table is never a model. A folder and a custom model may hold anything."""
    for file, port in ((TRAIN, "model"), (SCORE, "model"), (JUDGE, "model")):
        old = f"  {port}:\n    type: uri_folder"
        new = f"  {port}:\n    type: {written if file == TRAIN else read}"
        text = (base / file).read_text(encoding="utf-8")
        (base / file).write_text(text.replace(old, new), encoding="utf-8")
    text = (base / PIPELINE).read_text(encoding="utf-8")
    kept = text.replace("  model:\n    type: uri_folder", f"  model:\n    type: {written}", 1)
    (base / PIPELINE).write_text(kept, encoding="utf-8")
    line = next(n for n, shown in enumerate(kept.splitlines(), 1) if "model: ${{parent.jobs.train" in shown)
    errors = [(p.at.line, p.code) for p in check_pipeline(base / PIPELINE) if p.severity == "error"]
    never = written in _FORMS and read in _FORMS and written != read
    assert errors == ([(line, "MR211")] if never else [])


def test_an_output_that_can_never_fit(base: Path) -> None:
    for file, kind in ((TRAIN, "mlflow_model"), (PIPELINE, "mltable")):
        text = (base / file).read_text(encoding="utf-8")
        changed = text.replace("  model:\n    type: uri_folder", f"  model:\n    type: {kind}", 1)
        (base / file).write_text(changed, encoding="utf-8")
    assert [p.code for p in check_pipeline(base / PIPELINE)] == ["MR211"]


ALONE = {"text after the version of data", "a path after the version of data", "a $[[ that is not closed"}


@pytest.mark.parametrize("title", sorted(ALONE))
def test_what_follows_from_a_mistake_is_not_said(base: Path, title: str) -> None:
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.title == title]
    mutation.apply(base)
    assert [problem.code for problem in check_pipeline(base / PIPELINE)] == [mutation.code]


_BRACES = ("", "$ ", "${ }", "{{ }}", "${{ }", "$( )", "$({ })", "$[[ ]]", "${{{ }}", "${{{ }}}")


@pytest.mark.parametrize("name", ["raw", "rounds", "kind"])
@pytest.mark.parametrize("braces", _BRACES)
def test_a_binding_in_other_braces_is_one_finding(base: Path, name: str, braces: str) -> None:
    """Whatever the type of the input, and whatever would follow from the text."""
    before, _, after = braces.partition(" ")
    text = (base / PIPELINE).read_text(encoding="utf-8")
    right = f"{name}: ${{{{parent.inputs.{name}}}}}"
    assert right in text
    wrong = text.replace(right, f'{name}: "{before}parent.inputs.{name}{after}"')
    (base / PIPELINE).write_text(wrong, encoding="utf-8")
    errors = [problem.code for problem in check_pipeline(base / PIPELINE) if problem.severity == "error"]
    assert errors in (["MR210"], ["MR211"])


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
