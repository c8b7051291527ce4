"""Where MLflow writes: the store of the repo, and the files of a step that cannot write to that store."""

import os
from pathlib import Path

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def database_of(root: Path) -> Path:
    """The MLflow store of a repo, unless MLFLOW_TRACKING_URI names another."""
    return root / "mlflow.db"


def tracking_uri(root: Path) -> str:
    """The address of the store to which the runs in the repo at ``root`` are tracked."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database_of(root).as_posix()}"


def is_database(uri: str) -> bool:
    """Whether only an MLflow of our version, with SQLAlchemy, can write there.

    An isolated step may have an older MLflow (azureml-mlflow has an upper limit), which refuses the tables of
    a newer one, or mlflow-skinny alone, which has no SQLAlchemy.
    """
    return uri.startswith(_DATABASES)


def file_store(folder: Path) -> dict[str, str]:
    """The variables with which every version of MLflow logs to files in ``folder``."""
    return {"MLFLOW_TRACKING_URI": folder.absolute().as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
