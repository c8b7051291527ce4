"""`mlroad dataset register`: register versions in Azure ML."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.azure.data_assets import DataAssets, RegisteredAsset
from mlroad.core.problems import UserError
from mlroad.data.store import all_version_files, named_versions
from mlroad.data.version import DatasetVersion, load_version


def register_versions(root: Path, references: Sequence[str], everything: bool = False) -> Iterator[str]:
    """Register the named versions (``diabetes:1``), datasets (``diabetes``) or all; one line for each.

    Versions that are already registered do not change, so an interrupted call can be repeated. Raises
    UserError before anything is registered if a name does not exist.
    """
    if bool(references) == everything:
        raise UserError("No versions given.", "Name versions, such as diabetes:1, or use --all; not both.")
    versions = (
        [load_version(file) for file in all_version_files(root)]
        if everything
        else named_versions(root, references)
    )
    if not versions:
        yield "There are no datasets yet."
        return
    assets = DataAssets(root)
    for version in versions:
        yield registered_text(version, assets.register(version))


def registered_text(version: DatasetVersion, registered: RegisteredAsset) -> str:
    """The message about a registered version."""
    if not registered.is_new:
        return f"{version.id} is already registered with the same digest."
    return f"Registered {version.id}\n  data {registered.path}\n  see  {registered.url}"
