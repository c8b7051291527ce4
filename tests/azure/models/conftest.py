"""A factory repo with one small model, and an Azure workspace on the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.fixtures import Mlroad, Result, cloud, mlroad, no_waits
from tests.support import IDENTITY, REPO, commit_all, git
from tests.unit.cli.command import mlroad as mlroad_here

__all__ = ["cloud", "mlroad", "no_waits"]

IMAGE = "mcr.example.invalid/azureml/openmpi:1"
PIPELINE = """
    $schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
    type: pipeline
    display_name: tiny
    experiment_name: tiny
    inputs:
      raw:
        type: uri_file
        path: azureml:sales:1
      share: 0.25
    outputs:
      model:
        type: mlflow_model
      metrics:
        type: uri_file
      table:
        type: uri_folder
    settings:
      default_compute: azureml:serverless
    jobs:
      prep:
        component: ./components/prep.yml
        inputs:
          raw: ${{parent.inputs.raw}}
          share: ${{parent.inputs.share}}
        outputs:
          table: ${{parent.outputs.table}}
      train:
        display_name: Fit the model
        component: ./components/train.yml
        inputs:
          table: ${{parent.jobs.prep.outputs.table}}
        outputs:
          model: ${{parent.outputs.model}}
          metrics: ${{parent.outputs.metrics}}
"""
PREP = f"""
    $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
    type: command
    name: tiny_prep
    version: "1"
    inputs:
      raw:
        type: uri_file
      share:
        type: number
        default: 0.5
    outputs:
      table:
        type: uri_folder
    code: ../steps
    command: >-
      python prep.py --raw "${{{{inputs.raw}}}}" --share "${{{{inputs.share}}}}"
      --table "${{{{outputs.table}}}}"
    environment:
      image: {IMAGE}
      conda_file: ../environment/conda.yml
"""
TRAIN = f"""
    $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
    type: command
    name: tiny_train
    version: "1"
    display_name: Fit
    inputs:
      table:
        type: uri_folder
    outputs:
      model:
        type: mlflow_model
      metrics:
        type: uri_file
    code: ../steps
    command: >-
      python train.py --table "${{{{inputs.table}}}}" --model "${{{{outputs.model}}}}"
      --metrics "${{{{outputs.metrics}}}}"
    environment:
      image: {IMAGE}
      conda_file: ../environment/conda.yml
"""
CONDA = """
    # What the steps need.
    name: tiny
    channels: [conda-forge]
    dependencies:
      - python=3.12
      - pip:
          - pandas>=2
"""
DATA = """
    raw:
      dev: azureml:sales:2
      prod: azureml:sales:1
"""
MODEL = {
    "MLmodel": b"flavors: {}\n",
    "data/weights.bin": bytes(range(256)) * 20,
    "conda.yaml": b"name: tiny\n",
}
TABLE = {"train.csv": b"a,b\n1,2\n", "test.csv": b"a,b\n3,4\n"}


def write(file: Path, text: str) -> None:
    """Write a file of the repo, dedented."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8", newline="\n")


def produce(name: str, _type: str) -> Mapping[str, bytes]:
    """The outputs of the steps in the cloud."""
    return {"model": MODEL, "metrics": {"": b'{"mae": 1.5}\n'}, "table": TABLE}[name]


def commands(repo: Path) -> tuple[list[str], dict[str, str]]:
    """The command line for a separate process, and its environment."""
    paths = [str(REPO / "src")]
    environment = {**os.environ, **IDENTITY, "PYTHONPATH": os.pathsep.join(paths)}
    return [sys.executable, "-m", "mlroad"], environment


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repo with the model ``tiny``, whose dev data is sales:2 and prod data sales:1."""
    folder = tmp_path / "repo"
    model = folder / "models" / "tiny"
    write(model / "pipeline.yml", PIPELINE)
    write(model / "components" / "prep.yml", PREP)
    write(model / "components" / "train.yml", TRAIN)
    write(model / "environment" / "conda.yml", CONDA)
    write(model / "steps" / "prep.py", "print('prep')\n")
    write(model / "steps" / "train.py", "print('train')\n")
    write(model / "data.yml", DATA)
    write(folder / ".gitignore", ".runs/\n.registry/\ndata/\n__pycache__/\n")
    (folder / "datasets").mkdir()
    write(folder / "factory.yml", "registry: local\n")
    monkeypatch.setenv("MLROAD_POLL_SECONDS", "0.05")
    return folder


@pytest.fixture
def tiny(repo: Path, mlroad: Mlroad, cloud: Cloud) -> Path:
    """The repo with its data, committed, and a cloud whose jobs produce the outputs."""
    for rows in ("2026-01-01,3\n2026-01-02,4\n", "2026-01-01,3\n"):
        source = repo.parent / "sales.csv"
        source.write_text(f"day,sold\n{rows}", encoding="utf-8", newline="\n")
        made = mlroad("dataset", "add", "sales", str(source))
        assert made.exit_code == 0, made.err
    git(repo, "init", "--quiet", "--initial-branch", "main")
    commit_all(repo, "Start")
    cloud.jobs.produce = produce
    return repo


class Factory:
    """``factory("train", "tiny")`` runs the command line in the repo, with its own error handling."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo

    def __call__(self, *arguments: str) -> Result:
        said = mlroad_here(self.repo, *arguments, check=False)
        return Result(said.code, said.out, said.err)

    def train(self, *options: str) -> Result:
        """``mlroad train tiny --target azureml``."""
        return self("train", "tiny", "--target", "azureml", *options)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The same as a separate process, so that tests can send signals to it."""
        command, environment = commands(self.repo)
        return subprocess.Popen(
            [*command, "train", "tiny", "--target", "azureml", *options],
            cwd=self.repo,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )


@pytest.fixture
def factory(tiny: Path) -> Factory:
    """`mlroad` in the repo of ``tiny``."""
    return Factory(tiny)
