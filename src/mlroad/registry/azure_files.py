"""The files of registered versions: in the workspace's default datastore, and in a cache here.

A version's content is at ``factory/registry/<model>/<id>/``. It is complete before the version exists, and
never changes. ``<id>`` is the start of the lineage id and of lineage.json's digest. So two registrations of
the same run at the same time cannot overwrite each other's files. What was downloaded is kept at
``.registry/cache/<model>/<version>/``, and compared with the digests in the version's tags each time it is
used.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlroad.azure.errors import plain_errors
from mlroad.azure.storage import Upload, default_datastore, delete, download, parse_address, upload
from mlroad.azure.workspace import Workspace
from mlroad.core.digests import files_below, sha256_of_file
from mlroad.core.files import remove
from mlroad.core.problems import UserError
from mlroad.registry.registered_model import LINEAGE, LINEAGE_TAG, difference, is_registered

_ID, _LINEAGE = 16, 8
_FOLDERS = {"prod": "model", "dev": "dev/model"}
_DIGESTS = {"prod": "model_digest", "dev": "dev_model_digest"}


class Files:
    """Uploads and downloads for one workspace. Every method raises AzureError if Azure refuses or fails."""

    def __init__(self, root: Path, cache: Path, client: Any, workspace: Workspace) -> None:
        self._root, self._cache = root, cache
        self._client, self._workspace = client, workspace

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

    def model(self, name: str, number: int, tags: Mapping[str, str], stage: str) -> Path | None:
        """The MLflow model of a version, downloaded if needed; None if the version has none.

        Raises UserError if the files in the cloud are not what was registered.
        """
        wanted = tags.get(_DIGESTS[stage])
        if not wanted:
            return None
        target = self._cache / name / str(number) / _FOLDERS[stage]
        if target.is_dir() and not difference(target, wanted, tags):
            return target
        new = self._fetch(f"{name}:{number}", tags, _FOLDERS[stage] + "/", is_file=False)
        try:
            if what := difference(new, wanted, tags):
                what = f"The {stage} model of {name}:{number} is not the one that was registered: {what}."
                raise UserError(what, f"Find out who changed {tags.get('content')}.")
            _replace(new, target)
        finally:
            remove(new.parent)
        return target

    def lineage(self, name: str, number: int, tags: Mapping[str, str]) -> dict[str, Any]:
        """lineage.json of a version. Raises UserError if it is missing, or not what was registered."""
        target = self._cache / name / str(number) / LINEAGE
        read = _bytes(target)
        if not is_registered(read, tags):
            new = self._fetch(f"{name}:{number}", tags, LINEAGE, is_file=True)
            try:
                read = _bytes(new)
                if not is_registered(read, tags):
                    what = f"The lineage of {name}:{number} is not the one that was registered."
                    raise UserError(what, f"Find out who changed {tags.get('content')}.")
                _replace(new, target)
            finally:
                remove(new.parent)
        content: dict[str, Any] = json.loads(read)
        return content

    def delete(self, name: str, number: int, tags: Mapping[str, str]) -> None:
        """Delete the content of a version, in the cloud and in the cache."""
        with plain_errors(f"Deleting the files of {name}:{number}", self._workspace):
            delete(self._client, parse_address(self._root, tags["content"]))
        remove(self._cache / name / str(number))

    def _fetch(self, version: str, tags: Mapping[str, str], path: str, *, is_file: bool) -> Path:
        """Download to a new folder, so that a killed download leaves nothing that a later one would use."""
        address = parse_address(self._root, tags["content"] + path)
        folder = self._cache / f".fetching-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        try:
            with plain_errors(f"Fetching {version}", self._workspace):
                return download(self._client, address, is_file, folder, "content")
        except BaseException:
            remove(folder)
            raise


def _bytes(file: Path) -> bytes:
    """The content of a file; empty if there is none."""
    return file.read_bytes() if file.is_file() else b""


def _replace(new: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        remove(target)
    new.replace(target)
