"""A model that trains in a second, for runs in which only the workflow matters: it needs no library.

It is the line `mean + 10 · (bmi - 26)` through the sample's data, of which only the mean is learned, saved as
an MLflow model by hand. Its mean absolute error on `diabetes_holdout:1` is 55.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import statistics
import sys
from pathlib import Path

from mlroad.models.suite import text_digest
from tests.support import call

FIT = '''"""Fit a line of which only the height is learnt."""

import csv
import json
import shutil
import statistics
from pathlib import Path

from step_io import InputFile, OutputModel, run


def fit(raw: InputFile, model: OutputModel) -> None:
    """Save how far the disease is on average."""
    with raw.open(encoding="utf-8", newline="") as file:
        mean = statistics.fmean(float(row["progression"]) for row in csv.DictReader(file))
    model.mkdir(parents=True, exist_ok=True)
    for name in ("MLmodel", "code"):
        source = Path(__file__).parent / "saved" / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, model / name)
    (model / "mean.json").write_text(json.dumps(mean), encoding="utf-8")


if __name__ == "__main__":
    run(fit)
'''
LINE = '''"""What MLflow loads."""

import json
from pathlib import Path
from typing import Any


class Line:
    """A line through the mean."""

    def __init__(self, mean: float) -> None:
        self.mean = mean

    def predict(self, rows: Any) -> Any:
        """The progression of each row."""
        return (self.mean + 10 * (rows["bmi"] - 26)).to_numpy()


def _load_pyfunc(path: str) -> Line:
    return Line(json.loads(Path(path).read_text(encoding="utf-8")))
'''
MLMODEL = """flavors:
  python_function: {loader_module: line, code: code, data: mean.json}
signature:
  inputs: '[{"type": "double", "name": "bmi", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
"""
PIPELINE = """type: pipeline
display_name: NAME
inputs:
  raw: {type: uri_file, path: "azureml:diabetes_train:2"}
outputs:
  model: {type: mlflow_model}
settings:
  default_compute: azureml:serverless
jobs:
  fit:
    component: ./components/fit.yml
    inputs: {raw: "${{parent.inputs.raw}}"}
    outputs: {model: "${{parent.outputs.model}}"}
"""
GATES = """task: regression
holdout: azureml:diabetes_holdout:1
target: progression
champion: optional
decide_by: mae
metrics:
  mae: {limit: LIMIT, max_regression: 5}
bootstrap: {resamples: 100}
inference_tests: [pyfunc]
"""


def quick_model(repo: Path, name: str, prod: str = "diabetes_train:1", limit: float = 58) -> None:
    """Add the model to a factory with the sample: its prod data, its gate, and the tolerance of the golden
    answer for models trained on other data than the dev data."""
    folder = repo / "models" / name
    raw = repo / "datasets" / "diabetes_train"
    with (raw / "2" / "diabetes_train.csv").open(encoding="utf-8", newline="") as file:
        mean = statistics.fmean(float(row["progression"]) for row in csv.DictReader(file))
    digest = re.search("digest: (.*)", (raw / "2.yml").read_text(encoding="utf-8"))
    assert digest
    case = {
        "id": "golden-1", "kind": "golden", "request": {"inputs": [_tensor("bmi", [1, 1], 27.0)]},
        "expect": {"outputs": [_tensor("prediction", [1], mean + 10)]},
    }  # fmt: skip
    cases = json.dumps(case) + "\n"
    suite = (
        f"model: {name}\ndataset: azureml:diabetes_train:2\ndigest: {digest[1]}\ncases: cases.jsonl\n"
        f"cases_digest: {text_digest(cases.encode())}\n"
        f"tolerance: {{absolute: 0.001}}\nretrained: {{absolute: 10000}}\n"
    )
    for path, text in (
        ("steps/fit.py", FIT),
        ("steps/saved/MLmodel", MLMODEL),
        ("steps/saved/code/line.py", LINE),
        ("pipeline.yml", PIPELINE.replace("NAME", name)),
        ("data.yml", f"raw: {{dev: 'azureml:diabetes_train:2', prod: 'azureml:{prod}'}}\n"),
        ("gates.yml", GATES.replace("LIMIT", str(limit))),
        ("inference_tests/cases.jsonl", cases),
        ("inference_tests/suite.yml", suite),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    shutil.copytree(repo / "models" / "diabetes" / "environment", folder / "environment")
    call([sys.executable, "-m", "mlroad", "sync", f"models/{name}"], repo)


def in_wrong_units(repo: Path) -> str:
    """Add a dataset version whose target values are ten times too large."""
    rows = (repo / "datasets/diabetes_train/1/diabetes_train.csv").read_text(encoding="utf-8").splitlines()
    raw = repo / "wrong.csv"
    raw.write_text("\n".join([rows[0], *(f"{row}0" for row in rows[1:])]) + "\n", encoding="utf-8")
    words = ["dataset", "add", "diabetes_wrong", "wrong.csv", "--stage", "prod"]
    call([sys.executable, "-m", "mlroad", *words], repo)
    raw.unlink()
    return "diabetes_wrong:1"


def _tensor(name: str, shape: list[int], value: float) -> dict[str, object]:
    return {"name": name, "shape": shape, "datatype": "FP64", "data": [value]}
