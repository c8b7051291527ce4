"""The code of a step, frozen when the run starts: what Azure ML would upload, and the digest of it.

Freezing means that editing a script while the pipeline runs changes nothing, here as there.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.digests import listing_digest, sha256_of_file
from mlroad.core.problems import Position, Problem, UserError

_NEVER = ("__pycache__", ".runs")
_IGNORE_FILES = (".amlignore", ".gitignore")

Ignored = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen code folder; ``files`` maps relative names to digests of content and right to execute."""

    folder: Path
    digest: str
    files: dict[str, str]


def freeze(code: Path | None, includes: tuple[Path, ...], at: Position, folder: Path) -> Frozen:
    """Copy what a component's ``code`` and ``additional_includes`` name to ``folder``.

    The rules are azure-ai-ml's: .amlignore before .gitignore, only at the root of the code (and at that of an
    included folder); __pycache__ is dropped, links are followed, empty folders are not kept.
    Raises UserError for what does not exist or cannot be read.
    """
    folder.mkdir(parents=True)
    try:
        root_ignored = _ignored_in(code) if code and code.is_dir() else None
        if code and not code.exists():
            raise UserError(Problem(at, "MR510", f"The code {code} does not exist.", "Mend the path."))
        if code and code.is_file():
            shutil.copy(code, folder / code.name)
        elif code:
            _copy(code, folder, root_ignored)
        for include in includes:
            _include(include, folder, root_ignored, at)
        files = {name: _mark(path) for name, path in _files(folder)}
    except OSError as error:
        what = f"The code of this step cannot be copied: {error.filename or code}: {error.strerror}."
        raise UserError(
            Problem(at, "MR511", what, "Check that it can be read, or exclude it by .amlignore.")
        ) from None
    return Frozen(folder, listing_digest(files), files)


def unpack(frozen: Frozen, folder: Path) -> None:
    """Give a step its own copy. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {folder}
    for name in frozen.files:
        target = folder / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        shutil.copy(frozen.folder / name, target)


def _mark(path: Path) -> str:
    mode = "x" if os.name != "nt" and path.stat().st_mode & 0o100 else ""
    return sha256_of_file(path) + mode


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path


def _copy(
    source: Path, target: Path, ignored: Ignored | None, prefix: str = "", above: tuple[str, ...] = ()
) -> None:
    """Copy a folder's files. ``prefix`` is the folder's name seen from where the ignore rules count."""
    real = os.path.realpath(source)
    if real in above:
        return  # a link that leads back up would never end
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        name = prefix + entry.name
        if entry.name in _NEVER:
            continue
        if entry.is_dir():
            if ignored is None or not _whole_folder(ignored, name):
                _copy(Path(entry.path), target / entry.name, ignored, name + "/", (*above, real))
        elif entry.is_file() and (ignored is None or not ignored(name)):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(entry.path, target / entry.name)


def _whole_folder(ignored: Ignored, name: str) -> bool:
    prunable: bool = getattr(ignored, "prunable", False)
    return prunable and ignored(name + "/")


class _Rules:
    """The patterns of one ignore file; the last one that fits decides."""

    def __init__(self, lines: list[str]) -> None:
        from pathspec import PathSpec

        self._spec = PathSpec.from_lines("gitignore", lines)
        self.prunable = not any(line.startswith("!") for line in lines)

    def __call__(self, name: str) -> bool:
        return self._spec.match_file(name)


def _ignored_in(folder: Path) -> Ignored | None:
    for name in _IGNORE_FILES:
        file = folder / name
        if file.is_file():
            return _Rules([line.rstrip() for line in file.read_text(encoding="utf-8-sig").splitlines()])
    return None


def _either(first: Ignored | None, second: Ignored | None, below: str) -> Ignored | None:
    """Rules of the code's root and of a folder ``below`` it, whose own rules leave the folder's name out."""
    if first is None and second is None:
        return None

    def ignored(name: str) -> bool:
        inner = name.removeprefix(below + "/")
        return bool(first and first(name)) or bool(second and inner != name and second(inner))

    return ignored


def _include(path: Path, folder: Path, root_ignored: Ignored | None, at: Position) -> None:
    if path.is_dir():
        rules = _either(root_ignored, _ignored_in(path), path.name)
        _copy(path, folder / path.name, rules, path.name + "/")
    elif path.is_file():
        if root_ignored is None or not root_ignored(path.name):
            shutil.copy(path, folder / path.name)
    elif path.suffix == ".zip" and path.with_suffix("").is_dir():
        _zip(path.with_suffix(""), folder / path.name, root_ignored)
    else:
        what = f"The additional include {path} does not exist."
        raise UserError(Problem(at, "MR512", what, "Mend the path, or remove it from additional_includes."))


def _zip(source: Path, target: Path, root_ignored: Ignored | None) -> None:
    """Pack a folder, with itself as the one top folder. Fixed times make the same files the same archive."""
    staged = target.with_name(target.name + ".staged")
    _copy(source, staged, _either(root_ignored, _ignored_in(source), source.name), source.name + "/")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(_files(staged)) if staged.exists() else []:
            info = zipfile.ZipInfo(f"{source.name}/{name}", (2000, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    shutil.rmtree(staged, ignore_errors=True)
