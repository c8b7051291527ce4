"""Measure a model on the test rows."""

import json

import mlflow.sklearn
import pandas as pd
from measurements import FEATURES, TARGET
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from step_io import InputFolder, InputModel, OutputFile, run


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile) -> None:
    """Measure a model on the test rows, beside the trivial model that always says the training mean."""
    test = pd.read_csv(prepared / "test.csv")
    training_mean = pd.read_csv(prepared / "train.csv")[TARGET].mean()
    truth = test[TARGET]
    predicted = pd.Series(
        mlflow.sklearn.load_model(str(model)).predict(test[FEATURES].astype(float)), index=test.index
    )
    values = {
        "mae": mean_absolute_error(truth, predicted),
        "rmse": root_mean_squared_error(truth, predicted),
        "r2": r2_score(truth, predicted),
        "baseline_mae": mean_absolute_error(truth, [training_mean] * len(truth)),
    }
    for sex, rows in test.groupby("sex"):
        values[f"mae_sex_{sex}"] = mean_absolute_error(truth[rows.index], predicted[rows.index])
    mlflow.log_metrics(values)
    report = {name: round(float(value), 4) for name, value in values.items()} | {"test_rows": len(test)}
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    run(evaluate)
