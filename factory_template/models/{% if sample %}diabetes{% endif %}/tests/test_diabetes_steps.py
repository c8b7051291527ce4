"""What the steps of the model do with a few rows."""

import csv
import json
from pathlib import Path

import mlflow.sklearn
import onnxruntime
import pandas as pd
import pytest
from evaluate import evaluate
from export import export
from measurements import FEATURES, TARGET
from predict import predict
from prep import is_test, prep
from train import train

COLUMNS = [*FEATURES, TARGET]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some forty made-up patients."""
    file = tmp_path_factory.mktemp("raw") / "patients.csv"
    rows = [
        [30 + n, 1 + n % 2, 20 + n % 15, 80 + n % 20, 150 + n, 100 + n % 50, 40 + n % 30, 4, 4.5, 90, 5 * n]
        for n in range(40)
    ]
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
    return file


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prep(raw, folder)
    return folder


@pytest.fixture(scope="module")
def model(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    train(prepared, folder)
    return folder


def test_prep_loses_no_row_and_has_none_twice(raw: Path, prepared: Path) -> None:
    sides = [pd.read_csv(prepared / name) for name in ("train.csv", "test.csv")]
    together = pd.concat(sides).sort_values("age", ignore_index=True)
    pd.testing.assert_frame_equal(together, pd.read_csv(raw), check_dtype=False)


def test_a_row_stays_on_its_side() -> None:
    row = ["59", "2", "32.1", "101.0", "157", "93.2", "38.0", "4.0", "4.8598", "87", "151"]
    assert is_test(row, 0.25) == is_test(list(row), 0.25)
    assert not is_test(row, 0.0)
    assert is_test(row, 1.0)


@pytest.mark.parametrize("column, value", [("age", "-1"), ("bmi", "1000"), ("sex", "3")])
def test_prep_refuses_what_cannot_be(raw: Path, tmp_path: Path, column: str, value: str) -> None:
    rows = pd.read_csv(raw, dtype=str)
    rows.loc[3, column] = value
    wrong = tmp_path / "wrong.csv"
    rows.to_csv(wrong, index=False)
    with pytest.raises(ValueError, match="line 5"):
        prep(wrong, tmp_path)


def test_prep_refuses_a_missing_column_and_a_share_that_is_none(raw: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    pd.read_csv(raw).drop(columns="bmi").to_csv(short, index=False)
    with pytest.raises(ValueError, match="bmi"):
        prep(short, tmp_path)
    with pytest.raises(ValueError, match="test_share"):
        prep(raw, tmp_path, test_share=1.5)


def test_evaluate_measures_both_groups(prepared: Path, model: Path, tmp_path: Path) -> None:
    evaluate(prepared, model, tmp_path / "metrics.json")
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert {"mae", "rmse", "r2", "baseline_mae", "mae_sex_1", "mae_sex_2"} <= found.keys()
    assert found["mae"] < found["baseline_mae"]


def test_predict_keeps_every_row_in_its_place(raw: Path, model: Path, tmp_path: Path) -> None:
    predict(raw, model, tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    assert found[COLUMNS].equals(pd.read_csv(raw))
    assert found["predicted_progression"].notna().all()


def test_the_onnx_model_says_the_same(model: Path, raw: Path, tmp_path: Path) -> None:
    export(model, tmp_path / "onnx")
    rows = pd.read_csv(raw)[FEATURES].astype("float32")
    session = onnxruntime.InferenceSession(tmp_path / "onnx")
    assert json.loads(session.get_modelmeta().custom_metadata_map["columns"]) == FEATURES
    answers = session.run(None, {session.get_inputs()[0].name: rows.to_numpy()})[0].ravel()
    expected = mlflow.sklearn.load_model(str(model)).predict(rows.astype(float))
    assert abs(answers - expected).max() < 0.01


def test_a_forest_can_be_trained_as_well(prepared: Path, tmp_path: Path) -> None:
    train(prepared, tmp_path / "model", learner="forest")
    assert (tmp_path / "model" / "MLmodel").is_file()
