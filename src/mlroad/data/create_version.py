"""Create a version: store the data, then its file list, and last the version file.

The version file is written last and completely, so a version is either complete or does not exist. An
interrupted command can only leave data that no version names, which `mlroad dataset gc` deletes.
"""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlroad.core.digests import ContentDigest, digest_content, listing
from mlroad.core.files import remove
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import UserError
from mlroad.data.mltable import is_mltable
from mlroad.data.open_table import count_rows
from mlroad.data.reading import DIALECT_TAGS, Reading, dialect_of
from mlroad.data.store import (
    DATASETS,
    LARGE,
    find,
    listing_file,
    local_path,
    names,
    verify_version,
    version_files,
)
from mlroad.data.version import DatasetVersion, check_name, load_version, write_version

SMALL = 5_000_000
"""Data of up to this many bytes goes into git. The guard rejects files that are much larger."""
SCHEMA = "schema.yml"


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """The version to create."""

    name: str
    source: Path
    type: str | None = None
    """None: detected from the source."""
    stage: str = "dev"
    description: str = ""
    parents: tuple[str, ...] = ()
    derivation: Mapping[str, Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    is_table: bool = True
    """Whether data that looks like a table must be readable as one."""
    address: str = ""
    """The cloud address of the data; the source is then its local copy."""
    first: int = 1
    """The lowest number to use: lower ones may be taken in Azure ML."""
    move: bool = False
    """Move the source instead of copying it, for files that a command just created."""


@dataclass(frozen=True, slots=True)
class CreatedVersion:
    """A version, and whether it is new or already existed with the same content."""

    version: DatasetVersion
    is_new: bool


def create_version(root: Path, draft: VersionDraft) -> CreatedVersion:
    """Create the next version of a dataset from a file or folder.

    Data already below datasets/<name>/ or data/<name>/ stays there, unless another version uses it; other
    data is copied or moved. If a version with the same content, stage and address exists, and is read as the
    draft says, it is returned instead. Raises UserError for an invalid name, unreadable data, and data of the
    wrong type.
    """
    check_new_name(root, draft.name)
    if root.resolve().is_relative_to(draft.source.resolve()):
        raise UserError(f"{draft.source} contains this repo.", "Name the folder with the data.")
    with HashCache(root) as cache:
        content = digest_content(draft.source, cache)
    kind, tags = _type(draft), _tags(root, draft)
    digests = tuple(find(root, parent).digest or "" for parent in draft.parents)
    same = _same(root, draft, content, kind, digests)
    if same:
        confirm_stored(root, same, draft.source, move=draft.move)
        return CreatedVersion(same, is_new=False)
    version = DatasetVersion(
        file=root / DATASETS / draft.name / "0.yml",
        name=draft.name,
        version="0",
        type=kind,
        path=draft.address,
        description=draft.description,
        digest=content.digest,
        size=content.size,
        rows=_rows(draft, tags),
        schema=SCHEMA if (root / DATASETS / draft.name / SCHEMA).is_file() else None,
        stage=draft.stage,
        parents=draft.parents,
        parent_digests=digests if all(digests) else (),
        derivation=draft.derivation,
        tags=tags,
    )
    if not draft.address and _stays(root, draft):
        return CreatedVersion(_publish_in_place(root, version, draft, content), is_new=True)
    return CreatedVersion(_publish_copy(root, version, draft, content), is_new=True)


def confirm_stored(root: Path, version: DatasetVersion, source: Path, *, move: bool) -> None:
    """Read the stored bytes of a version that has the digest of ``source``; put back missing data.

    Raises UserError if the stored data has changed.
    """
    stored = local_path(root, version)
    if stored.exists():
        problems, _ = verify_version(root, version)
        if problems:
            raise UserError(problems)
    elif not version.is_remote:
        draft = VersionDraft(version.name, source, move=move)
        stored.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".new-", dir=stored.parent))
        try:
            staged.chmod(0o755)
            _bring(draft, version.type, digest_content(source), staged)
            (next(staged.iterdir()) if version.type == "uri_file" else staged).rename(stored)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def discard_version(root: Path, version: DatasetVersion) -> None:
    """Delete a version that was just created from a copy, because what belongs to it could not be created."""
    version.file.unlink(missing_ok=True)
    listing_file(version).unlink(missing_ok=True)
    for place in (DATASETS, LARGE):
        home = root / place / version.name
        if (home / version.version).exists():
            remove(home / version.version)
        _remove_if_empty(home)


def check_new_name(root: Path, name: str) -> None:
    """Raise UserError for a name that no dataset can have, or that differs only in case from another one."""
    check_name(name)
    for other in names(root):
        if other != name and other.lower() == name.lower():
            what = f"The dataset names {name} and {other} differ only in case."
            raise UserError(what, "Windows and macOS cannot distinguish them: choose another name.")


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _type(draft: VersionDraft) -> str:
    is_folder = draft.source.is_dir()
    if draft.type is None:
        return "uri_file" if not is_folder else "mltable" if is_mltable(draft.source) else "uri_folder"
    if is_folder != (draft.type != "uri_file"):
        what = f"{draft.source} is a {'folder' if is_folder else 'file'}, not a {draft.type}."
        raise UserError(what, "Leave --type out, or correct the path.")
    if draft.type == "mltable" and not is_mltable(draft.source):
        raise UserError(f"{draft.source} has no MLTable file.", "Write one, or use uri_folder.")
    return draft.type


