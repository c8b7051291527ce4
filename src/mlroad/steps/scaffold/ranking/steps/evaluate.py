"""Measure the model on the test rows."""

import json
import math

import mlflow.sklearn
import numpy as np
import pandas as pd
from model_input import read_features
from sklearn.metrics import ndcg_score
from step_io import InputFolder, InputModel, OutputFile, run
from tables import read_table


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile, target: str, query: str) -> None:
    """Measure the model on the queries of the test rows, beside an order by chance."""
    test = read_table(prepared / "test.csv", query)
    scores = mlflow.sklearn.load_model(str(model)).predict(read_features(prepared / "test.csv", model))
    values = {
        "ndcg": _mean_ndcg(test[target], scores, test[query]),
        "baseline_ndcg": _mean_ndcg(test[target], np.zeros(len(test)), test[query]),
    }
    # A figure that cannot be measured is left out.
    found = {name: round(value, 4) for name, value in values.items() if math.isfinite(value)}
    report = found | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


def _mean_ndcg(relevance: pd.Series, scores: np.ndarray, query: pd.Series) -> float:
    """The mean over queries. A query with one row, or without a relevant one, has no order to measure."""
    found = []
    for _, rows in pd.DataFrame({"truth": relevance, "score": scores}).groupby(query):
        if len(rows) > 1 and rows["truth"].any():
            found.append(ndcg_score([rows["truth"]], [rows["score"]]))
    return float(np.mean(found)) if found else math.nan


if __name__ == "__main__":
    run(evaluate)
