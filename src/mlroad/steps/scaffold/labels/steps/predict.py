"""Predict for every row of a file."""

import mlflow.sklearn
from step_io import InputFile, InputModel, OutputFile, run
from tables import read_table


def predict(rows: InputFile, model: InputModel, predictions: OutputFile) -> None:
    """Predict for every row of a file, in its order: the class, and the probability of each class."""
    table = read_table(rows)
    pipeline = mlflow.sklearn.load_model(str(model))
    names = [f"probability_{name}" for name in pipeline.classes_]
    probabilities = pipeline.predict_proba(table)
    table["prediction"] = pipeline.classes_[probabilities.argmax(axis=1)]
    table[names] = probabilities.round(6)
    table.to_csv(predictions, index=False)
    print(f"{len(table)} predictions")


if __name__ == "__main__":
    run(predict)
