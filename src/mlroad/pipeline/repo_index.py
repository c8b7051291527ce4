"""Finds the components and datasets of a repo that pipelines refer to by name."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.core.repo import find_root
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode, read_yaml
from mlroad.steps.imported_files import reachable_files

FROM_HERE = "Check the path; it starts from this file's folder."
_NAME = re.compile(rb"""^name:[ \t]*["']?([a-z][a-z0-9_]*)""", re.MULTILINE)
_VERSION = re.compile(rb"""^version:[ \t]*["']?([^"'\s#]+)""", re.MULTILINE)
_COMPONENT = re.compile(
    rb"^type:[ \t]*[\"']?(command|pipeline)|^command:|^\$schema:.*[cC]omponent\.schema", re.MULTILINE
)
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv", "datasets"}


def absolute(path: Path) -> Path:
    """``path`` from the root of the disk, without `..`; unlike resolve() it keeps the names of links."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def exists(path: Path) -> bool:
    """Whether there is something at ``path``; False, not an error, for a text that cannot be a file name."""
    return os.path.exists(path)  # noqa: PTH110


def near_path(path: Path) -> str:
    """A remedy for a path that does not exist: the nearest name in the same folder, if one is."""
    if "\\" in str(path) and exists(Path(str(path).replace("\\", "/"))):
        return "Write / in place of \\, which works on every system."
    names = [item.name for item in path.parent.iterdir()] if is_folder(path.parent) else []
    return did_you_mean(path.name, names, FROM_HERE)


def is_file(path: Path) -> bool:
    """As exists, for a file."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """As exists, for a folder."""
    return os.path.isdir(path)  # noqa: PTH112


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a local dataset. ``path`` is local data, absolute, or None for data in a cloud."""

    file: Path
    name: str
    version: str
    type: str
    path: Path | None
    problems: tuple[Problem, ...] = ()


class RepoIndex:
    """The components and datasets of a repo. Everything is looked up once."""

    def __init__(self, start: Path) -> None:
        self.here = Path.cwd()
        self._here = str(self.here).rstrip(os.sep) + os.sep
        self.root = find_root(start if start.is_absolute() else self.here / start)
        self._components: dict[str, list[tuple[Path, str | None]]] | None = None
        self._datasets: dict[tuple[str, str], Dataset | None] = {}
        self._read: dict[str, tuple[Node | None, tuple[Problem, ...]]] = {}
        self._started: dict[tuple[str, Path], list[str]] = {}

    def shown(self, path: Path) -> Path:
        """``path`` as a message should show it: relative below the working folder."""
        whole = os.path.abspath(self._here + str(path) if not path.is_absolute() else path)  # noqa: PTH100
        return Path(whole.removeprefix(self._here))

    def read(self, file: Path) -> tuple[Node | None, tuple[Problem, ...]]:
        """The YAML in ``file`` and what is wrong with it as YAML, as read_yaml; each file is read once."""
        shown = self.shown(file)
        key = str(shown)
        known = self._read.get(key)
        if known is None:
            node, problems = read_yaml(shown)
            known = self._read[key] = (node, tuple(problems))
        return known

    def started_files(self, command: str, folder: Path) -> list[str]:
        """The Python files that ``command`` runs in ``folder``, as far as imports can be followed."""
        key = (command, folder)
        if key not in self._started:
            self._started[key] = reachable_files(command, folder)
        return self._started[key]

    @property
    def has_datasets(self) -> bool:
        """Whether this repo keeps its datasets in datasets/, so that a name missing there is a mistake."""
        folder = self.root / "datasets" if self.root else None
        if folder is None or not folder.is_dir():
            return False
        # Any repo may have a folder of that name, with data in it.
        return any(folder.glob("*/[0-9]*.yml")) or all(
            item.suffix in {"", ".md"} for item in folder.iterdir()
        )

    def dataset_names(self) -> list[str]:
        folder = self.root / "datasets" if self.root else None
        if folder is None or not folder.is_dir():
            return []
        return sorted(
            item.name for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")
        )

    def dataset_versions(self, name: str) -> list[str]:
        folder = self.root / "datasets" / name if self.root else None
        if folder is None or not folder.is_dir():
            return []
        versions = (file.stem for file in folder.glob("*.yml"))
        return sorted((version for version in versions if version.isdecimal()), key=int)

    def dataset(self, name: str, version: str) -> Dataset | None:
        """The dataset version, or None if the repo does not have it."""
        key = (name, version)
        if key not in self._datasets:
            file = self.root / "datasets" / name / f"{version}.yml" if self.root else None
            self._datasets[key] = self._read_dataset(file, name, version) if file and is_file(file) else None
        return self._datasets[key]

    def component(self, name: str, version: str | None, near: Path) -> Path | None:
        """The YAML of the component ``name``: of that version, or of any; the nearest to ``near`` first."""
        if self._components is None:
            self._components = self._find_components()
        found = self._components.get(name, [])
        if version is not None:
            found = [entry for entry in found if entry[1] in {version, None}]
        if not found:
            return None

        def rank(entry: tuple[Path, str | None]) -> tuple[int, tuple[int, ...], str]:
            common = os.path.commonpath([entry[0], near])
            numbers = tuple(int(part) for part in re.findall(r"\d+", entry[1] or ""))
            return len(Path(common).parts), numbers, str(entry[0])

        return max(found, key=rank)[0]

    def _read_dataset(self, file: Path, name: str, version: str) -> Dataset:
        node, found = self.read(file)
        problems = list(found)
        if not isinstance(node, MapNode):
            return Dataset(file, name, version, "uri_folder", None, tuple(problems))
        kind = node.text("type") or "uri_folder"
        path = node.text("path")
        target: Path | None = None
        if path is not None and not re.match(r"[a-z]+://|azureml:", path):
            target = absolute(file.parent / path.removeprefix("file:"))
        elif path is not None and self.root is not None:
            from mlroad.data.store import copy_path  # 20 ms, only needed for remote data

            copy = absolute(copy_path(self.root, name, version, kind, path))
            target = copy if copy.exists() else None
        stated_name, stated_version = node.values.get("name"), node.values.get("version")
        for key, stated, wanted in (("name", stated_name, name), ("version", stated_version, version)):
            said = str(stated.value) if isinstance(stated, ScalarNode) else None
            if said != wanted:
                what = f"The path of this file says {key} {wanted}, but its content says {said or 'nothing'}."
                problems.append(Problem(node.key_at(key), "MR237", what, f'Write `{key}: "{wanted}"`.'))
        return Dataset(file, name, version, kind, target, tuple(problems))

    def _find_components(self) -> dict[str, list[tuple[Path, str | None]]]:
        found: dict[str, list[tuple[Path, str | None]]] = {}
        for file in self._yaml_files():
            try:
                raw = file.read_bytes()
            except OSError:
                continue
            name = _NAME.search(raw)
            if name and _COMPONENT.search(raw):
                version = _VERSION.search(raw)
                said = version[1].decode("utf-8", "replace") if version else None
                found.setdefault(name[1].decode(), []).append((file, said))
        return found

    def _yaml_files(self) -> Iterator[Path]:
        if self.root is None:
            return
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(item for item in folders if not item.startswith(".") and item not in _SKIPPED)
            for file in sorted(files):
                if file.endswith((".yml", ".yaml")):
                    yield Path(folder, file)
