"""Predict for every row of a file."""

import mlflow.sklearn
from step_io import InputFile, InputModel, OutputFile, run
from tables import read_table


def predict(rows: InputFile, model: InputModel, predictions: OutputFile) -> None:
    """Predict for every row of a file, in its order."""
    table = read_table(rows)
    table["prediction"] = mlflow.sklearn.load_model(str(model)).predict(table)
    table.to_csv(predictions, index=False)
    print(f"{len(table)} predictions")


if __name__ == "__main__":
    run(predict)
