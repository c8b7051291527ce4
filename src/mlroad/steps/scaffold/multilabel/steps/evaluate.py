"""Measure the model on the test rows."""

import json

import mlflow.sklearn
from model_input import read_features
from sklearn.metrics import f1_score, hamming_loss, roc_auc_score
from step_io import InputFolder, InputModel, OutputFile, run
from tables import read_table


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile, labels: str) -> None:
    """Measure the model on the test rows, beside the best guess that uses no features."""
    names = [name.strip() for name in labels.split(",")]
    train, test = read_table(prepared / "train.csv"), read_table(prepared / "test.csv")
    truth = test[names].astype(int)
    features = read_features(prepared / "test.csv", model)
    probabilities = mlflow.sklearn.load_model(str(model)).predict_proba(features)
    predicted = (probabilities > 0.5).astype(int)
    guess = (train[names].mean() > 0.5).astype(int)
    # A label that each test row has, or none, has no area under the curve.
    areas = [
        roc_auc_score(truth[name], found)
        for name, found in zip(names, probabilities.T, strict=True)
        if truth[name].nunique() > 1
    ]
    values = ({"roc_auc_macro": sum(areas) / len(areas)} if areas else {}) | {
        "f1_macro": f1_score(truth, predicted, average="macro", zero_division=0),
        "hamming_loss": hamming_loss(truth, predicted),
        "baseline_hamming_loss": float((truth != guess).to_numpy().mean()),
    }
    report = {name: round(float(value), 4) for name, value in values.items()} | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    run(evaluate)
