"""Predict the progression for every patient of a file."""

import mlflow.sklearn
import pandas as pd
from measurements import FEATURES
from step_io import InputFile, InputModel, OutputFile, run


def predict(patients: InputFile, model: InputModel, predictions: OutputFile) -> None:
    """Predict the progression for every patient of a file, in its order."""
    rows = pd.read_csv(patients)
    rows["predicted_progression"] = (
        mlflow.sklearn.load_model(str(model)).predict(rows[FEATURES].astype(float)).round(1)
    )
    rows.to_csv(predictions, index=False, lineterminator="\n")
    lowest, highest = rows["predicted_progression"].min(), rows["predicted_progression"].max()
    print(f"{len(rows)} predictions, from {lowest} to {highest}")


if __name__ == "__main__":
    run(predict)