def _tags(root: Path, draft: VersionDraft) -> dict[str, str]:
    """The tags of the draft. A new version is read like the one before, unless they say otherwise."""
    files = version_files(root, draft.name)
    if not files or draft.derivation is not None:
        return dict(draft.tags)
    before = load_version(files[-1]).tags
    return {tag: before[tag] for tag in DIALECT_TAGS if tag in before} | dict(draft.tags)


def _rows(draft: VersionDraft, tags: Mapping[str, str]) -> int | None:
    reading = Reading(dialect=dialect_of(tags))
    return count_rows(draft.source, reading) if draft.is_table else None


def _same(
    root: Path, draft: VersionDraft, content: ContentDigest, kind: str, digests: tuple[str, ...]
) -> DatasetVersion | None:
    """The newest version with this content, type, stage, address and parents, and read as the draft says."""
    given = {tag: draft.tags[tag] for tag in DIALECT_TAGS if tag in draft.tags}
    for file in reversed(version_files(root, draft.name)):
        version = load_version(file)
        there = (version.digest, version.type, version.stage, version.parents)
        if there != (content.digest, kind, draft.stage, draft.parents):
            continue
        if given and dialect_of({**version.tags, **given}) != dialect_of(version.tags, version.at):
            continue
        if version.parent_digests not in ((), digests):
            continue
        if (version.path if version.is_remote else "") == draft.address:
            return version
    return None


def _stays(root: Path, draft: VersionDraft) -> bool:
    """Whether the source is already in the dataset's folder and not used by another version."""
    source = draft.source.resolve()
    homes = [(root / place / draft.name).resolve() for place in (DATASETS, LARGE)]
    if not any(source.is_relative_to(home) and source != home for home in homes):
        return False
    for file in version_files(root, draft.name):
        taken = local_path(root, load_version(file)).resolve()
        if source.is_relative_to(taken) or taken.is_relative_to(source):
            return False
    return True


def _next_number(root: Path, name: str, first: int) -> int:
    return max([first - 1, *(int(file.stem) for file in version_files(root, name))]) + 1


def _numbered(version: DatasetVersion, number: int) -> DatasetVersion:
    return replace(version, version=str(number), file=version.file.with_name(f"{number}.yml"))


def _relative(data: Path, version: DatasetVersion) -> str:
    """``data`` relative to the version file: ./… or ../…"""
    path = Path(os.path.relpath(data.resolve(), version.file.parent.resolve())).as_posix()
    return path if path.startswith("../") else f"./{path}"


def _publish_in_place(
    root: Path, version: DatasetVersion, draft: VersionDraft, content: ContentDigest
) -> DatasetVersion:
    version = replace(version, path=_relative(draft.source, version))
    for number in itertools.count(_next_number(root, version.name, draft.first)):
        numbered = _numbered(version, number)
        if _write(numbered, content):
            return numbered
    raise AssertionError  # pragma: no cover - count() never ends


def _publish_copy(
    root: Path, version: DatasetVersion, draft: VersionDraft, content: ContentDigest
) -> DatasetVersion:
    is_large = content.size > SMALL or bool(draft.address)
    place = root / (LARGE if is_large else DATASETS) / version.name
    place.mkdir(parents=True, exist_ok=True)
    if is_large:
        keep_out_of_git(root / LARGE)
    staged = Path(tempfile.mkdtemp(prefix=".new-", dir=place))
    try:
        staged.chmod(0o755)
        _bring(draft, version.type, content, staged)
        for number in itertools.count(_next_number(root, version.name, draft.first)):
            numbered = _numbered(version, number)
            target = place / str(number)
            if target.exists():
                continue
            try:
                staged.rename(target)
            except OSError:
                if not target.exists():
                    raise
                continue
            if not draft.address:
                within = target if numbered.type != "uri_file" else target / draft.source.name
                numbered = replace(numbered, path=_relative(within, numbered))
            is_written = False
            try:
                is_written = _write(numbered, content)
            finally:
                if not is_written:
                    target.rename(staged)
            if is_written:
                return numbered
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        _remove_if_empty(place)
    raise AssertionError  # pragma: no cover - count() never ends


def _bring(draft: VersionDraft, kind: str, content: ContentDigest, staged: Path) -> None:
    """Copy or move the files, and check that the copy is the content that was hashed."""
    for file in content.files:
        name = Path(draft.address).name if draft.address and kind == "uri_file" else file.path
        target = staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if draft.move:
            shutil.move(file.where, target)
        else:
            shutil.copyfile(file.where, target)
    if draft.move:
        # Moved files are the ones that were hashed; only a copy can catch a change half-way.
        return
    arrived = digest_content(staged if kind != "uri_file" else next(staged.iterdir()))
    if arrived.digest != content.digest:
        raise UserError(f"{draft.source} changed while it was copied.", "Wait until nothing writes to it.")


def _write(version: DatasetVersion, content: ContentDigest) -> bool:
    """Write the file list and the version file; False if the number is taken."""
    if version.file.exists():
        return False
    version.file.parent.mkdir(parents=True, exist_ok=True)
    if version.type != "uri_file":
        listing_file(version).write_text(listing(content.by_path), encoding="utf-8", newline="\n")
    try:
        write_version(version)
    except FileExistsError:
        return False
    except BaseException:
        listing_file(version).unlink(missing_ok=True)
        _remove_if_empty(version.file.parent)
        raise
    return True


def keep_out_of_git(folder: Path) -> None:
    """Write the .gitignore that keeps the folder for large data out of git."""
    ignore = folder / ".gitignore"
    if not ignore.exists():
        with contextlib.suppress(FileExistsError), ignore.open("x", encoding="utf-8", newline="\n") as file:
            file.write("# Large data stays out of git. The version files in datasets/ hold its digests.\n*\n")
