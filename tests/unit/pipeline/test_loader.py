"""The loader's result for a file, which the runner, the graph and the checker use."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.core.yaml_nodes import MapNode, ScalarNode, parse_yaml
from mlroad.pipeline.loader import load_component, load_pipeline
from mlroad.pipeline.model import (
    Binding,
    CommandComponent,
    DataAsset,
    DataPath,
    Literally,
    PipelineComponent,
    PipelineJob,
    RemoteData,
    Template,
    Unsupported,
)


def _job(base: Path) -> PipelineJob:
    loaded = load_pipeline(base / "pipeline.yml")
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.job is not None
    return loaded.job


def _edit(base: Path, old: str, new: str) -> None:
    pipeline = base / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8")
    assert old in text
    pipeline.write_text(text.replace(old, new), encoding="utf-8")


def test_job(base: Path) -> None:
    job = _job(base)
    assert (job.display_name, job.experiment_name, job.compute) == ("base", "base", "azureml:serverless")
    assert list(job.steps) == ["prep", "train", "score", "notify"]
    assert {name: port.type for name, port in job.inputs.items()} == {
        "raw": "uri_file",
        "extra": "uri_folder",
        "rounds": "integer",
        "rate": "number",
        "kind": "string",
        "verbose": "boolean",
    }
    assert job.values["raw"] == DataPath(base / "data" / "raw.csv", "uri_file", job.values["raw"].at)
    assert {name: port.type for name, port in job.outputs.items()} == {
        "model": "uri_folder",
        "report": "uri_file",
    }


def test_values_and_bindings(base: Path) -> None:
    job = _job(base)
    train, score = job.steps["train"], job.steps["score"]
    clean = train.inputs["clean"]
    assert isinstance(clean, Binding)
    assert (clean.kind, clean.job, clean.name) == ("job_output", "prep", "clean")
    assert (clean.at.line, clean.at.column) == (41, 14)
    assert isinstance(train.inputs["seed"], Literally)
    label = score.inputs["label"]
    assert isinstance(label, Template)
    assert label.text == "run-${" + "{parent.inputs.kind}}"
    assert [binding.name for binding in label.bindings] == ["kind"]
    assert label.bindings[0].at.column == label.at.column + 4


def test_both_forms_of_output_bindings(base: Path) -> None:
    job = _job(base)
    for step, output in (("train", "model"), ("score", "report")):
        binding = job.steps[step].outputs[output].binding
        assert binding is not None
        assert (binding.kind, binding.name) == ("parent_output", output)


@pytest.mark.parametrize(
    ("written", "passed"), [("true", "True"), ("20", "20"), ("1.8", "1.8"), ("1e-3", "1e-3"), ("on", "True")]
)
def test_literals_are_passed_as_azure_passes_them(base: Path, written: str, passed: str) -> None:
    _edit(base, "label: done", f"label: {written}")
    job = load_pipeline(base / "pipeline.yml").job
    assert job is not None
    value = job.steps["notify"].inputs["label"]
    assert isinstance(value, Literally)
    assert value.text == passed


@pytest.mark.parametrize(
    ("kind", "written", "default"),
    [
        ("boolean", "False", "False"),
        ("number", "1024", "1024.0"),
        ("number", "1e-3", "0.001"),
        ("integer", '"7"', "7"),
        ("string", "5", "5"),
    ],
)
def test_defaults_take_the_declared_type(base: Path, kind: str, written: str, default: str) -> None:
    judge = base / "components" / "judge.yml"
    text = judge.read_text(encoding="utf-8").replace(
        "type: string\n    optional: true", f"type: {kind}\n    default: {written}"
    )
    judge.write_text(text, encoding="utf-8")
    component = load_component(judge).component
    assert isinstance(component, CommandComponent)
    assert str(component.inputs["label"].default) == default


def test_components(base: Path) -> None:
    job = _job(base)
    train = job.steps["train"].component
    assert isinstance(train, CommandComponent)
    assert train.code == base / "steps"
    assert train.environment is not None
    assert train.environment.name == "base@latest"
    assert (train.inputs["rounds"].minimum, train.inputs["rounds"].maximum) == (1, 100)
    assert train.inputs["kind"].enum == ("linear", "cubic")
    assert train.inputs["seed"].optional
    prep = job.steps["prep"].component
    assert isinstance(prep, CommandComponent)
    assert prep.environment is not None
    assert prep.environment.conda_file == base / "environment" / "conda.yml"
    score = job.steps["score"].component
    assert isinstance(score, PipelineComponent)
    assert isinstance(score.steps["judge"].component, CommandComponent)


def test_inline_step_ports_follow_their_bindings(base: Path) -> None:
    component = _job(base).steps["notify"].component
    assert isinstance(component, CommandComponent)
    assert component.inline
    assert {name: port.type for name, port in component.inputs.items()} == {
        "label": "string",
        "report": "uri_file",
    }
    assert component.outputs["note"].type == "uri_file"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("./data/raw.csv", DataPath),
        ("file:./data/raw.csv", DataPath),
        ("azureml:raw:1", DataAsset),
        ("raw:1", DataAsset),
        ("azureml:raw@latest", DataAsset),
        ("azureml://datastores/x/paths/raw.csv", RemoteData),
        ("https://example.org/raw.csv", RemoteData),
        ("wasbs://a@b.blob.core.windows.net/raw.csv", RemoteData),
    ],
)
def test_paths(base: Path, written: str, kind: type) -> None:
    _edit(base, "path: ./data/raw.csv", f"path: {written}")
    job = load_pipeline(base / "pipeline.yml").job
    assert job is not None
    assert isinstance(job.values["raw"], kind)


@pytest.mark.parametrize(
    "kind", ["spark", "parallel", "sweep", "automl", "import", "data_transfer", "if_else", "do_while"]
)
def test_steps_for_a_cloud_only(base: Path, kind: str) -> None:
    _edit(base, "  notify:\n    type: command", f"  big:\n    type: {kind}\n  notify:\n    type: command")
    job = load_pipeline(base / "pipeline.yml").job
    assert job is not None
    component = job.steps["big"].component
    assert isinstance(component, Unsupported)
    assert component.type == kind


def test_registered_component_is_found_in_the_repo_or_reported(base: Path) -> None:
    (base / "pyproject.toml").write_text("", encoding="utf-8")
    _edit(base, "./components/train.yml", "azureml:base_train@latest")
    _edit(base, "./components/prep.yml", "azureml:their_prep:4")
    job = load_pipeline(base / "pipeline.yml").job
    assert job is not None
    assert isinstance(job.steps["train"].component, CommandComponent)
    prep = job.steps["prep"].component
    assert isinstance(prep, Unsupported)
    assert (prep.type, prep.reference) == ("registered", "azureml:their_prep:4")


def test_step_in_a_file_of_its_own(base: Path) -> None:
    (base / "jobs").mkdir()
    step = "type: command\ncomponent: ../components/prep.yml\ninputs:\n  raw: ${" + "{parent.inputs.raw}}\n"
    (base / "jobs" / "prep.yml").write_text(step, encoding="utf-8")
    text = (base / "pipeline.yml").read_text(encoding="utf-8")
    start, end = text.index("  prep:\n"), text.index("  train:\n")
    (base / "pipeline.yml").write_text(
        f"{text[:start]}  prep: file:./jobs/prep.yml\n{text[end:]}", encoding="utf-8"
    )
    assert isinstance(_job(base).steps["prep"].component, CommandComponent)


def test_positions_inside_folded_text() -> None:
    text = "command: >-\n  python x.py\n  --a ${" + "{inputs.a}}\n  --b ${" + "{inputs.a}}\n"
    node, _ = parse_yaml(text, Path("x.yml"))
    assert isinstance(node, MapNode)
    command = node.values["command"]
    assert isinstance(command, ScalarNode)
    places = [command.position_of("${" + "{inputs.a}}", number) for number in (0, 1)]
    assert [(place.line, place.column) for place in places] == [(3, 7), (4, 7)]


def test_a_file_that_would_blow_up(tmp_path: Path) -> None:
    """Aliases of aliases are shared, not copied."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    bomb = tmp_path / "pipeline.yml"
    bomb.write_text("\n".join(lines), encoding="utf-8")
    assert load_pipeline(bomb).errors


