"""Open the registry that factory.yml names."""

from pathlib import Path

from mlroad.core.factory_settings import load_settings
from mlroad.registry.base import Registry
from mlroad.registry.local_registry import LocalRegistry, registry_folder
from mlroad.registry.one_champion import SAVED, read_champion


def open_registry(root: Path) -> Registry:
    """The registry of the repo at ``root``, or the saved champion in its place. Raises UserError."""
    if (registry_folder(root) / SAVED).is_file():
        return read_champion(registry_folder(root))
    settings = load_settings(root)
    if settings.registry == "mlflow":
        from mlroad.registry.mlflow_registry import MlflowRegistry  # MLflow takes long to import

        return MlflowRegistry(settings.tracking_uri, registry_folder(root) / "cache")
    if settings.registry == "azureml":
        from mlroad.registry.azure_registry import AzureRegistry  # needs the extra `azure`

        return AzureRegistry(root)
    return LocalRegistry.of(root)
