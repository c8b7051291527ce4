"""Files in a workspace's datastores: up and down, file by file, without holding any of them in memory.

azure-ai-ml has an upload of its own, which is not used: in 1.35.2 it waits for ever when one file of a folder
fails and no progress is shown (BlobStorageClient.upload counts the files that arrived), and leaves out what a
.gitignore in the folder names. azure-storage-blob, which it uses, does the work here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlroad.azure.workspace import Workspace, credential, the_workspace, told_to_people
from mlroad.core.problems import UserError

# The two forms of a datastore's address: learn.microsoft.com, "Access data in a job", Paths.
_ADDRESS = re.compile(
    r"azureml://(?:subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/(?P<group>[^/]+)"
    r"/(?:providers/Microsoft.MachineLearningServices/)?workspaces/(?P<workspace>[^/]+)/)?"
    r"datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)"
)
_KINDS = ("AzureBlob", "AzureDataLakeGen2")
_FILES_AT_ONCE = 8
_CONNECTIONS = 4
"""For one large file."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where data lies: a path in a datastore of a workspace."""

    workspace: Workspace
    datastore: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to upload, and the path and SHA-256 that it gets there."""

    file: Path
    path: str
    sha256: str


def parse_address(root: Path, text: str) -> Address:
    """The parts of an azureml:// address. Raises UserError for another one, or without a workspace."""
    found = _ADDRESS.fullmatch(text)
    if not found:
        what = f"{text} cannot be fetched: it is no address of a datastore."
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
    """Upload files, but for those that are there already; how many were uploaded.

    A blob appears when it is whole, and carries its SHA-256, so a call after one that was cut does the rest.
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
    """Download a file, or all that lies below a path, to ``folder``/``name``.

    Raises UserError if nothing lies there, or under names that are no paths.
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
            # Data lakes list their folders too, as empty blobs with this mark.
            if (blob.metadata or {}).get("hdi_isfolder") != "true" and not blob.name.endswith("/")
        ]
        if not found:
            raise UserError(f"Nothing lies below {address.text}.", "Check the address.")
        _at_once(lambda item: _save(container, *item), found)
    return target


def delete(client: Any, address: Address) -> None:
    """Delete all files below an address."""
    with _container(client, address.datastore) as container:
        prefix = address.path.rstrip("/") + "/"
        names = [blob.name for blob in container.list_blobs(name_starts_with=prefix)]
        _at_once(container.delete_blob, names)


def _container(client: Any, datastore: str) -> Any:
    """A client for the container of a datastore; data lakes answer at their blob endpoint as well."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import ContainerClient

    from mlroad.azure.retry import StorageRetry

    store = client.datastores.get(datastore)
    if store.type not in _KINDS:
        what = (
            f"The datastore {datastore} is of type {store.type}; only blobs and data lakes can be used here."
        )
        raise UserError(what, "Move the data there, or copy it by other means.")
    try:
        secret = client.datastores.get(datastore, include_secrets=True).credentials
    except HttpResponseError:
        # Who may not see the keys may still have rights of their own on the storage.
        secret = None
    key = getattr(secret, "sas_token", None) or getattr(secret, "account_key", None)
    return ContainerClient(
        f"{store.protocol or 'https'}://{store.account_name}.blob.{store.endpoint or 'core.windows.net'}",
        getattr(store, "container_name", None) or store.filesystem,
        credential=key or credential(),
        retry_policy=StorageRetry(note=told_to_people()),
    )


def _save(container: Any, blob: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    stream = container.download_blob(blob, max_concurrency=_CONNECTIONS)
    with target.open("wb") as file:
        stream.readinto(file)


def _inside(name: str) -> PurePosixPath:
    """A blob's name as a path below a folder. Raises UserError for one that would lead out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise UserError(f"The blob {name!r} has a name that is no path in a folder.", "Rename it there.")
    return path


def _at_once(work: Any, items: list[Any]) -> None:
    """Several at a time. The first failure ends it: what has not begun is not begun any more."""
    pool = ThreadPoolExecutor(_FILES_AT_ONCE)
    try:
        for future in [pool.submit(work, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
