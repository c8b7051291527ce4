"""factory.yml: where models are registered, and what Azure ML trains them on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from mlroad.core.yaml_document import Document

FILE = "factory.yml"
COMPUTE = "serverless"
BRANCH_LIMIT_MB = 100.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The team's settings; the defaults need no account."""

    registry: Literal["local", "mlflow", "azureml"] = "local"
    compute: str = COMPUTE
    """A compute of the workspace, by name. It is created only on request."""
    shared_registry: str | None = None
    """An Azure ML registry that champions are shared to."""
    tracking_uri: str = ""
    """The address of the MLflow server, for ``registry: mlflow``."""
    branch_limit_mb: float = BRANCH_LIMIT_MB
    """The largest version that the branch of the local registry takes."""


def load_settings(root: Path) -> Settings:
    """The settings of the repo at ``root``; the defaults if there is no file. Raises UserError."""
    file = root / FILE
    if not file.is_file():
        return Settings()
    document = Document(file)
    top = document.top()
    registry = top.text("registry", "local", choices=("local", "mlflow", "azureml"))
    azure = top.mapping("azureml")
    compute, shared = COMPUTE, None
    if azure:
        compute = azure.text("compute", COMPUTE)
        shared = azure.text("shared_registry", "") or None
        azure.close()
    tracking, limit = "", BRANCH_LIMIT_MB
    mlflow, local = top.mapping("mlflow"), top.mapping("local")
    if mlflow:
        tracking = mlflow.text("tracking_uri", "" if registry != "mlflow" else None)
        if tracking and not tracking.startswith(("http://", "https://")):
            document.wrong(
                mlflow.get("tracking_uri"), "MR704", f"{tracking} is not the address of an MLflow server.",
                "Write one, such as https://mlflow.example.com.",
            )  # fmt: skip
        mlflow.close()
    elif registry == "mlflow":
        top.missing("mlflow", "Write `mlflow: {tracking_uri: https://…}`.")
    if local:
        limit = local.number("branch_limit_mb", BRANCH_LIMIT_MB, least=1)
        local.close()
    top.close()
    document.done()
    return Settings(cast("Literal['local', 'mlflow', 'azureml']", registry), compute, shared, tracking, limit)
