"""`mlroad dataset fetch`: download the data of a version and verify it.

The data is at an ``azureml://…/datastores/NAME/paths/…`` address: the one in the version file, or the one
that Azure ML assigned at registration. It is downloaded to a temporary folder and moved only if its digest is
correct.

Codes: MD604 the address has different data, MD605 the data is neither here nor registered.
"""

import shutil
import tempfile
from pathlib import Path

from mlroad.azure.client import connect
from mlroad.azure.data_assets import DataAssets
from mlroad.azure.errors import plain_errors
from mlroad.azure.storage import Address, download, parse_address
from mlroad.core.digests import digest_content
from mlroad.core.problems import UserError
from mlroad.data.create_version import keep_out_of_git
from mlroad.data.store import LARGE, local_path, require_verified
from mlroad.data.version import DatasetVersion


def fetch_version(root: Path, version: DatasetVersion) -> tuple[Path, bool]:
    """The local path of a version's data, and whether it was downloaded now.

    Raises UserError if it cannot be downloaded, or is not the data of this version.
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
            what = f"The data at {address.text} is not {version.id}: its digest is {found.digest}."
            fix = "It was changed there: restore it from a backup, or create a new version of the new data."
            raise UserError(version.problem("MD604", what, fix, "tags.digest"))
        arrived.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return require_verified(root, version).path, True


def fetch_to(address: Address, is_file: bool, folder: Path, name: str) -> Path:
    """Download the data at an address to ``folder``/``name``. Raises UserError if that fails."""
    client = connect(address.workspace)
    with plain_errors(f"Fetching {address.text}", address.workspace):
        return download(client, address, is_file, folder, name)


def _registered(root: Path, version: DatasetVersion) -> Address:
    """The address in Azure ML of the data of a version whose file names a local path."""
    asset = DataAssets(root).get(version)
    if asset is None:
        what = f"{version.id} is not registered in Azure ML, and its data is not on this machine."
        fix = "Ask the author of the version for the data, or to run `mlroad dataset register`."
        raise UserError(version.problem("MD605", what, fix, "path"))
    return parse_address(root, str(asset.path))
