"""A prototype of a model that trains in a second: a line through the sample's data."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.support import commit_all
from tests.unit.cli import command
from tests.workflows.quick_model import FIT, LINE, MLMODEL

STEP = (
    FIT.replace("OutputModel, run", "OutputFile, OutputModel, run")
    .replace("model: OutputModel)", "model: OutputModel, metrics: OutputFile, slope: float = 10.0)")
    .replace(
        "\n\n\nif __name__",
        '\n    metrics.write_text(json.dumps({"height": mean, "slope": slope}), encoding="utf-8")'
        "\n\n\nif __name__",
    )
)
PIPELINE = """# A line through the patients.
type: pipeline
display_name: line
inputs:
  raw:
    type: uri_file
    path: azureml:diabetes:1 # 442 patients
outputs:
  model: {type: mlflow_model}
  metrics: {type: uri_file}
settings:
  default_compute: azureml:serverless
jobs:
  fit:
    component: ./components/fit.yml
    inputs:
      raw: ${{parent.inputs.raw}}
    outputs:
      model: ${{parent.outputs.model}}
      metrics: ${{parent.outputs.metrics}}
"""


def add_line_model(repo: Path, name: str = "line") -> Path:
    """Add the model to a prototype with the sample, and commit it."""
    folder, sample = repo / "models" / name, repo / "models" / "diabetes"
    for path, text in (
        ("steps/fit.py", STEP),
        ("steps/saved/MLmodel", MLMODEL),
        ("steps/saved/code/line.py", LINE),
        ("pipeline.yml", PIPELINE.replace("display_name: line", f"display_name: {name}")),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    shutil.copytree(sample / "environment", folder / "environment")
    card = (sample / "MODEL_CARD.md").read_text(encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(re.sub("diabetes$", name, card, count=1), encoding="utf-8")
    mlroad(repo, "sync", f"models/{name}")
    commit_all(repo, "A line")
    return folder


def mlroad(repo: Path, *arguments: str, check: bool = True) -> str:
    """Run a command without a network; return its output."""
    return command.mlroad(repo, *arguments, check=check, UV_OFFLINE="1").out
