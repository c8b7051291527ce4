"""A small factory repo with the model `toy`, made with the real commands, and better and worse models.

The data: 500 rows with x1, x2 and a group; y is 3·x1 - 2·x2 with noise of deviation 1, and label is y > 0.
The trained model uses only x1, so that a better model exists.
"""

from __future__ import annotations

import csv
import random
from functools import cache
from pathlib import Path

from tests.support import commit_all, git
from tests.unit.cli.command import mlroad

COLUMNS = ("row", "x1", "x2", "group", "site", "y", "label")

TRAIN = '''"""Fit a line."""

import logging

import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression
from step_io import InputFile, OutputModel, run

logging.getLogger("mlflow").setLevel(logging.ERROR)


def train(raw: InputFile, model: OutputModel) -> None:
    """Fit a line."""
    rows = pd.read_csv(raw)
    inputs = rows[["x1"]].astype(float)
    fitted = LinearRegression().fit(inputs, rows["y"])
    mlflow.sklearn.save_model(
        fitted, model, signature=infer_signature(inputs, fitted.predict(inputs)),
        serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
    )


if __name__ == "__main__":
    run(train)
'''
PIPELINE = """$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: toy
inputs:
  raw:
    type: uri_file
    path: azureml:toys_train:2
outputs:
  model:
    type: mlflow_model
settings:
  default_compute: azureml:serverless
jobs:
  train:
    component: ./components/train.yml
    inputs:
      raw: ${{parent.inputs.raw}}
    outputs:
      model: ${{parent.outputs.model}}
"""
CONDA = "name: toy\nchannels: [conda-forge]\ndependencies: [python=3.11, pip]\n"
DATA = "raw:\n  dev: azureml:toys_train:2\n  prod: azureml:toys_train:1\n"
GATES = """task: regression
holdout: azureml:toys_holdout:1
target: y
champion: optional
decide_by: mae
metrics:
  mae: {limit: 3, max_regression: 0.1}
  r2: {limit: 0.5}
bootstrap: {resamples: 1000}
"""
MODEL = """import os, sys, time
import mlflow
import numpy as np
import pandas as pd


class Toy(mlflow.pyfunc.PythonModel):
    drawn = np.random.normal()

    def predict(self, context, model_input, params=None):
        x1, x2 = model_input["x1"].to_numpy(), model_input["x2"].to_numpy()
        line = 3 * x1 - 2 * x2
        p = 1 / (1 + np.exp(-2 * line))
        n = len(line)
        BODY


mlflow.models.set_model(Toy())
"""


def run(repo: Path, *words: str, check: bool = True) -> str:
    """Run `mlroad` in the repo: ``run(repo, "train", "toy")``."""
    elsewhere = {"MLROAD_REGISTRY": "", "GITHUB_ACTIONS": "", "GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": ""}
    return mlroad(repo, *words, check=check, **elsewhere).text


def rows(count: int = 500) -> list[dict[str, str]]:
    """The rows of the data files."""
    rng = random.Random(3)
    made = []
    for number in range(count):
        x1, x2 = rng.gauss(0, 1), rng.gauss(0, 1)
        y = 3 * x1 - 2 * x2 + rng.gauss(0, 1)
        group = "b" if rng.random() < 0.3 else "a"
        site = rng.choice(["north", "south", "", "tiny" if rng.random() < 0.1 else "south"])
        values = (number, f"{x1:.4f}", f"{x2:.4f}", group, site, f"{y:.4f}", int(y > 0))
        made.append(dict(zip(COLUMNS, map(str, values), strict=True)))
    return made


def write_csv(file: Path, table: list[dict[str, str]]) -> None:
    """Write rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def make_repo(repo: Path) -> Path:
    """Make the repo with its data, committed; no model is trained."""
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch", "main")
    for name, text in (
        (".gitignore", ".runs/\n.registry/\n.mlroad/\nraw/\nmlruns/\nmlflow.db\n.mlflow/\n__pycache__/\n"),
        ("factory.yml", "registry: local\n"),
        (".gitattributes", "/datasets/** -text\n"),
        ("models/toy/pipeline.yml", PIPELINE),
        ("models/toy/data.yml", DATA),
        ("models/toy/gates.yml", GATES),
        ("models/toy/environment/conda.yml", CONDA),
        ("models/toy/steps/train.py", TRAIN),
    ):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text, encoding="utf-8", newline="\n")
    (repo / "datasets").mkdir()
    write_csv(repo / "raw" / "toys.csv", rows())
    run(repo, "dataset", "add", "toys", "raw/toys.csv", "--stage", "prod")
    run(repo, "dataset", "split", "toys:1", "--share", "0.4", "--stage", "prod")
    with (repo / "datasets/toys_train/1/toys_train.csv").open(encoding="utf-8", newline="") as file:
        train = list(csv.DictReader(file))
    write_csv(repo / "raw" / "toys_train.csv", train[::2])
    run(repo, "dataset", "add", "toys_train", "raw/toys_train.csv", "--stage", "dev")
    run(repo, "sync", "models/toy")
    commit_all(repo, "Start")
    return repo


@cache
def saved(body: str, where: Path) -> Path:
    """An MLflow model whose predict has this body, which can use x1, x2, line, p and n.

    ``self.drawn`` is a random number.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import infer_signature

    folder = where / f"{len(list(where.iterdir()))}"
    folder.mkdir()
    script = folder / "toy_model.py"
    script.write_text(MODEL.replace("BODY", body), encoding="utf-8")
    example = pd.DataFrame({"x1": [0.5, 1.5], "x2": [0.5, 2.5]})
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(script),
        signature=infer_signature(example, [0.5, 1.5]),
        pip_requirements=["pandas"],
    )
    return folder / "model"
