"""Fit the baseline."""

import logging

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from step_io import InputFolder, OutputModel, run
from tables import read_table

# MLflow warns of pickles from strangers; this one is our own.
logging.getLogger("mlflow").setLevel(logging.ERROR)


def train(prepared: InputFolder, model: OutputModel, labels: str, alpha: float = 1.0) -> None:
    """Fit a logistic regression for each label; put your own model in its place."""
    rows, names = read_table(prepared / "train.csv"), [name.strip() for name in labels.split(",")]
    features, wanted = rows.drop(columns=names), rows[names].astype(int)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    learner = OneVsRestClassifier(LogisticRegression(C=1 / alpha, max_iter=1000))
    pipeline = make_pipeline(columns, learner).fit(features, wanted.to_numpy())
    print(f"all labels right on its own training rows: {pipeline.score(features, wanted):.3f}")
    # save_model, not log_model: the model is an output of the step, and the factory registers it.
    mlflow.sklearn.save_model(
        pipeline,
        model,
        # What is served are the probabilities, one column for each label.
        pyfunc_predict_fn="predict_proba",
        metadata={"labels": names},
        signature=infer_signature(features, pipeline.predict_proba(features)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn>=1.7,<2", "pandas>=2.3,<4"],
    )


if __name__ == "__main__":
    run(train)
