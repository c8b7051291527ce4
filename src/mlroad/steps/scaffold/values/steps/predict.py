"""Predict for every row of a file."""

import mlflow.sklearn
from model_input import read_features
from step_io import InputFile, InputModel, OutputFile, run
from tables import read_text


def predict(rows: InputFile, model: InputModel, predictions: OutputFile) -> None:
    """Predict for every row of a file, in its order."""
    table = read_text(rows)
    pipeline = mlflow.sklearn.load_model(str(model))
    table["prediction"] = pipeline.predict(read_features(rows, model))
    table.to_csv(predictions, index=False)
    print(f"{len(table)} predictions")


if __name__ == "__main__":
    run(predict)
