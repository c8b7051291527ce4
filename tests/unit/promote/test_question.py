"""Which task a promoted model has: its metrics, its answers and its data tell, in that order."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlroad.promote.question import question_of

PIPELINE = """type: pipeline
inputs:
  target: y
settings:
  default_compute: azureml:serverless
jobs:
  fit:
    type: command
    command: echo ${{inputs.target}}
    environment: azureml:plain:1
    inputs:
      target: ${{parent.inputs.target}}
"""


def answer(datatype: str, *shape: int) -> dict[str, Any]:
    value = {"BYTES": "a", "BOOL": True}.get(datatype, 1)
    return {"name": "y", "shape": list(shape), "datatype": datatype, "data": [value] * prod(shape)}


ONE, CLASSES = answer("FP64", 1), answer("FP64", 1, 5)
LABEL, TEXT = answer("INT64", 1), answer("BYTES", 1)
RATINGS, BITS, CODES = [n % 5 + 1 for n in range(100)], [n % 2 for n in range(100)], list(range(40)) * 3
PLANS, ANSWERS = [f"plan {n % 4}" for n in range(100)], [f"answer {n}" for n in range(60)] * 2


@pytest.mark.parametrize(
    "values, metrics, output, task",
    [
        (RATINGS, "mae rmse r2 test_rows", ONE, "regression"),
        (RATINGS, "accuracy f1_macro log_loss", CLASSES, "multiclass"),
        (RATINGS, "", ONE, "regression"),
        (RATINGS, "", CLASSES, "multiclass"),
        (RATINGS, "", LABEL, "multiclass"),
        (BITS, "accuracy f1_macro log_loss", ONE, "binary"),
        (BITS, "mae r2", ONE, "regression"),
        (BITS, "", ONE, "binary"),
        (CODES, "accuracy f1_macro", LABEL, "multiclass"),
        (CODES, "mae", ONE, "regression"),
        ([n / 7 for n in range(100)], "accuracy", ONE, "regression"),
        (PLANS, "accuracy", TEXT, "multiclass"),
        (PLANS, "exact_match token_f1", TEXT, "text"),
        (PLANS, "", TEXT, "multiclass"),
        (PLANS, "exact_match", CLASSES, "multiclass"),
        (ANSWERS, "exact_match token_f1", TEXT, "text"),
        (ANSWERS, "accuracy f1_macro", TEXT, "multiclass"),
        (ANSWERS, "own_score", TEXT, "text"),
        ([True, False] * 50, "accuracy", answer("BOOL", 1), "binary"),
    ],
)
def test_the_task(tmp_path: Path, values: list[Any], metrics: str, output: dict[str, Any], task: str) -> None:
    (tmp_path / "inference_tests").mkdir()
    (tmp_path / "pipeline.yml").write_text(PIPELINE, encoding="utf-8")
    request = {"inputs": [answer("FP64", 1)]}
    case = {"id": "golden-1", "kind": "golden", "request": request, "expect": {"outputs": [output]}}
    (tmp_path / "inference_tests/cases.jsonl").write_text(json.dumps(case) + "\n", encoding="utf-8")
    question = question_of(tmp_path, pd.DataFrame({"y": values}), "", metrics.split())
    assert question is not None
    assert question.task == task
