"""`mlroad dataset fetch`: bring the data of a version to this machine once, and see that it is right.

Data lies at an ``azureml://…/datastores/NAME/paths/…`` address: the version's own, or the one that Azure ML
gave it when it was registered. It is downloaded beside its place, and gets there only if its digest is right.

Codes: MD604 other data lies there, MD605 the data is neither here nor registered.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlroad.azure.data_assets import DataAssets
from mlroad.azure.errors import plain_errors
from mlroad.azure.storage import Address, download, parse_address
from mlroad.azure.workspace import connect
from mlroad.core.digests import digest_content
from mlroad.core.problems import UserError
from mlroad.data.create_version import keep_out_of_git
from mlroad.data.store import LARGE, local_path, require_verified
from mlroad.data.version import DatasetVersion


def fetch_version(root: Path, version: DatasetVersion) -> tuple[Path, bool]:
    """Where the data of a version is on this machine, and whether it was fetched just now.

    Raises UserError if it cannot be fetched, or is not what the version file says.
    """
    target = local_path(root, version)
    if target.exists() or version.digest is None:
        return require_verified(root, version).path, False
    address = parse_address(root, version.path) if version.is_remote else _registered(root, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_relative_to(root / LARGE):
        keep_out_of_git(root / LARGE)
    staged = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        arrived = fetch_to(address, version.type == "uri_file", staged, target.name)
        found = digest_content(arrived)
        if found.digest != version.digest:
            what = f"What lies at {address.text} is not {version.id}: its digest is {found.digest}."
            fix = (
                "Somebody changed it there: restore it from a backup, or make a new version of what is there."
            )
            raise UserError(version.problem("MD604", what, fix, "tags.digest"))
        arrived.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return require_verified(root, version).path, True


def fetch_to(address: Address, is_file: bool, folder: Path, name: str) -> Path:
    """Download what lies at an address to ``folder``/``name``. Raises UserError if it cannot be fetched."""
    client = connect(address.workspace)
    with plain_errors(f"Fetching {address.text}", address.workspace):
        return download(client, address, is_file, folder, name)


def _registered(root: Path, version: DatasetVersion) -> Address:
    """Where Azure ML keeps the data of a version whose file names a local path."""
    asset = DataAssets(root).get(version)
    if asset is None:
        what = f"{version.id} is not registered in Azure ML, and its data is not on this machine."
        fix = "Get it from whoever made the version, or let them run `mlroad dataset register`."
        raise UserError(version.problem("MD605", what, fix, "path"))
    return parse_address(root, str(asset.path))
