"""Measure the model on the test rows."""

import json
from collections import Counter

import mlflow.sklearn
from model_input import read_features
from step_io import InputFolder, InputModel, OutputFile, run
from tables import read_table


def evaluate(prepared: InputFolder, model: InputModel, metrics: OutputFile, target: str) -> None:
    """Measure the model on the test rows, beside the answer that is right most often."""
    train, test = read_table(prepared / "train.csv", target), read_table(prepared / "test.csv", target)
    truth = test[target]
    answers = mlflow.sklearn.load_model(str(model)).predict(read_features(prepared / "test.csv", model))
    values = {
        "exact_match": (truth == answers).mean(),
        "token_f1": sum(map(_token_f1, truth, answers)) / len(truth),
        "baseline_exact_match": (truth == train[target].mode()[0]).mean(),
    }
    report = {name: round(float(value), 4) for name, value in values.items()} | {"test_rows": len(test)}
    mlflow.log_metrics(report)
    metrics.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


def _token_f1(truth: str, answer: str) -> float:
    """The F1 of the words that both texts have."""
    wanted, said = truth.lower().split(), answer.lower().split()
    shared = sum((Counter(wanted) & Counter(said)).values())
    return 2 * shared / (len(wanted) + len(said)) if wanted or said else 1.0


if __name__ == "__main__":
    run(evaluate)
