"""Where dataset versions are stored, and how to find and verify one.

``datasets/<name>/<n>.yml``     the version file, in git
``datasets/<name>/<n>/…``       its data, if small: in git
``datasets/<name>/<n>.sha256``  the list of a folder's files
``data/<name>/<n>/…``           its data, if large, or the local copy of cloud data: not in git

Codes: MD201 no digest, MD202 data missing, MD203 data changed, MD204 file list missing or wrong, MD205 wrong
type of data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlroad.core.digests import ContentDigest, changes, digest_content, listing_file_digest, read_listing
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean, quoted
from mlroad.data.fixed_values import digest_was_edited, edited_values
from mlroad.data.version import VERSION, DatasetVersion, load_version, parse_reference

DATASETS = "datasets"
LARGE = "data"
"""The folder for large data. Its .gitignore keeps everything in it out of git."""


@dataclass(frozen=True, slots=True)
class VerifiedVersion:
    """A version whose data was just verified."""

    version: DatasetVersion
    path: Path
    content: ContentDigest


def names(root: Path) -> list[str]:
    """The names of all datasets of a repo."""
    folder = root / DATASETS
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def version_files(root: Path, name: str) -> list[Path]:
    """The version files of a dataset, oldest first."""
    folder = root / DATASETS / name
    if not folder.is_dir():
        return []
    found = [file for file in folder.glob("*.yml") if VERSION.fullmatch(file.stem)]
    return sorted(found, key=lambda file: int(file.stem))


def all_version_files(root: Path) -> Iterator[Path]:
    """The version files of all datasets, by name and number."""
    for name in names(root):
        yield from version_files(root, name)


def find(root: Path, reference: str) -> DatasetVersion:
    """The version that ``diabetes:1`` (or ``azureml:diabetes:1``) names.

    Raises UserError if it does not exist, listing the names and versions that do.
    """
    name, number = parse_reference(reference)
    file = root / DATASETS / name / f"{number}.yml"
    if file.is_file() and name in names(root):
        return load_version(file)
    numbers = [found.stem for found in version_files(root, name)] if name in names(root) else []
    if numbers:
        raise UserError(f"{name}:{number} does not exist.", f"{name} has the versions {', '.join(numbers)}.")
    advice = did_you_mean(name, names(root))
    fix = f"{advice} `mlroad dataset list` lists all versions.".strip()
    raise UserError(f"There is no dataset {name}.", fix)


def named_versions(root: Path, references: Sequence[str]) -> list[DatasetVersion]:
    """The versions that references such as ``diabetes:1``, or ``diabetes`` for all its versions, name.

    Raises UserError as `find` does.
    """
    versions: list[DatasetVersion] = []
    for reference in references:
        if reference in names(root):
            versions += map(load_version, version_files(root, reference))
        else:
            # Without a version, the error is about the name.
            versions.append(find(root, reference if ":" in reference else f"{reference}:1"))
    return versions


def local_path(root: Path, version: DatasetVersion) -> Path:
    """Where the data of a version is, or would be, on this machine: cloud data is kept below ``data/``."""
    if not version.is_remote:
        return version.resolve(version.path)
    return copy_path(root, version.name, version.version, version.type, version.path)


def copy_path(root: Path, name: str, number: str, kind: str, address: str) -> Path:
    """Where the local copy of data at a cloud ``address`` is kept."""
    folder = root / LARGE / name / number
    return folder / PurePosixPath(address).name if kind == "uri_file" else folder


def listing_file(version: DatasetVersion) -> Path:
    """The list of files of a version that is a folder."""
    return version.file.with_suffix(".sha256")


def find_verified(root: Path, reference: str) -> VerifiedVersion:
    """Find a version and verify its data; every command calls this before it reads the data.

    Raises UserError if the version does not exist, or its data is missing or has changed.
    """
    return require_verified(root, find(root, reference))


def require_verified(root: Path, version: DatasetVersion, cache: HashCache | None = None) -> VerifiedVersion:
    """Verify the data of a version. Raises UserError as `find_verified` does."""
    with cache or HashCache(root) as known:
        problems, content = verify_version(root, version, known)
    if problems or content is None:
        raise UserError(problems)
    return VerifiedVersion(version, local_path(root, version), content)


def verify_version(
    root: Path, version: DatasetVersion, cache: HashCache | None = None
) -> tuple[list[Problem], ContentDigest | None]:
    """The problems with the data of a version (none if it is unchanged), and its digest now."""
    path = local_path(root, version)
    if version.digest is None:
        return [_no_digest(version)], None
    if not path.exists():
        return [_missing(version, path)], None
    if path.is_dir() != (version.type != "uri_file"):
        what = f"{version.id} is {version.type}, but {path} is a {'folder' if path.is_dir() else 'file'}."
        return [
            version.problem("MD205", what, "Restore the data, or the version file from git.", "type")
        ], None
    try:
        content = digest_content(path, cache)
    except UserError as error:
        return [version.problem("MD203", f"{version.id}: {error}", "", "path")], None
    edits = list(edited_values(root, version, content))
    if digest_was_edited(root, version, content):
        return edits, content
    if path.is_dir():
        return [*edits, *_folder_problems(version, path, content)], content
    if content.digest == version.digest:
        return edits, content
    return [*edits, _changed(version, path, "changed")], content


def _folder_problems(version: DatasetVersion, path: Path, content: ContentDigest) -> list[Problem]:
    file = listing_file(version)
    good = content.digest == version.digest
    if not file.is_file():
        what = f"The file list of {version.id} is missing" + ("." if good else ", and its data has changed.")
        return [Problem(Position(file), "MD204", what, "Restore it from git.")]
    if listing_file_digest(file) != version.digest:
        what = f"This file list differs from the one that {version.id} was created with."
        return [Problem(Position(file), "MD204", what, "Restore it from git.")]
    if good:
        return []
    return [
        _changed(version, path / name, kind) for name, kind in changes(read_listing(file), content.by_path)
    ]


def _changed(version: DatasetVersion, file: Path, kind: str) -> Problem:
    what = {
        "changed": f"This file has changed since {version.id} was created, but versions never change.",
        "missing": f"This file of {version.id} is missing, but versions never change.",
        "added": f"This file was added since {version.id} was created, but versions never change.",
    }[kind]
    undo = "Remove it" if kind == "added" else "Restore it"
    command = f"mlroad dataset add {version.name} {_shown(version)}"
    fix = f"{undo}. To keep the change, add it as a new version: `{command}`."
    return Problem(Position(file), "MD203", what, fix)


def _shown(version: DatasetVersion) -> str:
    return "PATH" if version.is_remote else quoted(version.resolve(version.path))


def _missing(version: DatasetVersion, path: Path) -> Problem:
    if version.is_remote:
        what = f"The data of {version.id} is at {version.path}, and this machine has no copy of it."
        fix = f"Run `mlroad dataset fetch {version.id}`, or put a copy at {path.as_posix()}."
        return version.problem("MD202", what, fix, "path")
    what = f"The data of {version.id} is not on this machine: {path.as_posix()} does not exist."
    fix = (
        f"Large data is not in git. `mlroad dataset fetch {version.id}` downloads it if it is registered in "
        "Azure ML; otherwise, ask the author of the version for it."
    )
    return version.problem("MD202", what, fix, "path")


def _no_digest(version: DatasetVersion) -> Problem:
    what = f"{version.id} has no digest, so its data cannot be verified."
    return version.problem("MD201", what, f"Create a version with `mlroad dataset add {version.name} PATH`.")
