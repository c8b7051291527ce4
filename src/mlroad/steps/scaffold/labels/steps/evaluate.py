"""Measure the model on the test rows."""

import json

import mlflow.sklearn
import pandas as pd
from model_input import read_features
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from step_io import InputFolder, InputModel, OutputFile, run
from tables import read_table


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile, target: str) -> None:
    """Measure the model on the test rows, beside the best guess that uses no features."""
    train, test = read_table(prepared / "train.csv", target), read_table(prepared / "test.csv", target)
    truth = test[target]
    pipeline = mlflow.sklearn.load_model(str(model))
    answers = pipeline.predict_proba(read_features(prepared / "test.csv", model))
    found = pd.DataFrame(answers, columns=pipeline.classes_)
    # A rare class may be in the test rows only: its probability is 0.
    classes = sorted({*found.columns, *truth})
    probabilities = found.reindex(columns=classes, fill_value=0.0)
    predicted = probabilities.idxmax(axis="columns")
    guess = DummyClassifier().fit(train, train[target]).predict(test)
    values = {
        "accuracy": accuracy_score(truth, predicted),
        "f1_macro": f1_score(truth, predicted, average="macro", zero_division=0),
        "log_loss": log_loss(truth, probabilities, labels=classes),
        "baseline_accuracy": accuracy_score(truth, guess),
    }
    report = {name: round(float(value), 4) for name, value in values.items()} | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    confusion = pd.DataFrame(confusion_matrix(truth, predicted, labels=classes), classes, classes)
    print(f"Rows: the true class; columns: the prediction.\n{confusion}")


if __name__ == "__main__":
    run(evaluate)
