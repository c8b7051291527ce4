"""The table of rules, the code, the tests and the documentation say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modelkit
from modelkit.rules import RULES
from tests.pipeline import compare_azure, rules_page
from tests.pipeline.mutations import MUTATIONS

SOURCE = Path(modelkit.__file__).parent
# The runner, the guard and the datasets have rules of their own.
CHECKED = (
    "pipeline",
    "checking.py",
    "sync.py",
    "signatures.py",
    "scripts.py",
    "literal_paths.py",
    "vendored.py",
)


def _codes() -> set[str]:
    files = [
        f
        for name in CHECKED
        for f in ([SOURCE / name] if name.endswith(".py") else (SOURCE / name).rglob("*.py"))
    ]
    return {code for file in files for code in re.findall(r'"(MK\d{3})"', file.read_text(encoding="utf-8"))}


def test_every_code_is_in_the_table() -> None:
    assert _codes() - RULES.keys() == set()


def test_every_row_of_the_table_is_in_the_code() -> None:
    assert RULES.keys() - _codes() == set()


def test_every_pipeline_rule_is_proved() -> None:
    """A rule that no test can provoke may be dead. Those on datasets have their own tests."""
    of_pipelines = {code for code in RULES if code < "MK300"}
    elsewhere = {"MK119", "MK230", "MK231", "MK237"}
    assert of_pipelines - {mutation.code for mutation in MUTATIONS} == elsewhere


def test_page_is_in_step() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), (
        "run python -m tests.pipeline.rules_page"
    )


@pytest.mark.slow
def test_comparison_is_in_step() -> None:
    text = compare_azure.PAGE.read_text(encoding="utf-8")
    assert compare_azure.table() in text, "run python -m tests.pipeline.compare_azure --write"
