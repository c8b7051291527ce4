"""Predict for every row of a file."""

import mlflow.sklearn
from model_input import read_features
from step_io import InputFile, InputModel, OutputFile, run
from tables import read_text


def predict(rows: InputFile, model: InputModel, predictions: OutputFile) -> None:
    """Predict for every row of a file, in its order: the class, and the probability of each class."""
    table = read_text(rows)
    pipeline = mlflow.sklearn.load_model(str(model))
    names = [f"probability_{name}" for name in pipeline.classes_]
    probabilities = pipeline.predict_proba(read_features(rows, model))
    table["prediction"] = pipeline.classes_[probabilities.argmax(axis=1)]
    table[names] = probabilities.round(6)
    table.to_csv(predictions, index=False)
    print(f"{len(table)} predictions")


if __name__ == "__main__":
    run(predict)
