"""`mlroad dataset add`: create a version of existing data and print the next steps."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlroad.core.git import Git
from mlroad.core.problems import UserError
from mlroad.core.text import count, quoted, size
from mlroad.core.waiting import waiting
from mlroad.data.create_version import CreatedVersion, VersionDraft, create_version
from mlroad.data.open_table import open_table
from mlroad.data.sql import TableEngine
from mlroad.data.store import listing_file, local_path
from mlroad.data.table_notes import decimal_commas, table_notes
from mlroad.data.version import DatasetVersion
from mlroad.data.version_tables import reading_of


def add_data(
    root: Path,
    name: str,
    source: str,
    *,
    stage: str,
    kind: str | None,
    description: str,
    address: str,
    is_table: bool = True,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Create a version. Returns a message about it. Raises UserError for data that cannot be used."""
    if "://" in source:
        what = f"{source} is in the cloud, but computing a digest needs a local copy."
        raise UserError(what, f"Download it, then run: mlroad dataset add {name} COPY --at {quoted(source)}")
    if address and not address.startswith(("azureml://", "https://", "abfss://", "wasbs://")):
        raise UserError(
            f"--at {address} is not a cloud address.", "Use one that starts with azureml:// or https://."
        )
    if not Path(source).exists():
        raise UserError(f"{source} does not exist.", "Check the path.")
    draft = VersionDraft(
        name=name,
        source=Path(source),
        type=kind,
        stage=stage,
        description=description,
        is_table=is_table,
        address=address,
        tags=tags or {},
    )
    with waiting(f"Adding {source}"):
        created = create_version(root, draft)
        is_new_table = created.is_new and created.version.rows is not None
        notes = _notes(root, created.version) if is_new_table else list(_left_out(draft, created))
    return "\n".join([created_text(root, created), *notes])


def _left_out(draft: VersionDraft, created: CreatedVersion) -> Iterator[str]:
    """What the version that already has this content does not say of it."""
    version = created.version
    kept = (
        (version.description, draft.description, "description"),
        (version.tags.get("licence"), draft.tags.get("licence"), "licence"),
    )
    for was, given, what in kept if not created.is_new else ():
        if given and given != was:
            yield f"  Its {what} is as before. To change it, edit {version.file.as_posix()}."


def _notes(root: Path, version: DatasetVersion) -> list[str]:
    """What to know about how the table is read."""
    with TableEngine() as engine:
        table = open_table(engine, local_path(root, version), version.id, reading_of(version), once=True)
        notes = table_notes(engine, table)
        if "decimal" not in version.tags:
            notes += decimal_commas(engine, table)
    return [f"  {note}" for note in notes]


def created_text(root: Path, created: CreatedVersion) -> str:
    """The message about a version that was created."""
    version = created.version
    if not created.is_new:
        return f"{version.id} already has exactly this content. Nothing was created."
    rows = f", {count(version.rows, 'row')}" if version.rows is not None else ""
    lines = [
        f"Created {version.id} ({size(version.size or 0)}{rows}): {version.file.as_posix()}",
        f"  data   {local_path(root, version).as_posix()}",
        f"  digest {version.digest}",
        *(f"  {line}" for line in _git_advice(root, version)),
    ]
    return "\n".join(lines)


def _git_advice(root: Path, version: DatasetVersion) -> list[str]:
    """The `git add` command, or a warning if git would ignore or change the new files."""
    git = Git(root)
    if not git.is_repo:
        return []
    data = local_path(root, version)
    files = [version.file] + ([listing_file(version)] if version.type != "uri_file" else [])
    if data.resolve().is_relative_to((root / "datasets").resolve()):
        inside = [data] if data.is_file() else sorted(file for file in data.rglob("*") if file.is_file())
        if ignored := git.ignored(inside):
            what = f"{ignored[0].as_posix()} (.gitignore), so others would not get the data"
            return [f"Warning: git ignores {what}. Exclude datasets/ from that rule."]
        if changed := git.altered(inside):
            what = f"the line endings of {changed[0].as_posix()} (.gitattributes), and so its digest"
            return [f"Warning: git would change {what}. Add the line: /datasets/** -text"]
        files.append(data)
    else:
        what = "The data is not in git" + (
            f"; others can fetch it from {version.path}." if version.is_remote else "."
        )
        return [what, _git_add(files)]
    return [_git_add(files)]


def _git_add(files: list[Path]) -> str:
    return f"Next: git add {' '.join(quoted(file) for file in files)}"
