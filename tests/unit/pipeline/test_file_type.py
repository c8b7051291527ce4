"""What a YAML file describes, and that files of other kinds are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.core.yaml_nodes import MapNode, parse_yaml
from mlroad.pipeline.check_repo import check
from mlroad.pipeline.file_type import file_type, other_type

CASES = Path(__file__).parent / "data" / "cases"
_SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/{}.schema.json\n"
_STEP = "jobs:\n  one:\n    component: ./one.yml\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (_STEP, "pipeline"),
        ("type: pipeline\n" + _STEP, "pipeline"),
        ("type: pipelin\n" + _STEP, "pipeline"),
        (_SCHEMA.format("commandJob") + "type: pipeline\n" + _STEP, "pipeline"),
        (_SCHEMA.format("pipelineComponent") + "type: pipeline\n" + _STEP, "component"),
        (_SCHEMA.format("pipelineJob") + "jobs: {}\n", "pipeline"),
        ("type: comand\ncommand: echo\n", "component"),
        ("name: x\ncommand: echo\nenvironment_variables: {A: b}\n", "component"),
        (_SCHEMA.format("pipelineJob") + "type: parallel\nversion: 1\ntask: {}\n", "component"),
        ("type: uri_file\nname: x\npath: ./x.csv\n", "data"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    node, _ = parse_yaml(text, Path("x.yml"))
    assert isinstance(node, MapNode)
    assert file_type(node) == kind
    assert other_type(node) is None


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("type: pipeline\nendpoint_name: x\ncomponent: azureml:c:1\n", "deployment"),
        (_SCHEMA.format("pipelineComponentBatchDeployment") + "type: pipeline\n", "deployment"),
        (_SCHEMA.format("modelBatchDeployment") + "type: model\nendpoint_name: x\n", "deployment"),
        (_SCHEMA.format("schedule") + "name: x\n", "schedule"),
        ("trigger: {type: cron}\ncreate_job: {type: pipeline, jobs: {}}\n", "schedule"),
        (_SCHEMA.format("environment") + "image: x\n", "environment"),
        (_SCHEMA.format("commandJob") + "command: echo\n", "standalone job"),
        ("type: command\nname: x\ncommand: echo\ncompute: azureml:c\n", "standalone job"),
        (_SCHEMA.format("sweepJob") + "type: sweep\ntrial: {}\n", "standalone job"),
        ("type: command\ncomponent: ./x.yml\n", None),
        ("on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: []\n", None),
        ("jobs:\n- job: test\n  steps: []\n", None),
        ("dependencies: [python]\n", None),
    ],
)
def test_others_are_left_alone(text: str, other: str | None, tmp_path: Path) -> None:
    node, _ = parse_yaml(text, Path("x.yml"))
    assert isinstance(node, MapNode)
    assert file_type(node) is None
    assert other_type(node) == other
    (tmp_path / "x.yml").write_text(text, encoding="utf-8")
    assert check([tmp_path]) == []


def test_a_component_in_a_registry_is_unknown_inside() -> None:
    assert check([CASES / "compute-registry"]) == []


@pytest.mark.parametrize("stated", ["    type: command\n", ""])
def test_a_registered_command_needs_its_compute(tmp_path: Path, stated: str) -> None:
    file = tmp_path / "pipeline.yml"
    step = f"jobs:\n  one:\n{stated}    component: azureml://registries/r/components/c/versions/1\n"
    file.write_text("type: pipeline\n" + step, encoding="utf-8")
    assert [problem.code for problem in check([file])] == ["MR251"]


def test_an_inline_component_needs_no_name() -> None:
    assert check([CASES / "inline-name" / "batch.yml"]) == []


def test_a_deployment_is_not_a_job() -> None:
    assert check([CASES / "batch-deployment"]) == []
    (found,) = check([CASES / "batch-deployment" / "deployment.yml"])
    assert (found.code, found.severity) == ("MR130", "warning")


def test_a_schedule_beside_a_broken_pipeline() -> None:
    folder = CASES / "one-odd-file"
    found = check([folder / "schedule.yml", folder / "broken.yml"])
    assert {(problem.at.file.name, problem.code) for problem in found} == {
        ("schedule.yml", "MR130"),
        ("broken.yml", "MR241"),
    }


@pytest.mark.parametrize(("schema", "warned"), [("commandJob", 1), ("pipelineJob", 0), ("PipelineJob", 0)])
def test_a_schema_of_another_kind_is_a_warning(base: Path, schema: str, warned: int) -> None:
    pipeline = base / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace("pipelineJob.schema", f"{schema}.schema"), encoding="utf-8")
    assert [(p.code, p.severity) for p in check([pipeline])] == [("MR131", "warning")] * warned
