"""Local copies of the content of versions that are kept elsewhere.

What was fetched is kept at ``.registry/cache/<model>/<version>/``, and compared with the digests in the
version's tags each time it is used.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlroad.core.files import remove, unwritable
from mlroad.core.problems import UserError
from mlroad.registry.registered_model import LINEAGE, difference, is_registered

_FOLDERS = {"prod": "model", "dev": "dev/model"}
_DIGESTS = {"prod": "model_digest", "dev": "dev_model_digest"}

Fetch = Callable[[Mapping[str, str], str, Path], Path]
"""Download a file or a folder of a version, named by its tags and the path, into an empty folder."""


class ContentCache:
    """The cache of one registry."""

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self._folder, self._fetch_into = folder, fetch

    def model(self, name: str, number: int, tags: Mapping[str, str], stage: str) -> Path | None:
        """The MLflow model of a version, downloaded if needed; None if the version has none.

        Raises UserError if the files are not what was registered.
        """
        wanted = tags.get(_DIGESTS[stage])
        if not wanted:
            return None
        target = self._folder / name / str(number) / _FOLDERS[stage]
        if target.is_dir() and not difference(target, wanted, tags):
            return target
        with self._fetched(tags, _FOLDERS[stage]) as new:
            if what := difference(new, wanted, tags):
                what = f"The {stage} model of {name}:{number} is not the one that was registered: {what}."
                raise UserError(what, f"Find out who changed {tags.get('content')}.")
            _replace(new, target)
        return target

    def lineage(self, name: str, number: int, tags: Mapping[str, str]) -> dict[str, Any]:
        """lineage.json of a version. Raises UserError if it is missing, or not what was registered."""
        target = self._folder / name / str(number) / LINEAGE
        read = _bytes(target)
        if not is_registered(read, tags):
            with self._fetched(tags, LINEAGE) as new:
                read = _bytes(new)
                if not is_registered(read, tags):
                    what = f"The lineage of {name}:{number} is not the one that was registered."
                    raise UserError(what, f"Find out who changed {tags.get('content')}.")
                _replace(new, target)
        content: dict[str, Any] = json.loads(read)
        return content

    def delete(self, name: str, number: int) -> None:
        """Forget a version."""
        remove(self._folder / name / str(number))

    @contextmanager
    def _fetched(self, tags: Mapping[str, str], path: str) -> Iterator[Path]:
        """Download to a new folder, so that a killed download leaves nothing that a later one would use."""
        folder = self._folder / f".fetching-{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True)
            yield self._fetch_into(tags, path, folder)
        except OSError as error:
            raise unwritable(folder, error) from None
        finally:
            remove(folder)


def _bytes(file: Path) -> bytes:
    """The content of a file; empty if there is none."""
    return file.read_bytes() if file.is_file() else b""


def _replace(new: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        remove(target)
    new.replace(target)
