"""The table of rules, the code, the tests and the documentation agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mlroad
from mlroad.core.rule_codes import RULES
from tests.unit.pipeline import azure, compare_azure, rules_page
from tests.unit.pipeline.mutations import MUTATIONS

SOURCE = Path(mlroad.__file__).parent
# The runner, the guard and the datasets have their own rules.
CHECKED = (
    "core/yaml_nodes.py",
    "core/tool_version.py",
    "pipeline",
    "steps",
)


def _codes() -> set[str]:
    files = [
        f
        for name in CHECKED
        for f in ([SOURCE / name] if name.endswith(".py") else (SOURCE / name).rglob("*.py"))
    ]
    return {code for file in files for code in re.findall(r'"(MR\d{3})"', file.read_text(encoding="utf-8"))}


def test_every_code_is_in_the_table() -> None:
    assert _codes() - RULES.keys() == set()


def test_every_row_of_the_table_is_in_the_code() -> None:
    assert RULES.keys() - _codes() == set()


def test_every_pipeline_rule_is_tested() -> None:
    """A rule that no test triggers may be dead. The rules on datasets have their own tests."""
    of_pipelines = {code for code in RULES if code < "MR300"}
    elsewhere = {"MR119", "MR230", "MR231", "MR237"}
    assert of_pipelines - {mutation.code for mutation in MUTATIONS} == elsewhere


def test_page_is_in_step() -> None:
    assert rules_page.PAGE.read_text(encoding="utf-8") == rules_page.page(), (
        "run python -m tests.unit.pipeline.rules_page"
    )


@pytest.mark.slow
def test_azure_ml_refuses_no_more_than_we_do_and_the_page_says_so() -> None:
    text, missed = compare_azure.PAGE.read_text(encoding="utf-8"), list[str]()
    table = compare_azure.table(azure.recorded(), missed)
    assert missed == []
    assert table in text, "run python -m tests.unit.pipeline.compare_azure --write"
