"""A copy of the code of a step, taken when the run starts: what Azure ML would upload.

Editing a script while the pipeline runs changes nothing, as on Azure ML.
"""

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
class CodeSnapshot:
    """A copied code folder; ``files`` maps each relative name to its SHA-256, plus x if executable."""

    folder: Path
    digest: str
    files: dict[str, str]


def take_snapshot(code: Path | None, includes: tuple[Path, ...], at: Position, folder: Path) -> CodeSnapshot:
    """Copy a component's ``code`` and ``additional_includes`` to ``folder``.

    The rules are those of azure-ai-ml: .amlignore wins over .gitignore, and only those at the root of the
    code or of an included folder count; __pycache__ is dropped, links are followed, empty folders dropped.
    Raises UserError if a path does not exist or cannot be read.
    """
    folder.mkdir(parents=True)
    try:
        root_ignored = _ignored_in(code) if code and code.is_dir() else None
        if code and not code.exists():
            raise UserError(Problem(at, "MR510", f"The code {code} does not exist.", "Fix the path."))
        if code and code.is_file():
            shutil.copy(code, folder / code.name)
        elif code:
            _copy(code, folder, root_ignored)
        for include in includes:
            _include(include, folder, root_ignored, at)
        files = {name: _digest(path) for name, path in _files(folder)}
    except OSError as error:
        what = f"The code of this step cannot be copied: {error.filename or code}: {error.strerror}."
        raise UserError(
            Problem(at, "MR511", what, "Check its permissions, or exclude it in .amlignore.")
        ) from None
    return CodeSnapshot(folder, listing_digest(files), files)


def unpack(snapshot: CodeSnapshot, folder: Path) -> None:
    """Copy a snapshot to the working folder of a step. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {folder}
    for name in snapshot.files:
        target = folder / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        shutil.copy(snapshot.folder / name, target)


def _digest(path: Path) -> str:
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
    """Copy the files of a folder. ``prefix`` is its path relative to the folder of the ignore file."""
    real = os.path.realpath(source)
    if real in above:
        return  # a link to a folder above would never end
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
    """The patterns of one ignore file; the last one that matches decides."""

    def __init__(self, lines: list[str]) -> None:
        from pathspec import PathSpec  # 15 ms, only needed for an ignore file

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
    """The rules of the code's root, and those of the folder ``below`` it, relative to that folder."""
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
        raise UserError(Problem(at, "MR512", what, "Fix the path, or remove it from additional_includes."))


def _zip(source: Path, target: Path, root_ignored: Ignored | None) -> None:
    """Zip a folder, with its name as the top folder. With fixed times, equal files give equal archives."""
    staged = target.with_name(target.name + ".staged")
    _copy(source, staged, _either(root_ignored, _ignored_in(source), source.name), source.name + "/")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(_files(staged)) if staged.exists() else []:
            info = zipfile.ZipInfo(f"{source.name}/{name}", (2000, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    shutil.rmtree(staged, ignore_errors=True)