def test_nothing_raises(tmp_path: Path) -> None:
    """Whatever the file contains, the result is problems, not an exception."""
    for number, text in enumerate(
        [
            "",
            "[]",
            "5",
            "a: &a\n  b: *a",
            "jobs: 5",
            "jobs: {a: 5}",
            "inputs: 5",
            "\x00",
            "? {a: b}\n: c",
            "jobs: {a: {component: 5}}",
        ]
    ):
        file = tmp_path / f"{number}.yml"
        file.write_text(text, encoding="utf-8")
        assert load_pipeline(file).errors


@pytest.mark.parametrize("text", ["a" * 300, "x\\0y", "..", "/", "file:", "C:\\\\x"])
def test_names_that_no_file_can_have(base: Path, text: str) -> None:
    """An impossible file name is reported as a missing file, without an exception."""
    for old in ("./data/raw.csv", "./components/prep.yml"):
        _edit(base, old, f'"{text}"')
    assert load_pipeline(base / "pipeline.yml").errors


def test_a_number_that_is_too_large(base: Path) -> None:
    train = base / "components" / "train.yml"
    train.write_text(
        train.read_text(encoding="utf-8").replace("max: 100", f"max: {10**400}"), encoding="utf-8"
    )
    assert [problem.code for problem in load_component(train).problems] == ["MR228"]
