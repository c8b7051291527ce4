"""Predict for every row of a file."""

import mlflow.sklearn
from model_input import read_features
from step_io import InputFile, InputModel, OutputFile, run
from tables import read_text


def predict(rows: InputFile, model: InputModel, predictions: OutputFile, labels: str) -> None:
    """Predict for every row of a file, in its order: the labels that apply, and the probability of each."""
    table = read_text(rows)
    names = [name.strip() for name in labels.split(",")]
    probabilities = mlflow.sklearn.load_model(str(model)).predict_proba(read_features(rows, model))
    table["prediction"] = [_chosen(dict(zip(names, row, strict=True))) for row in probabilities]
    table[[f"probability_{name}" for name in names]] = probabilities.round(6)
    table.to_csv(predictions, index=False)
    print(f"{len(table)} predictions")


def _chosen(probabilities: dict[str, float]) -> str:
    return " ".join(name for name, p in probabilities.items() if p > 0.5) or "none"


if __name__ == "__main__":
    run(predict)
