"""Measure the model on the test rows."""

import json

import mlflow.sklearn
from model_input import read_features
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error, r2_score
from step_io import InputFolder, InputModel, OutputFile, run
from tables import read_table


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile, target: str) -> None:
    """Measure the model on the test rows, beside the best guess that uses no features."""
    train, test = read_table(prepared / "train.csv"), read_table(prepared / "test.csv")
    truth = test[target]
    predicted = mlflow.sklearn.load_model(str(model)).predict(read_features(prepared / "test.csv", model))
    guess = DummyRegressor().fit(train, train[target]).predict(test)
    values = {
        "mae": mean_absolute_error(truth, predicted),
        "r2": r2_score(truth, predicted),
        "baseline_mae": mean_absolute_error(truth, guess),
    }
    report = {name: round(float(value), 4) for name, value in values.items()} | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    run(evaluate)
