"""`mlroad check`: a fresh factory passes, and every rule reports what it must stop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlroad.steps.new_model import CARD
from tests.unit.cli.command import Command

MODEL = Path("models/diabetes")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} does not hold {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_fresh_factory_is_clean(factory: Command) -> None:
    said = factory("check")
    assert (said.code, said.text) == (0, "checked 1 pipeline, 5 steps: nothing wrong\n")
    assert factory("check", "--quiet").text == ""
    assert factory("check", "--json").text == factory("check", "--format", "json").text == "[]\n"


@pytest.mark.parametrize(
    "file, old, new, code, words",
    [
        ("data.yml", "raw:", "rows:", "MR712", "rows is not an input in pipeline.yml"),
        ("data.yml", "raw:", "rows:", "MR712", "The pipeline's input raw is missing."),
        (
            "data.yml",
            "dev: azureml:diabetes_train:2",
            "dev: azureml:diabetes:1",
            "MR712",
            "pipeline.yml names diabetes_train:2",
        ),
        (
            "data.yml",
            "prod: azureml:diabetes_train:1",
            "prod: azureml:diabetes_train:9",
            "MR713",
            "diabetes_train:9 does not exist",
        ),
        (
            "data.yml",
            "prod: azureml:diabetes_train:1",
            "prod: azureml:diabetes_train:2",
            "MR713",
            "for dev, but is used here for prod",
        ),
        ("data.yml", "  prod:", "  produ:", "MR702", "Did you mean prod?"),
        ("data.yml", "  prod: azureml:diabetes_train:1", "", "MR703", "The key prod is missing."),
        ("data.yml", "raw:", "raw: [", "MR103", "data.yml:"),
        (
            "gates.yml",
            "holdout: azureml:diabetes_holdout:1",
            "holdout: azureml:diabetes_holdout:7",
            "MR713",
            "diabetes_holdout:7 does not exist",
        ),
        (
            "gates.yml",
            "holdout: azureml:diabetes_holdout:1",
            "holdout: azureml:diabetes_train:1",
            "MR714",
            "the model would know the answers",
        ),
        ("gates.yml", "decide_by: mae", "decide_by: mape", "MR704", "gates.yml:"),
        ("steps/train.py", "import pandas", "import duckdb\nimport pandas", "MR407", "does not list duckdb"),
        ("MODEL_CARD.md", "## Limits", "## Bounds", "MR715", 'The part "## Limits" is missing.'),
        ("inference_tests/cases.jsonl", '"kind": "golden"', '"kind": "gold"', "MI", "cases.jsonl:1"),
    ],
)
def test_what_must_be_stopped(factory: Command, file: str, old: str, new: str, code: str, words: str) -> None:
    edit(factory.repo / MODEL / file, old, new)
    said = factory("check")
    assert said.code == 1
    assert code in said.out
    assert words in said.out


@pytest.mark.parametrize(
    "name",
    [
        "data.yml",
        "gates.yml",
        "inference_tests/suite.yml",
        "MODEL_CARD.md",
        "tests/test_diabetes_steps.py",
        "pipeline.yml",
    ],
)
def test_a_missing_part_is_named(factory: Command, name: str) -> None:
    (factory.repo / MODEL / name).unlink()
    said = factory("check")
    assert said.code == 1
    assert f"MR711: {'tests' if name.startswith('tests') else name} is missing." in said.out


def test_the_scaffolds_model_card_is_not_enough(factory: Command) -> None:
    (factory.repo / MODEL / "MODEL_CARD.md").write_bytes(CARD.read_bytes())
    said = factory("check")
    assert said.code == 1
    assert said.out.count("is still the text that `mlroad new` writes") == 7


def test_an_expired_waiver_is_red_and_a_current_one_is_not(factory: Command) -> None:
    waivers = factory.repo / MODEL / "waivers.yml"
    text = '- gate: metrics.mae.regression\n  owner: "@octocat"\n  reason: We know.\n  expires: {}\n'
    today = datetime.now(UTC).date()
    waivers.write_text(text.format(today + timedelta(days=300)), encoding="utf-8")
    said = factory("check")
    assert said.code == 0
    assert "MR7" not in said.out
    waivers.write_text(text.format("2020-01-31"), encoding="utf-8")
    said = factory("check")
    assert said.code == 1
    assert "MR717: The waiver of metrics.mae.regression (@octocat) expired on 2020-01-31." in said.out


def test_a_waiver_ends_within_a_year_and_has_an_owner(factory: Command) -> None:
    late = datetime.now(UTC).date() + timedelta(days=370)
    waivers = factory.repo / MODEL / "waivers.yml"
    text = f'- gate: metrics.mae.regression\n  owner: "@octocat"\n  reason: We know.\n  expires: {late}\n'
    waivers.write_text(text, encoding="utf-8")
    said = factory("check")
    assert said.code == 1
    assert f"MR718: The waiver of metrics.mae.regression (@octocat) ends on {late}, but" in said.out
    waivers.write_text(text.replace("@octocat", "Ada"), encoding="utf-8")
    said = factory("check")
    assert said.code == 1
    assert 'waivers.yml:2:10: MR704: owner is "Ada". Write @user or @org/team' in said.out


def test_prod_data_that_both_stages_read_is_allowed(factory: Command) -> None:
    """A list of countries has only one version; the gate allows it for dev as well."""
    edit(factory.repo / MODEL / "data.yml", "dev: azureml:diabetes_train:2", "dev: azureml:diabetes_train:1")
    edit(factory.repo / MODEL / "pipeline.yml", "azureml:diabetes_train:2", "azureml:diabetes_train:1")
    assert "MR713" not in factory("check").out
    edit(factory.repo / MODEL / "data.yml", "prod: azureml:diabetes_train:1", "prod: azureml:diabetes:1")
    assert "MR713: diabetes_train:1 is for prod, but is used here for dev." in factory("check").out


def test_dotnet_needs_its_harness(factory: Command) -> None:
    edit(factory.repo / MODEL / "gates.yml", "[pyfunc, onnx]", "[pyfunc, onnx, dotnet]")
    said = factory("check")
    assert said.code == 1
    assert (
        "gates.yml:17:18: MR704: inference_tests has dotnet, but this repo has no harness/dotnet." in said.out
    )
    (factory.repo / "harness" / "dotnet" / "Cli").mkdir(parents=True)
    assert factory("check").code == 0


@pytest.mark.parametrize(
    ("missing", "part", "instead"),
    [
        (
            "are no slices",
            "  - {column: sex, metric: mae, limit: 58, max_regression: 4.0, min_rows: 30}\n",
            "",
        ),
        ("is no limit for latency", "latency: {p95_ms: 100}\n", ""),
        ("are no inference tests", "inference_tests: [pyfunc, onnx]\n", "inference_tests: []\n"),
    ],
)
def test_a_kind_of_gate_that_is_left_out_is_a_warning(
    factory: Command, missing: str, part: str, instead: str
) -> None:
    file = factory.repo / MODEL / "gates.yml"
    edit(file, part, instead)
    if "slices" in missing:
        edit(file, "slices:\n", "")
    said = factory("check")
    assert said.code == 0
    assert f"gates.yml: MR719: warning: There {missing}." in said.out
    assert said.out.count("MR719") == 1


def test_without_provenance_is_a_warning(factory: Command) -> None:
    (factory.repo / MODEL / "provenance.yml").unlink()
    said = factory("check")
    assert said.code == 0
    assert "MR716: warning:" in said.out


def test_the_settings_are_checked_with_the_whole_repo(factory: Command) -> None:
    edit(factory.repo / "factory.yml", "registry: local", "registry: azure")
    said = factory("check")
    assert said.code == 1
    said_at = "factory.yml:5:11: MR704: registry cannot be azure. Did you mean azureml?"
    assert said_at in said.out
    assert factory("check", "models/diabetes").code == 0


def test_programs_read_it(factory: Command) -> None:
    (factory.repo / MODEL / "gates.yml").unlink()
    found = json.loads(factory("check", "--format", "json").out)
    assert [problem["code"] for problem in found] == ["MR711"]
    assert factory("check", "--format", "yaml").code == 2
    said = factory("check", "models/diabets")
    assert said.code == 2
    assert "diabets does not exist" in said.text
