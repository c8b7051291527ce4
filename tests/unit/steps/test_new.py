"""`mlroad new`: it creates a model that passes all checks, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlroad.core.problems import UserError
from mlroad.steps.new_model import new_model
from mlroad.steps.script_rules import check_steps
from mlroad.steps.sync import check_sync
from tests.support import call


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.12"\n', encoding="utf-8")
    return tmp_path


def test_makes_a_model_in_step(repo: Path) -> None:
    model = new_model(repo, "rents")

    assert model == repo / "models" / "rents"
    assert check_sync(model) == []
    assert check_steps(model) == []
    assert sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()) == [
        "MODEL_CARD.md",
        "components/evaluate.yml",
        "components/predict.yml",
        "components/prep.yml",
        "components/train.yml",
        "data/example.csv",
        "environment/conda.yml",
        "pipeline.yml",
        "steps/evaluate.py",
        "steps/predict.py",
        "steps/prep.py",
        "steps/step_io.py",
        "steps/tables.py",
        "steps/train.py",
    ]
    assert [path.name for path in model.parent.iterdir()] == ["rents"]


def test_the_name_and_the_python_are_put_in(repo: Path) -> None:
    model = new_model(repo, "rents")

    texts = "\n".join(path.read_text(encoding="utf-8") for path in model.rglob("*") if path.is_file())
    assert "my_model" not in texts
    environment = yaml.safe_load((model / "environment" / "conda.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][0] == "python=3.12"


@pytest.mark.slow
def test_azure_ml_accepts_the_pipeline(repo: Path) -> None:
    from azure.ai.ml import load_job

    job = load_job(new_model(repo, "rents") / "pipeline.yml")

    assert job._validate().passed
    assert list(job.jobs) == ["prep", "train", "evaluate", "predict"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My Model-2", "try my_model_2"),
        ("2fast", "try fast"),
        ("", "such as churn_model"),
        ("größe", "not a valid model name"),
        ("../evil", "not a valid model name"),
        ("class", "reserved"),
        ("nul", "reserved"),
        ("a" * 64, "not a valid model name"),
    ],
)
def test_refuses_invalid_names(repo: Path, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        new_model(repo, name)

    assert not (repo / "models").exists()


def test_refuses_a_name_that_is_taken(repo: Path) -> None:
    (repo / "models" / "rents").mkdir(parents=True)

    with pytest.raises(UserError, match="already exists"):
        new_model(repo, "rents")

    assert list((repo / "models" / "rents").iterdir()) == []


def test_leaves_nothing_behind_when_it_fails_halfway(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlroad.steps.new_model.sync", full)

    with pytest.raises(UserError, match="No space left"):
        new_model(repo, "rents")

    assert list((repo / "models").iterdir()) == []


def test_refuses_where_models_is_a_file(repo: Path) -> None:
    (repo / "models").touch()

    with pytest.raises(UserError, match="cannot be created"):
        new_model(repo, "rents")


@pytest.mark.slow
def test_its_steps_are_strictly_typed(repo: Path) -> None:
    steps = new_model(repo, "rents") / "steps"

    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", os.devnull]
    call([*command, "--ignore-missing-imports", "."], cwd=steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "task", "figure"),
    [("monthly_rent", "regression", "mae"), ("balcony", "classification", "accuracy")],
)
def test_its_steps_run(repo: Path, target: str, task: str, figure: str) -> None:
    model = new_model(repo, "rents")
    out = repo / "out"
    raw = model / "data" / "example.csv"

    def step(name: str, **values: object) -> None:
        options = [text for option, value in values.items() for text in (f"--{option}", str(value))]
        environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{(repo / 'mlflow.db').as_posix()}"}
        subprocess.run(
            [sys.executable, f"{name}.py", *options], cwd=model / "steps", env=environment, check=True
        )

    step("prep", raw=raw, prepared=out / "prepared", target=target)
    step("train", prepared=out / "prepared", model=out / "model", target=target, task=task)
    step("predict", rows=raw, model=out / "model", predictions=out / "predictions.csv")
    step(
        "evaluate",
        prepared=out / "prepared",
        model=out / "model",
        metrics=out / "metrics.json",
        target=target,
        task=task,
    )

    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_rows"] == 52
    better = (
        metrics["baseline_mae"] > metrics["mae"]
        if figure == "mae"
        else metrics["accuracy"] > metrics["baseline_accuracy"]
    )
    assert better
    assert len((out / "predictions.csv").read_text(encoding="utf-8").splitlines()) == 241
