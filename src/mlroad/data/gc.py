"""`mlroad dataset gc`: delete data that no version on any branch or tag names.

Only files below data/ and .mlroad/ are deleted, never files in git: data of versions that were never
completed or no longer exist and, with --copies, local copies of cloud data.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import Git
from mlroad.core.problems import UserError
from mlroad.core.repo import CACHE
from mlroad.core.text import size
from mlroad.data.store import DATASETS, LARGE, all_version_files, local_path
from mlroad.data.version import VERSION, DatasetVersion, load_version, parse_version


@dataclass(frozen=True, slots=True)
class Garbage:
    """A folder or file that can be deleted."""

    path: Path
    octets: int
    why: str


def find_garbage(root: Path, copies: bool = False) -> list[Garbage]:
    """The files to delete. ``copies``: also local copies of cloud data."""
    needed = [*_here(root), *_elsewhere(root)]
    paths = {local_path(root, version).resolve() for version in needed}
    found: list[Garbage] = []
    for place in _candidates(root / LARGE):
        resolved = place.resolve()
        if not any(
            path == resolved or path.is_relative_to(resolved) or resolved.is_relative_to(path)
            for path in paths
        ):
            found.append(_garbage(place, "no version on any branch names it"))
    for base in (root / DATASETS, root / LARGE):
        found += [_garbage(left, "left by an interrupted command") for left in base.glob("*/.new-*")]
    found += [_garbage(left, "left by an interrupted command") for left in (root / CACHE).glob("work-*")]
    if copies:
        for version in needed:
            path = root / LARGE / version.name / version.version
            if version.is_remote and path.exists():
                found.append(_garbage(path, f"a copy of {version.path}"))
    return list({item.path: item for item in found}.values())


def remove(garbage: list[Garbage]) -> None:
    """Delete the files. Raises UserError if one cannot be deleted."""
    for item in garbage:
        try:
            if item.path.is_dir() and not item.path.is_symlink():
                shutil.rmtree(item.path)
            else:
                item.path.unlink()
        except OSError as error:
            raise UserError(
                f"{item.path} cannot be deleted: {error.strerror}.", "Check its permissions."
            ) from None


def garbage_text(garbage: list[Garbage], removed: bool) -> str:
    """The files with their size and the reason, and the total."""
    if not garbage:
        return "Nothing to delete."
    lines = [f"{size(item.octets):>10}  {item.path.as_posix()}: {item.why}" for item in garbage]
    total = size(sum(item.octets for item in garbage))
    lines.append(f"{total} freed." if removed else f"{total} could be freed: mlroad dataset gc --yes")
    return "\n".join(lines)


def _candidates(large: Path) -> Iterator[Path]:
    """The entries of data/<name>/: one per version, or whatever else was put there."""
    for folder in sorted(large.iterdir()) if large.is_dir() else ():
        if folder.is_dir():
            yield from (entry for entry in sorted(folder.iterdir()) if not entry.name.startswith("."))


def _here(root: Path) -> Iterator[DatasetVersion]:
    # Stop at an unreadable version file: the data that it names is not known.
    yield from map(load_version, all_version_files(root))


def _elsewhere(root: Path) -> Iterator[DatasetVersion]:
    """The versions in other branches, tags and stashes."""
    git = Git(root)
    seen: set[tuple[str, str]] = set()
    for commit in git.references() if git.is_repo else ():
        for path, blob in git.blobs(commit, DATASETS).items():
            file = Path(path)
            is_version = len(file.parts) == 3 and file.suffix == ".yml" and VERSION.fullmatch(file.stem)
            if not is_version or (path, blob) in seen:
                continue
            seen.add((path, blob))
            with contextlib.suppress(UserError):  # an invalid version in another branch names no data
                yield parse_version(root / file, git.content(blob))


def _garbage(path: Path, why: str) -> Garbage:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Garbage(path, sum(file.lstat().st_size for file in files), why)
