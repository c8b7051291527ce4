"""`mlroad dataset register`: make versions known to Azure ML, and say what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.azure.data_assets import DataAssets, RegisteredAsset
from mlroad.core.problems import UserError
from mlroad.data.store import all_version_files, find, names, version_files
from mlroad.data.version import DatasetVersion, load_version


def register_versions(root: Path, references: Sequence[str], everything: bool = False) -> Iterator[str]:
    """Register the named versions (``diabetes:1``), datasets (``diabetes``) or all; one line for each.

    What is registered already stays as it is, so a call that was interrupted may simply be repeated. Raises
    UserError before anything is registered if a name does not exist.
    """
    if bool(references) == everything:
        raise UserError("Which versions?", "Name them, such as diabetes:1, or say --all.")
    versions = (
        [load_version(file) for file in all_version_files(root)] if everything else _named(root, references)
    )
    if not versions:
        yield "There is no dataset yet."
        return
    assets = DataAssets(root)
    for version in versions:
        yield told(version, assets.register(version))


def told(version: DatasetVersion, registered: RegisteredAsset) -> str:
    """What people read when a version was registered."""
    if not registered.is_new:
        return f"{version.id} is registered already, with the same digest."
    return f"Registered {version.id}\n  data {registered.path}\n  see  {registered.url}"


def _named(root: Path, references: Sequence[str]) -> list[DatasetVersion]:
    versions: list[DatasetVersion] = []
    for reference in references:
        if reference in names(root):
            versions += [load_version(file) for file in version_files(root, reference)]
        else:
            versions.append(find(root, reference))
    return versions
