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
    helpers = {"tables", "model_input", "series", "features"}
    assert found - {"components/features.yml", *(f"steps/{name}.py" for name in helpers)} == {
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


def _as_it_stands(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "multiclass", "multilabel"])
def test_predictions_stand_beside_the_rows_as_they_are(repo: Path, run_steps: RunSteps, kind: str) -> None:
    model = new_model(repo, "rents", kind)
    table = _as_it_stands(model / "data" / "example.csv")
    table["Kunden Nr."] = [str(10**17 + row) for row in range(len(table))]
    table["plz"], table["note"], table["share"] = "01069", ["NA", "x"] * (len(table) // 2), "1.50"
    table.loc[3, "share"] = ""
    table.to_csv(repo / "raw.csv", index=False)

    run_steps(model, repo / "raw.csv")

    written = _as_it_stands(repo / "out" / "predictions")
    pd.testing.assert_frame_equal(written[table.columns], table)
    assert written["prediction"].ne("").all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_classes_that_look_missing_are_classes(
    repo: Path, run_steps: RunSteps, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    model = new_model(repo, "plans", kind)
    table = _as_it_stands(model / "data" / "example.csv")
    target = table.columns[-1]
    names = dict(zip(sorted({*table[target]}), ("NA", "None", "nan"), strict=False))
    table[target] = table[target].map(names)
    table.loc[:4, target] = ""
    table = pd.concat([table, table[-2:]])
    table.to_csv(repo / "raw.csv", index=False)

    metrics, _, saved = run_steps(model, repo / "raw.csv")

    assert f"Left out: 5 rows without {target}, 2 repeated rows\n" in capsys.readouterr().out
    classes = yaml.safe_load((saved / "MLmodel").read_text(encoding="utf-8"))["metadata"]["classes"]
    assert classes == sorted(names.values())
    trained = _as_it_stands(repo / "out" / "prepared" / "train.csv")
    assert len(trained) + metrics["test_rows"] == len(table) - 7
    assert {*_as_it_stands(repo / "out" / "predictions")["prediction"]} == {*names.values()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "ranking", "multilabel"])
def test_a_number_that_is_not_there_is_missing(
    repo: Path, run_steps: RunSteps, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    model = new_model(repo, "rents", kind)
    table = _as_it_stands(model / "data" / "example.csv")
    table.loc[1, table.columns[-1]], table.loc[2, table.columns[-1]] = "NA", ""
    table.to_csv(repo / "raw.csv", index=False)

    _, predictions, _ = run_steps(model, repo / "raw.csv")

    assert "Left out: 2 rows without " in capsys.readouterr().out
    assert predictions["prediction"].notna().all()


@pytest.mark.slow
def test_prep_says_nothing_of_rows_that_it_keeps(
    repo: Path, run_steps: RunSteps, capsys: pytest.CaptureFixture[str]
) -> None:
    run_steps(new_model(repo, "rents", "multiclass"))

    assert "Left out" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "text_classification"])
def test_texts_may_be_missing_or_numbers(repo: Path, run_steps: RunSteps, kind: str) -> None:
    import mlflow.sklearn

    model = new_model(repo, "orders", kind)
    numbers = [str(4711 + row) for row in range(100)]
    table = pd.DataFrame({"order": numbers, "store": ["NA", "south"] * 50})
    table.loc[::5, "order"] = ""
    table.to_csv(repo / "raw.csv", index=False)

    _, _, saved = run_steps(model, repo / "raw.csv", text="order", target="store")

    written = _as_it_stands(repo / "out" / "predictions")
    pd.testing.assert_frame_equal(written[["order", "store"]], table)
    served = mlflow.sklearn.load_model(str(saved)).predict(table[["order"]])
    assert written["prediction"].tolist() == list(served)


