"""Data assets in an Azure ML workspace, through the azure-ai-ml client.

A version file is a complete data asset, which `load_data` reads. Azure stores its tags, including the digest,
so registered data can be compared with the version file.

Code: MD602 different data is registered under this name and version.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.azure.client import connect, without_progress
from mlroad.azure.errors import plain_errors
from mlroad.azure.storage import Upload, default_datastore, upload
from mlroad.azure.workspace import Workspace, the_workspace
from mlroad.core.problems import UserError
from mlroad.data.store import require_verified
from mlroad.data.version import DatasetVersion


@dataclass(frozen=True, slots=True)
class RegisteredAsset:
    """A data asset. ``path`` is the cloud address of its data; ``is_new`` if this call created the asset."""

    id: str
    path: str
    url: str
    is_new: bool


class DataAssets:
    """The data assets of a workspace. All methods raise AzureError if a request to Azure fails."""

    def __init__(self, root: Path, workspace: Workspace | None = None) -> None:
        """Raises UserError if no workspace is configured or the Azure client is not installed."""
        self._root = root
        self.workspace = workspace or the_workspace(root)
        self.client = connect(self.workspace)

    def get(self, version: DatasetVersion) -> Any | None:
        from azure.core.exceptions import ResourceNotFoundError

        with plain_errors(f"Looking for {version.id}", self.workspace):
            try:
                return self.client.data.get(version.name, version.version)
            except ResourceNotFoundError as error:
                # A missing workspace or resource group is a different error.
                if getattr(error.error, "code", "") in {"ResourceNotFound", "ResourceGroupNotFound"}:
                    raise
                return None

    def number_for(self, name: str, digest: str, stage: str) -> int:
        """The number for a new version of a dataset: one that is unused in the workspace.

        Content that is registered but not in git (its pull request is open or was closed) keeps its number.
        """
        from azure.core.exceptions import ResourceNotFoundError

        with plain_errors(f"Listing the versions of {name}", self.workspace):
            try:
                assets = list(self.client.data.list(name))
            except ResourceNotFoundError:
                assets = []
        numbered = {int(asset.version): asset.tags or {} for asset in assets if asset.version.isdecimal()}
        for number, tags in sorted(numbered.items(), reverse=True):
            if (tags.get("digest"), tags.get("stage")) == (digest, stage):
                return number
        return max(numbered, default=0) + 1

    def register(self, version: DatasetVersion) -> RegisteredAsset:
        """Upload the data if it is local, and register the version. Calling this again changes nothing.

        Raises UserError if the data has changed, or if different data is registered under this version.
        """
        existing = self.get(version)
        if existing is not None:
            self._check_same(version, existing)
            return self._registered(version, existing, is_new=False)
        override = [] if version.is_remote else [{"path": self._upload(version)}]
        with plain_errors(f"Registering {version.id}", self.workspace):
            from azure.ai.ml import load_data

            with without_progress():
                asset = self.client.data.create_or_update(load_data(version.file, params_override=override))
        self._check_same(version, asset)
        return self._registered(version, asset, is_new=True)

    def _upload(self, version: DatasetVersion) -> str:
        """Verify the data and upload it to a path that contains its digest; returns the address."""
        used = require_verified(self._root, version)
        is_file = version.type == "uri_file"
        _, _, digest = used.content.digest.partition(":")
        folder = f"datasets/{version.name}/{digest}"
        files = [
            Upload(Path(file.where), f"{folder}/{file.path}", file.sha256) for file in used.content.files
        ]
        with plain_errors(f"Uploading {version.id}", self.workspace):
            datastore = default_datastore(self.client)
            upload(self.client, datastore, files)
        path = f"{folder}/{used.path.name}" if is_file else f"{folder}/"
        return f"azureml://datastores/{datastore}/paths/{path}"

    def _check_same(self, version: DatasetVersion, asset: Any) -> None:
        found = (asset.tags or {}).get("digest")
        if found == version.digest and asset.type == version.type:
            return
        has = f"the digest {found}" if found else "no digest"
        what = f"{version.id} is already registered in {self.workspace.name} with different data ({has})."
        fix = f"Versions never change: create the next one with `mlroad dataset add {version.name} PATH`."
        raise UserError(version.problem("MD602", what, fix, "tags.digest"))

    def _registered(self, version: DatasetVersion, asset: Any, is_new: bool) -> RegisteredAsset:
        url = f"https://ml.azure.com/data/{version.name}/{version.version}/details?wsid={self.workspace.id}"
        return RegisteredAsset(str(asset.id), str(asset.path), url, is_new)
