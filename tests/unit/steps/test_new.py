"""`mlroad new`: it creates a model that passes all checks, or nothing."""

from __future__ import annotations

import importlib
import inspect
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlroad.core.problems import UserError
from mlroad.pipeline.check_repo import check as check_repo
from mlroad.steps.new_model import KINDS, new_model
from mlroad.steps.sync import check_sync
from tests.support import call

RunSteps = Callable[..., tuple[dict[str, float], pd.DataFrame, Path]]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.12"\n', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_makes_a_model_without_a_finding(repo: Path, kind: str) -> None:
    model = new_model(repo, "rents", kind)

    assert model == repo / "models" / "rents"
    assert check_sync(model) == []
    assert check_repo([model]) == []
    found = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert found - {"steps/tables.py", "steps/series.py", "components/features.yml", "steps/features.py"} == {
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
        "steps/train.py",
    }
    assert [path.name for path in model.parent.iterdir()] == ["rents"]


def test_the_name_and_the_python_are_put_in(repo: Path) -> None:
    model = new_model(repo, "rents")

    texts = "\n".join(path.read_text(encoding="utf-8") for path in model.rglob("*") if path.is_file())
    assert "my_model" not in texts
    environment = yaml.safe_load((model / "environment" / "conda.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][0] == "python=3.12"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_azure_ml_accepts_the_pipeline(repo: Path, kind: str) -> None:
    from azure.ai.ml import load_job

    job = load_job(new_model(repo, "rents", kind) / "pipeline.yml")

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
        ("off", "Try off_model"),
        ("null", "Try null_model"),
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
def test_its_steps_are_strictly_typed_and_so_are_those_of_the_sample(
    repo: Path, rendered: Callable[..., Path]
) -> None:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        str(repo / "cache"),
    ]
    models = [new_model(repo, f"a_{kind}", kind) for kind in KINDS]
    for model in (*models, rendered() / "models" / "diabetes"):
        call([*command, "--ignore-missing-imports", "."], cwd=model / "steps")


@pytest.fixture
def run_steps(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunSteps]:
    """``run_steps(model, raw, **inputs)``: its metrics, predictions and model, from the pipeline's wiring."""
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(repo / 'mlflow.db').as_posix()}")
    before = {*sys.modules}

    def run(
        model: Path, raw: Path | None = None, **inputs: object
    ) -> tuple[dict[str, float], pd.DataFrame, Path]:
        pipeline = yaml.safe_load((model / "pipeline.yml").read_text(encoding="utf-8"))
        values = {f"parent.inputs.{name}": value for name, value in {**pipeline["inputs"], **inputs}.items()}
        shutil.rmtree(repo / "out", ignore_errors=True)
        values["parent.inputs.raw"] = raw or model / "data" / "example.csv"
        monkeypatch.syspath_prepend(model / "steps")
        for name, job in pipeline["jobs"].items():
            step = getattr(importlib.import_module(name), name)
            arguments = {key: values[text.strip("${}")] for key, text in job["inputs"].items()}
            for output in set(inspect.signature(step).parameters) & {
                "prepared", "model", "metrics", "predictions",
            } - arguments.keys():  # fmt: skip
                place = repo / "out" / output
                (place if output == "prepared" else place.parent).mkdir(parents=True, exist_ok=True)
                values[f"parent.jobs.{name}.outputs.{output}"] = arguments[output] = place
            step(**arguments)
        metrics = json.loads((repo / "out" / "metrics").read_text(encoding="utf-8"))
        return metrics, pd.read_csv(repo / "out" / "predictions"), repo / "out" / "model"

    yield run
    mlflow.end_run()
    mlflow.set_tracking_uri(None)
    for name in {*sys.modules} - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(repo):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "figure", "baseline"),
    [
        ("regression", "mae", "baseline_mae"),
        ("binary", "baseline_accuracy", "accuracy"),
        ("multiclass", "baseline_accuracy", "accuracy"),
        ("multilabel", "hamming_loss", "baseline_hamming_loss"),
        ("ranking", "baseline_ndcg", "ndcg"),
        ("text", "baseline_exact_match", "exact_match"),
        ("text_classification", "baseline_accuracy", "accuracy"),
        ("forecast", "mae", "baseline_mae"),
    ],
)
def test_each_kind_trains_and_beats_its_baseline(
    repo: Path, run_steps: RunSteps, kind: str, figure: str, baseline: str
) -> None:
    model = new_model(repo, "rents", kind)
    metrics, predictions, _ = run_steps(model)

    assert metrics["test_rows"] > 40
    assert metrics[figure] < metrics[baseline]
    rows = len(pd.read_csv(model / "data" / "example.csv"))
    assert len(predictions) == (14 if kind == "forecast" else rows)
    assert predictions["prediction"].notna().all()


