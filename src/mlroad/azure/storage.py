"""Upload and download of files in a workspace's datastores. Files are streamed, never held in memory.

The upload of azure-ai-ml is not used. In 1.35.2 it waits forever if one file of a folder fails and no
progress is shown (BlobStorageClient.upload counts the files that have arrived), and it leaves out the files
named in a .gitignore of the folder. This module uses azure-storage-blob, as azure-ai-ml does.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlroad.azure.client import credential, printer
from mlroad.azure.workspace import Workspace, the_workspace
from mlroad.core.problems import UserError

# The two forms of an address in a datastore: learn.microsoft.com, "Access data in a job", Paths.
_ADDRESS = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/(?P<group>[^/]+)"
    r"/(?:providers/Microsoft.MachineLearningServices/)?workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)"
)
_KINDS = ("AzureBlob", "AzureDataLakeGen2")
_FILES_AT_ONCE = 8
_CONNECTIONS = 4
"""Connections for one large file."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of data: a path in a datastore of a workspace."""

    workspace: Workspace
    datastore: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to upload, its path in the datastore, and its SHA-256."""

    file: Path
    path: str
    sha256: str


def parse_address(root: Path, text: str) -> Address:
    """The parts of an azureml:// address. Raises UserError for other addresses, or without a workspace."""
    found = _ADDRESS.fullmatch(text)
    if not found:
        what = f"{text} cannot be fetched: it is not the address of a datastore."
        raise UserError(what, "It should look like azureml://datastores/workspaceblobstore/paths/sales/")
    if found["workspace"]:
        workspace = Workspace(found["subscription"], found["group"], found["workspace"], source=text)
    else:
        workspace = the_workspace(root)
    return Address(workspace, found["datastore"], found["path"], text)


def default_datastore(client: Any) -> str:
    """The name of the workspace's default datastore."""
    return str(client.datastores.get_default().name)


def upload(client: Any, datastore: str, files: Iterable[Upload]) -> int:
    """Upload the files that are not there yet. Returns the number of uploaded files.

    A blob appears when it is complete, with its SHA-256, so a call after an interrupted one uploads the rest.
    """
    wanted = list(files)
    folders = {str(PurePosixPath(item.path).parent) for item in wanted}
    with _container(client, datastore) as container:
        there: dict[str, str] = {}
        for folder in sorted(folders):
            for blob in container.list_blobs(name_starts_with=f"{folder}/", include=["metadata"]):
                there[blob.name] = (blob.metadata or {}).get("sha256", "")
        missing = [item for item in wanted if there.get(item.path) != item.sha256]

        def send(item: Upload) -> None:
            with item.file.open("rb") as stream:
                container.upload_blob(
                    item.path,
                    stream,
                    overwrite=True,
                    metadata={"sha256": item.sha256},
                    max_concurrency=_CONNECTIONS,
                )

        _at_once(send, missing)
    return len(missing)


def download(client: Any, address: Address, is_file: bool, folder: Path, name: str) -> Path:
    """Download a file, or everything below a path, to ``folder``/``name``.

    Raises UserError if nothing is there, or a blob has a name that cannot be a path.
    """
    target = folder / name
    with _container(client, address.datastore) as container:
        if is_file:
            _save(container, address.path, target)
            return target
        prefix = address.path.rstrip("/") + "/"
        found = [
            (blob.name, target / _inside(blob.name.removeprefix(prefix)))
            for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"])
            # Data lakes list folders too, as empty blobs with this mark.
            if (blob.metadata or {}).get("hdi_isfolder") != "true" and not blob.name.endswith("/")
        ]
        if not found:
            raise UserError(f"There is nothing below {address.text}.", "Check the address.")
        _at_once(lambda item: _save(container, *item), found)
    return target


def delete(client: Any, address: Address) -> None:
    """Delete all files below an address."""
    with _container(client, address.datastore) as container:
        prefix = address.path.rstrip("/") + "/"
        names = [blob.name for blob in container.list_blobs(name_starts_with=prefix)]
        _at_once(container.delete_blob, names)


def _container(client: Any, datastore: str) -> Any:
    """A client for the container of a datastore. Data lakes have a blob endpoint too."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

    from mlroad.azure.retry import StorageRetry

    store = client.datastores.get(datastore)
    if store.type not in _KINDS:
        what = (
            f"The datastore {datastore} has the type {store.type}; only blobs and data lakes are supported."
        )
        raise UserError(what, "Move the data there, or copy it by other means.")
    try:
        secret = client.datastores.get(datastore, include_secrets=True).credentials
    except HttpResponseError:
        # Without permission to read the keys, there may still be permission for the storage itself.
        secret = None
    key = getattr(secret, "sas_token", None) or getattr(secret, "account_key", None)
    return ContainerClient(
        f"{store.protocol or 'https'}://{store.account_name}.blob.{store.endpoint or 'core.windows.net'}",
        getattr(store, "container_name", None) or store.filesystem,
        credential=key or credential(),
        retry_policy=StorageRetry(note=printer()),
    )


def _save(container: Any, blob: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    stream = container.download_blob(blob, max_concurrency=_CONNECTIONS)
    with target.open("wb") as file:
        stream.readinto(file)


def _inside(name: str) -> PurePosixPath:
    """A blob's name as a path below a folder. Raises UserError if it would lead out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise UserError(f"The blob name {name!r} is not a path inside a folder.", "Rename the blob.")
    return path


def _at_once(work: Any, items: list[Any]) -> None:
    """Work on several items at a time. After the first failure, no other item is started."""
    pool = ThreadPoolExecutor(_FILES_AT_ONCE)
    try:
        for future in [pool.submit(work, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
