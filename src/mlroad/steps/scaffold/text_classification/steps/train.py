"""Fit the baseline."""

import logging

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from step_io import InputFolder, OutputModel, run
from tables import read_table

# MLflow warns of pickles from strangers; this one is our own.
logging.getLogger("mlflow").setLevel(logging.ERROR)


def train(prepared: InputFolder, model: OutputModel, target: str, text: str, alpha: float = 0.1) -> None:
    """Fit a logistic regression on words and pairs of words; put your own model in its place."""
    rows = read_table(prepared / "train.csv", target, text)
    features = rows[[text]]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    learner = LogisticRegression(C=1 / alpha, max_iter=1000)
    pipeline = make_pipeline(make_column_transformer((words, text)), learner).fit(features, rows[target])
    print(f"accuracy on its own training rows: {pipeline.score(features, rows[target]):.3f}")
    # save_model, not log_model: the model is an output of the step, and the factory registers it.
    mlflow.sklearn.save_model(
        pipeline,
        model,
        # What is served are the probabilities, one column for each class, in the order of `classes`.
        pyfunc_predict_fn="predict_proba",
        metadata={"classes": list(pipeline.classes_)},
        signature=infer_signature(features, pipeline.predict_proba(features)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn>=1.7,<2", "pandas>=2.3,<4"],
    )


if __name__ == "__main__":
    run(train)
