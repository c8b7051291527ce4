"""The parts of a version file that never change, and which of them was edited.

The tag `checksum` is the SHA-256 of all of them, so an edit shows without git, and shows which file changed:
if the checksum fits with the digest that the data has now, then the digest was edited and not the data. Files
from before this tag are compared with the last commit.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mlroad.core.digests import ContentDigest
from mlroad.core.git import Git
from mlroad.core.problems import Problem, UserError
from mlroad.data.version import DatasetVersion, checksum_of, parse_version

FIXED = ("type", "digest", "size", "rows", "stage", "parents", "parent_digests", "derivation")
"""Description, path, schema and other tags may be edited."""
_TAGS = {"parents": "parent", "parent_digests": "parent_digest"}


def place_of(key: str) -> str:
    """Where a fixed part is in the file: ``type``, ``tags.parent``."""
    return key if key == "type" else f"tags.{_TAGS.get(key, key)}"


def is_intact(version: DatasetVersion) -> bool:
    """Whether the file has a checksum, and it fits."""
    return version.checksum == checksum_of(version)


def digest_was_edited(root: Path, version: DatasetVersion, content: ContentDigest) -> bool:
    """Whether the data is as it was, and the digest in the version file is not."""
    if content.digest == version.digest or is_intact(version):
        return False
    if version.checksum:
        size = content.size if version.size is not None else None
        might_be = (
            replace(version, digest=content.digest),
            replace(version, digest=content.digest, size=size),
        )
        return any(map(is_intact, might_be))
    before = _committed(root, version)
    return before is not None and before.digest == content.digest


def edited_values(root: Path, version: DatasetVersion, content: ContentDigest) -> Iterator[Problem]:
    """The problems of a version file with values other than those that it was created with."""
    if digest_was_edited(root, version, content):
        what = f"The digest of {version.id} was edited: its data still has {content.digest}."
        yield edited(version, "digest", what)
    elif version.digest == content.digest and version.size not in (None, content.size):
        what = f"The size of {version.id} was edited: its data has {content.size} bytes."
        yield edited(version, "size", what)
    elif version.checksum and not is_intact(version):
        before = _committed(root, version)
        changed = [key for key in FIXED if before and getattr(before, key) != getattr(version, key)]
        for key in changed:
            yield edited(version, key, f"{version.id}: {_TAGS.get(key, key)} was edited.")
        if not changed:
            what = f"{version.id} was edited: its type and tags do not fit its checksum."
            yield edited(version, "checksum", what)


def edited(version: DatasetVersion, key: str, what: str) -> Problem:
    """The problem of a fixed part of a version file that was edited."""
    fix = f"Restore the file from git. To add other data, run `mlroad dataset add {version.name} PATH`."
    return version.problem("MD209", what, fix, place_of(key))


def _committed(root: Path, version: DatasetVersion) -> DatasetVersion | None:
    """The version file in the last commit; None if it is not there."""
    git = Git(root)
    try:
        path = version.file.absolute().relative_to(root.absolute()).as_posix()
        return parse_version(version.file, git.content(f"HEAD:{path}")) if git.is_repo else None
    except (UserError, ValueError):
        return None
