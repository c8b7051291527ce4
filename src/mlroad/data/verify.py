"""`mlroad dataset verify`: check that the data of each version, and each version file, is unchanged.

Codes: MD206 a parent is missing or was replaced, MD207 a file looks like a version file but is not named like
one, MD208 a version file was changed or removed since a commit, MD209 a value in a version file was edited;
MD101 to MD205 as elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git import Git
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import count
from mlroad.data.fixed_values import FIXED, edited, is_intact, place_of
from mlroad.data.open_table import count_rows
from mlroad.data.reading import Reading, dialect_of
from mlroad.data.store import (
    DATASETS,
    all_version_files,
    local_path,
    named_versions,
    names,
    verify_version,
)
from mlroad.data.version import VERSION, DatasetVersion, load_version, parse_version


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `verify_all`."""

    problems: tuple[Problem, ...]
    verified: int
    absent: int
    """Versions whose data is not in git and not on this machine."""
    files: int
    files_read: int

    @property
    def summary(self) -> str:
        """One line for the terminal."""
        parts = [f"{count(self.verified, 'version')} verified: {count(self.files, 'file')}"]
        parts.append(f"{self.files_read:,} read, the others not modified since they were last read")
        if self.absent:
            parts.append(f"{count(self.absent, 'version')} skipped because the data is not on this machine")
        if errors := sum(problem.severity == "error" for problem in self.problems):
            parts.append(count(errors, "problem"))
        return "; ".join(parts) + "."

    @property
    def good(self) -> bool:
        """Whether there are no errors."""
        return not any(problem.severity == "error" for problem in self.problems)


def verify_all(root: Path, references: Sequence[str], full: bool = False, base: str = "") -> Report:
    """Verify the named versions (``diabetes:1``), datasets (``diabetes``), or all.

    Missing data is a problem if the version was named or its data belongs in git. With ``base``, also checks
    that no version file changed since that commit. Raises UserError for a name that does not exist.
    """
    problems: list[Problem] = []
    versions = named_versions(root, references) if references else _all(root, problems)
    verified = absent = files = read = 0
    with HashCache(root, full=full) as cache:
        for version in versions:
            if not references and _is_elsewhere(root, version):
                absent += 1
                continue
            found, content = verify_version(root, version, cache)
            if content and not found:
                found += edited_rows(version, local_path(root, version), full=full)
            problems += found
            verified += not found
            if content:
                files += len(content.files)
                read += content.files_read
    problems += [problem for version in versions for problem in wrong_parents(root, version)]
    if base:
        problems += _rewritten(root, base)
    return Report(tuple(problems), verified, absent, files, read)


def _all(root: Path, problems: list[Problem]) -> list[DatasetVersion]:
    versions: list[DatasetVersion] = []
    for file in all_version_files(root):
        try:
            versions.append(load_version(file))
        except UserError as error:
            problems += error.problems
    for name in names(root):
        for file in (root / DATASETS / name).glob("*.y*ml"):
            looks_like = file.stem.isdecimal() and not file.is_dir()
            if looks_like and not (file.suffix == ".yml" and VERSION.fullmatch(file.stem)):
                what = "This looks like a version file, but its name is not a version."
                problems.append(Problem(Position(file), "MD207", what, "Rename it, for example to 1.yml."))
    return versions


def _is_elsewhere(root: Path, version: DatasetVersion) -> bool:
    """Whether the data is missing here but kept elsewhere: in the cloud or on another machine."""
    path = local_path(root, version)
    if path.exists():
        return False
    return version.is_remote or not path.resolve().is_relative_to((root / DATASETS).resolve())


def wrong_parents(root: Path, version: DatasetVersion) -> Iterator[Problem]:
    """Parents that are missing, or whose data is not what the version was made from."""
    digests = version.parent_digests or (None,) * len(version.parents)
    for parent, digest in zip(version.parents, digests, strict=True):
        name, _, number = parent.removeprefix("azureml:").partition(":")
        file = root / DATASETS / name / f"{number}.yml"
        if not file.is_file():
            what = f"{version.id} was derived from {parent}, which does not exist."
            yield version.problem("MD206", what, "Restore it from git.", "tags.parent")
            continue
        try:
            now = load_version(file)
        except UserError:
            continue  # reported where it is read
        if digest is not None and digest != now.digest:
            yield _replaced(version, now, digest)


def _replaced(child: DatasetVersion, parent: DatasetVersion, digest: str) -> Problem:
    """The problem of a parent with another digest than its child recorded: either file was edited."""
    if child.checksum and not is_intact(child):
        what = f"The digest of the parent {parent.id} was edited in {child.id}."
        return edited(child, "parent_digests", what)
    what = f"{child.id} was made from {parent.id} with {digest[:19]}…, but this file has another digest."
    fix = "Restore this version and its data from git, or derive a new version from it."
    return parent.problem("MD206", what, fix, "tags.digest")


def edited_rows(version: DatasetVersion, path: Path, *, full: bool = False) -> Iterator[Problem]:
    """The problem of a version file with another number of rows than its data.

    With a checksum that fits, the number is the one that was counted at first; ``full`` counts again.
    """
    if version.rows is None or (is_intact(version) and not full):
        return
    try:
        rows = count_rows(path, Reading(dialect=dialect_of(version.tags, version.at)))
    except UserError:
        return  # created with --no-table, or by a version that read it in another way: the bytes are the same
    if rows is not None and rows != version.rows:
        yield edited(version, "rows", f"The rows of {version.id} were edited: its data has {rows}.")


def _rewritten(root: Path, base: str) -> list[Problem]:
    """Version files that were changed or removed since a commit."""
    git = Git(root)
    if not git.is_repo:
        raise UserError(
            f"--base {base} needs a git repo, but this folder is not one.", "Leave the option out."
        )
    if base.startswith("HEAD") and git.is_first_commit:
        return []
    commit = git.resolve(base)
    problems = []
    for path in git.differing(commit, DATASETS):
        file = Path(path)
        if len(file.parts) != 3 or file.suffix != ".yml" or not VERSION.fullmatch(file.stem):
            continue
        identity = f"{file.parts[1]}:{file.stem}"
        if not (root / file).is_file():
            what = f"{identity} was removed since {base}, but models may have been trained on it."
            problems.append(Problem(Position(root / file), "MD208", what, "Restore it from git."))
            continue
        before, now = _at_commit(root, git, commit, path), load_version(root / file)
        for key in FIXED:
            if before is not None and getattr(before, key) != getattr(now, key):
                what = f"{identity}: {key} changed since {base}, but versions never change."
                fix = (
                    f"Restore the file from git and add a new version: `mlroad dataset add {now.name} PATH`."
                )
                problems.append(now.problem("MD208", what, fix, place_of(key)))
    return problems


def _at_commit(root: Path, git: Git, commit: str, path: str) -> DatasetVersion | None:
    """The version in a commit; None if it was invalid, which may be fixed."""
    try:
        return parse_version(root / path, git.content(f"{commit}:{path}"))
    except UserError:
        return None
