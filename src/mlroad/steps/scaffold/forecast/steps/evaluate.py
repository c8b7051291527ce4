"""Measure the model on the newest rows."""

import json
import math

import mlflow.sklearn
from series import past_columns, read_rows
from sklearn.metrics import mean_absolute_error
from step_io import InputFolder, InputModel, OutputFile, run


def evaluate(
    prepared: InputFolder,
    model: InputModel,
    metrics: OutputFile,
    target: str,
    time: str,
    horizon: int = 14,
    season: int = 7,
) -> None:
    """Measure the model on the newest rows, beside the value of the last known season (seasonal naive)."""
    train, test = read_rows(prepared / "train.csv"), read_rows(prepared / "test.csv")
    truth = test[target]
    predicted = mlflow.sklearn.load_model(str(model)).predict(test.drop(columns=[target, time]))
    naive, _ = past_columns(target, horizon, season)[0]
    mae = mean_absolute_error(truth, predicted)
    scale = (abs(truth) + abs(predicted)).replace(0, 1)  # two zeros do not differ
    season_error = train[target].diff(season).abs().mean()
    values = {
        "mae": mae,
        # Below 1: better than repeating the season before, one step ahead, in the training rows.
        "mase": mae / season_error if season_error else math.nan,
        "smape": (2 * abs(truth - predicted) / scale).mean(),
        "baseline_mae": mean_absolute_error(truth, test[naive]),
    }
    # A figure that cannot be measured is left out: a series that repeats itself has no mase.
    found = {name: round(float(value), 4) for name, value in values.items() if math.isfinite(value)}
    report = found | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    run(evaluate)
