"""A repo with runs of a real model on two versions of its data, and models that wrap a function."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import mlflow.pyfunc
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from tests.support import REPO, commit_all, git
from tests.unit.cli.command import Said
from tests.unit.data.conftest import Repo
from tests.unit.run.project import Project

TRAIN = '''"""Fit a ridge regression of the rent."""

import logging

import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from step_io import InputFile, OutputModel, run

logging.getLogger("mlflow").setLevel(logging.ERROR)


def train(raw: InputFile, model: OutputModel, alpha: float = 1.0) -> None:
    """Fit a ridge regression of the rent."""
    rows = pd.read_csv(raw, dtype={"district": str})
    features = rows[["area", "rooms", "district"]].astype({"area": float})
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["district"]), remainder="passthrough"
    )
    fitted = make_pipeline(encoded, Ridge(alpha=alpha)).fit(features, rows["rent"])
    mlflow.sklearn.save_model(
        fitted,
        model,
        signature=infer_signature(features, fitted.predict(features)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )


if __name__ == "__main__":
    run(train)
'''
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
inputs:
  raw:
    type: uri_file
    path: azureml:rents:1
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
SUITE = "models/rents/inference_tests/suite.yml"
CASES = "models/rents/inference_tests/cases.jsonl"


def table(rows: int, dearer: float = 0.0) -> str:
    """Rents of flats; districts are strings of digits, like postcodes."""
    lines = ["district,area,rooms,rent,note"]
    for number in range(rows):
        area, rooms, district = 20 + (number * 37) % 90, 1 + number % 5, f"0{1 + number % 3}"
        rent = 150 + 9 * area + 40 * rooms + 100 * (number % 3) + dearer + (number * 7) % 11
        lines.append(f"{district},{area}.5,{rooms},{rent},n{number}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Rents:
    """The repo, with the ids of its runs."""

    repo: Repo
    run: str
    """Trained on rents:1."""
    other: str
    """Trained on rents:2."""

    def freeze(self, arguments: str = "") -> str:
        said = self.repo.mlroad(f"freeze models/rents --run {self.run} {arguments}")
        assert said.code == 0, said
        return said.out

    def test(self, arguments: str = "", run: str = "") -> Said:
        return self.repo.mlroad(f"test models/rents --run {run or self.run} {arguments}")

    def verdict(self, run: str = "") -> dict[str, Any]:
        file = self.repo / f".runs/rents/{run or self.run}/gate/inference.json"
        loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return loaded

    def red(self, *words: str, run: str = "", arguments: str = "") -> str:
        """Run `mlroad test`: it fails with these words, and so does its verdict."""
        said = self.test(arguments, run)
        assert said.code == 1, said
        assert self.verdict(run)["passed"] is False
        for word in words:
            assert word in said.text, said.text
        return said.text

    def green(self, run: str = "") -> dict[str, Any]:
        said = self.test(run=run)
        assert said.code == 0, said
        verdict = self.verdict(run)
        assert verdict["passed"] is True
        return verdict

    def cases(self) -> list[dict[str, Any]]:
        text = (self.repo / CASES).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def write_cases(self, cases: list[dict[str, Any]], sealed: bool = True) -> None:
        """Write cases as if edited by hand, and accept them."""
        self.repo.write(CASES, "".join(json.dumps(case) + "\n" for case in cases))
        if sealed:
            said = self.repo.mlroad("freeze models/rents --accept")
            assert said.code == 0, said

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.repo / file).read_text(encoding="utf-8")
        assert old in text
        self.repo.write(file, text.replace(old, new))

    def run_with(
        self, answer: Callable[[pd.DataFrame], Any], name: str = "29990101-0", required: bool = True
    ) -> str:
        """Make a run like the first one, whose model predicts with a function."""
        # The process that loads the model cannot import the tests.
        for module in {__name__, answer.__module__}:
            cloudpickle.register_pickle_by_value(sys.modules[module])
        folder = self.repo / f".runs/rents/{name}"
        shutil.copytree(self.repo / f".runs/rents/{self.run}", folder)
        shutil.rmtree(folder / "outputs/model")
        kinds = {"area": "double", "rooms": "long", "district": "string"}
        columns = [ColSpec(kind, column, required=required) for column, kind in kinds.items()]
        signature = ModelSignature(Schema(columns), Schema([ColSpec("double")]))
        mlflow.pyfunc.save_model(
            folder / "outputs/model",
            python_model=Answers(answer),
            signature=signature,
            pip_requirements=["pandas"],
        )
        return name


class Answers(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A model that predicts with a function."""

    def __init__(self, answer: Callable[[pd.DataFrame], Any]) -> None:
        self.answer = answer

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return self.answer(model_input)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The repo after two runs, and their ids."""
    project = Project(tmp_path_factory.mktemp("rents") / "repo")
    step_io = REPO / "src" / "mlroad" / "steps" / "step_io.py"
    project.model(
        "rents",
        {
            "pipeline.yml": PIPELINE,
            "steps/train.py": TRAIN,
            "steps/step_io.py": step_io.read_text(encoding="utf-8"),
            "environment/conda.yml": "dependencies: [python=3.11]\n",
        },
    )
    (project.root / "one.csv").write_text(table(60), encoding="utf-8")
    (project.root / "two.csv").write_text(table(80, dearer=30), encoding="utf-8")
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    for command in (["dataset", "add", "rents", "one.csv"], ["dataset", "add", "rents", "two.csv"], ["sync"]):
        assert project.start(*command).wait(60) == 0
    first = project.run("models/rents")
    second = project.run("models/rents", "--input", "raw=azureml:rents:2")
    assert first.folder, first
    assert second.folder, second
    (project.root / ".gitignore").write_text(".runs/\n", encoding="utf-8")
    commit_all(project.root, "Start")
    return project.root, first.folder.name, second.folder.name


@pytest.fixture
def rents(
    trained: tuple[Path, str, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rents]:
    """A copy that a test may change, without inference tests."""
    root, run, other = trained
    yield Rents(Repo(Path(shutil.copytree(root, tmp_path / "repo")), capfd, monkeypatch), run, other)


@pytest.fixture(scope="session")
def frozen_once(trained: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inference tests of the first run."""
    root, run, _ = trained
    copy = Path(shutil.copytree(root, tmp_path_factory.mktemp("frozen") / "repo"))
    freeze = Project(copy).start("freeze", "models/rents", "--run", run, "--rows", "6")
    assert freeze.wait(120) == 0
    return copy / "models/rents/inference_tests"


@pytest.fixture
def frozen(rents: Rents, frozen_once: Path) -> Rents:
    """A copy with inference tests of the first run."""
    shutil.copytree(frozen_once, rents.repo / "models/rents/inference_tests")
    return rents
