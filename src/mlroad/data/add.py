"""`mlroad dataset add`: make a version of data that is there, and say what to do next."""

from __future__ import annotations

from pathlib import Path

from mlroad.core.git import Git
from mlroad.core.problems import UserError
from mlroad.core.text import count, quoted, size
from mlroad.data.create_version import CreatedVersion, VersionDraft, create_version
from mlroad.data.store import listing_file, local_path
from mlroad.data.version import DatasetVersion


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
) -> str:
    """Make a version and tell what was made. Raises UserError for data that cannot be one."""
    if "://" in source:
        what = f"{source} lies in the cloud, and a digest needs the bytes."
        raise UserError(what, f"Get a local copy and name both: mlroad dataset add {name} COPY --at {source}")
    if address and not address.startswith(("azureml://", "https://", "abfss://", "wasbs://")):
        raise UserError(
            f"--at {address} is no address in the cloud.", "It starts with azureml:// or https://."
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
    )
    return told(root, create_version(root, draft))


def told(root: Path, made: CreatedVersion) -> str:
    """What people read when a version was made."""
    version = made.version
    if not made.is_new:
        return f"{version.id} holds exactly this already: nothing was made."
    rows = f", {count(version.rows, 'row')}" if version.rows is not None else ""
    lines = [
        f"Made {version.id} ({size(version.size or 0)}{rows}): {version.file.as_posix()}",
        f"  data   {local_path(root, version).as_posix()}",
        f"  digest {version.digest}",
        *(f"  {line}" for line in _git_advice(root, version)),
    ]
    return "\n".join(lines)


def _git_advice(root: Path, version: DatasetVersion) -> list[str]:
    """What git would do to the new files, where that is not what people expect."""
    git = Git(root)
    if not git.is_repo:
        return []
    data = local_path(root, version)
    files = [version.file] + ([listing_file(version)] if version.type != "uri_file" else [])
    if data.resolve().is_relative_to((root / "datasets").resolve()):
        inside = [data] if data.is_file() else sorted(file for file in data.rglob("*") if file.is_file())
        if ignored := git.ignored(inside):
            what = f"{ignored[0].as_posix()} (.gitignore), so nobody else would have the data"
            return [f"Careful: git ignores {what}. Except datasets/ from that rule."]
        if changed := git.altered(inside):
            what = f"the line ends of {changed[0].as_posix()} (.gitattributes), and so its digest"
            return [f"Careful: git would change {what}. Add the line: /datasets/** -text"]
        files.append(data)
    else:
        what = "The data is not in git" + (
            f"; others fetch it from {version.path}." if version.is_remote else "."
        )
        return [what, _git_add(files)]
    return [_git_add(files)]


def _git_add(files: list[Path]) -> str:
    return f"Next: git add {' '.join(quoted(file.as_posix()) for file in files)}"