@pytest.mark.slow
def test_a_category_is_a_text_also_where_a_file_has_only_numbers(repo: Path, run_steps: RunSteps) -> None:
    """The category 1 of the training data is the category 1, not 1.0, of rows where each one is a number."""
    import mlflow.sklearn

    model = new_model(repo, "rents", "regression")
    table = _as_it_stands(model / "data" / "example.csv")
    table["district"] = table["district"].map(
        dict(zip(sorted({*table["district"]}), "12345678", strict=False))
    )
    table.loc[::2, "district"] = "old " + table["district"]
    table.loc[1::8, "district"] = "NA"  # a missing value, as in pandas and in a gate
    table.to_csv(repo / "raw.csv", index=False)
    _, whole, saved = run_steps(model, repo / "raw.csv")
    table[1::2].to_csv(repo / "part.csv", index=False)

    importlib.import_module("predict").predict(repo / "part.csv", saved, repo / "part_predictions")

    part = pd.read_csv(repo / "part_predictions")
    assert part["prediction"].to_numpy() == pytest.approx(whole["prediction"][1::2].to_numpy())
    answers = mlflow.sklearn.load_model(str(saved)).predict(pd.read_csv(repo / "raw.csv"))
    assert answers == pytest.approx(whole["prediction"].to_numpy())


@pytest.mark.slow
def test_labels_that_do_not_vary_are_left_out_of_the_mean(repo: Path, run_steps: RunSteps) -> None:
    model = new_model(repo, "faults", "multilabel")
    table = pd.read_csv(model / "data" / "example.csv")
    usual, _, _ = run_steps(model)
    table.assign(never=0, always=1).to_csv(repo / "raw.csv", index=False)

    none, _, _ = run_steps(model, repo / "raw.csv", labels="never,always")
    one, _, saved = run_steps(model, repo / "raw.csv", labels="bearing, never")

    assert 0.5 < one["roc_auc_macro"] <= 1
    assert 0.5 < usual["roc_auc_macro"] <= 1
    assert none.keys() == usual.keys() - {"roc_auc_macro"}
    metadata = yaml.safe_load((saved / "MLmodel").read_text(encoding="utf-8"))["metadata"]
    assert metadata == {"labels": ["bearing", "never"]}
    with pytest.raises(ValueError, match="labels names only bearing"):
        run_steps(model, labels="bearing")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "change", "left_out"),
    [
        ("forecast", {"sales": 5}, {"mase"}),
        ("ranking", {"relevance": 0}, {"ndcg", "baseline_ndcg"}),
        ("regression", {"monthly_rent": 5}, set()),
    ],
)
def test_figures_that_cannot_be_measured_are_left_out(
    repo: Path, run_steps: RunSteps, kind: str, change: dict[str, int], left_out: set[str]
) -> None:
    model = new_model(repo, "rents", kind)
    usual, _, _ = run_steps(model)
    pd.read_csv(model / "data" / "example.csv").assign(**change).to_csv(repo / "raw.csv", index=False)

    metrics, _, _ = run_steps(model, repo / "raw.csv")

    assert metrics.keys() == usual.keys() - left_out
    assert "NaN" not in json.dumps(metrics)
    assert "Infinity" not in json.dumps(metrics)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_too_few_rows_is_refused_in_a_sentence(
    repo: Path, run_steps: RunSteps, kind: str
) -> None:
    model = new_model(repo, "rents", kind)
    lines = (model / "data" / "example.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for rows, words in ((0, "raw.csv is empty"), (1, "too few"), (4, "too few")):
        (repo / "raw.csv").write_text("".join(lines[:rows]), encoding="utf-8")
        with pytest.raises(ValueError, match=words):
            run_steps(model, repo / "raw.csv")


@pytest.mark.slow
def test_a_file_with_few_rows_is_enough(repo: Path, run_steps: RunSteps) -> None:
    model = new_model(repo, "rents", "regression")
    pd.read_csv(model / "data" / "example.csv")[:20].to_csv(repo / "raw.csv", index=False)

    _, predictions, _ = run_steps(model, repo / "raw.csv")

    assert len(predictions) == 20
