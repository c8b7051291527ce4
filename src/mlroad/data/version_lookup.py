"""Find the dataset version that a path belongs to, so that data given by its path is verified too."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.data.store import DATASETS, LARGE, all_version_files, local_path
from mlroad.data.version import DatasetVersion, load_version

# Read only this one line: parsing a thousand version files would slow every run down.
# `++` gives nothing back, so a line that does not fit is read once. Spaces at the end are cut off afterwards.
# A path that goes on in the next line, which is indented then, is left to the parser.
_PATH = re.compile(
    rb"""^path:[ \t]+(['"]?)([^'"\\#\r\n]++)\1[ \t]*\r?$(?!\r?\n[ \t]+[^ \t\r\n#])""", re.MULTILINE
)


class VersionPaths:
    """The dataset versions of one repo, by the location of their data."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._roots = {_absolute(root), _real(root)}
        self._scanned: dict[str, list[Path]] | None = None

    def of(self, path: Path) -> DatasetVersion | None:
        """The version whose data ``path`` is, or is part of; None if there is none.

        Raises UserError for a path in a version's own folder if the version file cannot be read.
        """
        forms = {_absolute(path), _real(path)}
        for form in forms:
            file = self._by_place(form)
            if file and self._holds(version := load_version(file), forms):
                return version
        for file in self._candidates(forms):
            try:
                version = load_version(file)
            except UserError:
                continue
            if self._holds(version, forms):
                return version
        return None

    def _candidates(self, forms: set[str]) -> Iterator[Path]:
        """The version files whose data may be at or above one of the paths."""
        known = self._all()
        above = {place for form in forms for place in (form, *map(str, Path(form).parents))}
        for place in ("", *sorted(above)):  # "": a notation that only the YAML parser reads
            yield from known.get(place, ())

    def _by_place(self, form: str) -> Path | None:
        """The version file for a path in datasets/NAME/N/ or data/NAME/N/, where data usually is."""
        for root in self._roots:
            if _is_in(form, root):
                parts = Path(form).parts[len(Path(root).parts) :]
                if len(parts) >= 3 and parts[0] in (DATASETS, LARGE):
                    file = self._root / DATASETS / parts[1] / f"{parts[2]}.yml"
                    return file if file.is_file() else None
        return None

    def _holds(self, version: DatasetVersion, forms: set[str]) -> bool:
        data = local_path(self._root, version)
        places = {_absolute(data), _real(data)}
        own = {_absolute(folder) for top in (DATASETS, LARGE) for folder in [self._root / top / version.name]}
        own = {os.path.join(folder, version.version) for folder in own}  # noqa: PTH118
        return any(
            _is_in(form, place) or (form in own and _is_in(place, form)) for form in forms for place in places
        )

    def _all(self) -> dict[str, list[Path]]:
        """The version files by their data's path, except those whose data is in the cloud."""
        if self._scanned is None:
            self._scanned = {}
            for file in all_version_files(self._root):
                found = _PATH.search(file.read_bytes())
                path = found[2].decode("utf-8", "replace").rstrip() if found else ""
                if found and "://" in path:
                    continue  # its local copy is in data/NAME/N
                for root in self._roots:
                    place = os.path.join(root, DATASETS, file.parent.name, path)  # noqa: PTH118
                    # An unusual notation: let the YAML parser decide.
                    data = os.path.normcase(os.path.normpath(place)) if found else ""
                    self._scanned.setdefault(data, []).append(file)
        return self._scanned


def _absolute(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _is_in(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or is inside it; an empty ``folder`` contains every path."""
    return not folder or path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
