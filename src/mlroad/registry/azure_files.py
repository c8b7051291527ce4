"""The files of registered versions in the workspace's default datastore.

A version's content is at ``factory/registry/<model>/<id>/``. It is complete before the version exists, and
never changes. ``<id>`` is the start of the lineage id and of lineage.json's digest. So two registrations of
the same run at the same time cannot overwrite each other's files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.azure.errors import plain_errors
from mlroad.azure.storage import Upload, default_datastore, delete, download, parse_address, upload
from mlroad.azure.workspace import Workspace
from mlroad.core.digests import files_below, sha256_of_file
from mlroad.registry.content_cache import ContentCache
from mlroad.registry.registered_model import LINEAGE, LINEAGE_TAG

_ID, _LINEAGE = 16, 8


class Files:
    """Uploads and downloads for one workspace. Every method raises AzureError if Azure refuses or fails."""

    def __init__(self, root: Path, cache: Path, client: Any, workspace: Workspace) -> None:
        self._root = root
        self._client, self._workspace = client, workspace
        self.cache = ContentCache(cache, self._fetch)

    def put(self, model: str, tags: Mapping[str, str], folder: Path) -> str:
        """Upload the content of a version. Returns its address. Existing files are not uploaded again."""
        with plain_errors(f"Uploading the version of {model}", self._workspace):
            datastore = default_datastore(self._client)
            lineage = tags[LINEAGE_TAG].removeprefix("sha256:")
            place = f"factory/registry/{model}/{tags['lineage_id'][:_ID]}-{lineage[:_LINEAGE]}"
            files = [
                Upload(Path(entry.path), f"{place}/{name}", sha256_of_file(Path(entry.path)))
                for name, entry in sorted(files_below(folder), key=lambda found: found[0])
            ]
            upload(self._client, datastore, files)
        return f"azureml://datastores/{datastore}/paths/{place}/"

    def delete(self, name: str, number: int, tags: Mapping[str, str]) -> None:
        """Delete the content of a version, in the cloud and in the cache."""
        with plain_errors(f"Deleting the files of {name}:{number}", self._workspace):
            delete(self._client, parse_address(self._root, tags["content"]))
        self.cache.delete(name, number)

    def _fetch(self, tags: Mapping[str, str], path: str, folder: Path) -> Path:
        is_file = path == LINEAGE
        address = parse_address(self._root, tags["content"] + path + ("" if is_file else "/"))
        with plain_errors(f"Fetching {tags['content']}", self._workspace):
            return download(self._client, address, is_file, folder, "content")
