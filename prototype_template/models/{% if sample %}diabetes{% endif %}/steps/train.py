"""Fit a model of the disease's progression."""

import logging
from typing import Literal

import mlflow.sklearn
import pandas as pd
from measurements import FEATURES, TARGET
from mlflow.models import infer_signature
from sklearn.base import RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from step_io import InputFolder, OutputModel, run

# MLflow warns of pickles from strangers; this one is our own. Tree models cannot be saved otherwise.
logging.getLogger("mlflow").setLevel(logging.ERROR)


def train(
    prepared: InputFolder,
    model: OutputModel,
    learner: Literal["ridge", "forest"] = "ridge",
    alpha: float = 10.0,
    seed: int = 7,
) -> None:
    """Fit a ridge regression on standardized measurements, or a random forest."""
    rows = pd.read_csv(prepared / "train.csv")
    features, target = rows[FEATURES].astype(float), rows[TARGET]
    pipeline = make_pipeline(StandardScaler(), regressor(learner, alpha, seed)).fit(features, target)
    print(f"{learner}: R² {pipeline.score(features, target):.3f} on its own training rows")
    # save_model, not log_model: the model is an output of the step, and the factory registers it.
    mlflow.sklearn.save_model(
        pipeline,
        model,
        signature=infer_signature(features, pipeline.predict(features)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn>=1.7,<2", "pandas>=2.3,<4"],
    )


def regressor(learner: str, alpha: float, seed: int) -> RegressorMixin:
    if learner == "ridge":
        return Ridge(alpha=alpha)
    return RandomForestRegressor(n_estimators=200, min_samples_leaf=5, random_state=seed)


if __name__ == "__main__":
    run(train)
