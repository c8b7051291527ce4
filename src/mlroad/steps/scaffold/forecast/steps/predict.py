"""Forecast the rows after the end of a file."""

import mlflow.sklearn
from series import add_features, read_series
from step_io import InputFile, InputModel, OutputFile, run


def predict(
    rows: InputFile,
    model: InputModel,
    predictions: OutputFile,
    target: str,
    time: str,
    horizon: int = 14,
    season: int = 7,
) -> None:
    """Forecast the `horizon` rows after the end of a file."""
    features = add_features(read_series(rows, time, target), horizon, season, ahead=horizon).tail(horizon)
    features["prediction"] = mlflow.sklearn.load_model(str(model)).predict(features)
    features[["prediction"]].to_csv(predictions, index_label=time)
    print(f"{horizon} predictions, from {features.index[0]} to {features.index[-1]}")


if __name__ == "__main__":
    run(predict)