@pytest.mark.slow
def test_a_classifier_saves_probabilities_in_the_order_of_its_classes(
    repo: Path, run_steps: RunSteps
) -> None:
    """Classes that look like numbers keep their text; one is in one row only; values are missing."""
    import mlflow.pyfunc

    model = new_model(repo, "codes", "classification")
    table = pd.read_csv(model / "data" / "example.csv")
    table["plan"] = table["plan"].map({"basic": "01", "plus": "2", "pro": "10"})
    table.loc[5, "plan"] = "7"
    table.loc[::7, "age"] = None
    table.loc[::9, "phone"] = None
    table.loc[3, "plan"] = None
    raw = repo / "raw.csv"
    table.to_csv(raw, index=False)

    _, predictions, saved = run_steps(model, raw)

    served = mlflow.pyfunc.load_model(str(saved))
    classes = served.metadata.metadata["classes"]
    assert set(classes) - {"7"} == {"01", "10", "2"}
    columns = [f"probability_{name}" for name in classes]
    assert predictions[columns].sum(axis="columns").round(4).eq(1).all()
    best = predictions[columns].idxmax(axis="columns").astype(str).str.removeprefix("probability_")
    assert best.astype(float).eq(predictions["prediction"]).all()
    features = table.astype(dict.fromkeys(("age", "household", "minutes"), float)).drop(columns="plan")
    answers = served.predict(features)
    assert answers == pytest.approx(predictions[columns].to_numpy(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(index=40), "not regular: the largest gap is after 2024-02-09"),
        (lambda table: pd.concat([table, table[:1]]), "2024-01-01 00:00:00 has several rows"),
        (
            lambda table: table.rename(columns={"sales": "sold"}),
            "no column sales. The columns are date, sold",
        ),
        (lambda table: table[:20], "which are too few"),
        (lambda table: table[:1], r"too few rows \(1\)"),
    ],
)
def test_a_series_that_cannot_be_forecast_is_refused(
    repo: Path, run_steps: RunSteps, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    model = new_model(repo, "shop", "forecast")
    change(pd.read_csv(model / "data" / "example.csv")).to_csv(repo / "raw.csv", index=False)

    with pytest.raises(ValueError, match=words):
        run_steps(model, repo / "raw.csv")


@pytest.mark.slow
def test_a_forecast_knows_nothing_of_its_last_rows(repo: Path, run_steps: RunSteps) -> None:
    """The features of a row must not change when the `horizon` - 1 rows before it change."""
    model = new_model(repo, "shop", "forecast")
    table = pd.read_csv(model / "data" / "example.csv")
    run_steps(model)
    before = pd.read_csv(repo / "out" / "prepared" / "test.csv")
    table.loc[len(table) - 14 :, "sales"] = 1e6
    table.to_csv(repo / "raw.csv", index=False)
    run_steps(model, repo / "raw.csv")
    after = pd.read_csv(repo / "out" / "prepared" / "test.csv")
    pd.testing.assert_frame_equal(before.drop(columns="sales"), after.drop(columns="sales"))
