"""A repo with a finished run whose model is one of scikit-learn's, made without running a pipeline."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import mlflow.onnx
import mlflow.sklearn
import pandas as pd
import yaml
from click.testing import CliRunner
from mlflow.models import infer_signature

from mlroad.cli.main import mlroad
from mlroad.models.freeze import FreezeOptions, freeze

logging.getLogger("mlflow").setLevel(logging.ERROR)
RUN = "29990101-000000-000000"


def called(root: Path, *arguments: str, **environment: str) -> Any:
    """The result of a command in a repo, in this process."""
    with contextlib.chdir(root):
        return CliRunner().invoke(mlroad, arguments, env=environment)


def save_run(
    root: Path,
    name: str,
    model: Any,
    rows: pd.DataFrame,
    function: str = "predict",
    metadata: dict[str, Any] | None = None,
    run: str = RUN,
    answers: Any = None,
) -> Path:
    """Save a fitted model as the output of a run that read ``rows``. Returns the folder of the run.

    An ONNX model is saved in the flavor onnx; ``answers`` are its answers.
    """
    if not (root / "datasets" / name).exists():
        (root / "factory.yml").parent.mkdir(parents=True, exist_ok=True)
        (root / "factory.yml").touch()
        (root / "datasets").mkdir(exist_ok=True)
        rows.to_csv(root / f"{name}.csv", index=False)
        done = called(root, "dataset", "add", name, f"{name}.csv")
        assert done.exit_code == 0, done.output
    version = yaml.safe_load((root / f"datasets/{name}/1.yml").read_text(encoding="utf-8"))
    (root / "models" / name).mkdir(parents=True, exist_ok=True)
    (root / "models" / name / "pipeline.yml").write_text("type: pipeline\n", encoding="utf-8")
    folder = root / ".runs" / name / run
    folder.mkdir(parents=True)
    about = {"dataset": f"{name}:1", "dataset_digest": version["tags"]["digest"]}
    record = {"state": "completed", "inputs": {"raw": about}}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    path = folder / "outputs/model"
    if answers is not None:
        signature = infer_signature(rows, answers)
        mlflow.onnx.save_model(model, path, signature=signature, pip_requirements=["onnxruntime"])
        return folder
    mlflow.sklearn.save_model(
        model,
        path,
        pyfunc_predict_fn=function,
        metadata=metadata,
        signature=infer_signature(rows, getattr(model, function)(rows)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
    return folder


def frozen(root: Path, name: str, rows: int = 6) -> None:
    """Freeze inference tests from the newest run."""
    with contextlib.chdir(root):
        freeze(Path("models") / name, FreezeOptions(rows=rows))
