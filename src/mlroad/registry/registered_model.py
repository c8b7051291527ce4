"""A registered model: the folder that was judged, with lineage.json at its top.

So the folder alone, as an MLflow model, shows where it came from. The digest of a model is that of the folder
as it was judged, without lineage.json. The version's tag ``lineage_digest`` is the digest of lineage.json.
"""

from collections.abc import Mapping
from pathlib import Path

from mlroad.core.digests import digest_of_bytes, files_below, listing_digest, sha256_of_file
from mlroad.core.problems import UserError
from mlroad.registry.base import Registry, Version

LINEAGE = "lineage.json"
LINEAGE_TAG = "lineage_digest"


def own_lineage(model: Path) -> str:
    """What is wrong with a model that already has a file of that name; empty if it has none."""
    for path in model.iterdir():
        if path.name.casefold() == LINEAGE:  # for some systems it is the same name
            return (
                f"The model has its own {path.name}, but the registry writes that file: choose another name."
            )
    return ""


def lineage_digest(lineage: Path) -> str | None:
    """``sha256:…`` of a copy of lineage.json, None if there is none. Raises OSError."""
    return digest_of_bytes(lineage.read_bytes()) if lineage.is_file() else None


def is_registered(lineage: bytes, tags: Mapping[str, str]) -> bool:
    """Whether this is the content of lineage.json that was registered."""
    return digest_of_bytes(lineage) == tags.get(LINEAGE_TAG)


def judged_digest(model: Path) -> str:
    """``sha256:…`` of a registered model as it was judged, without lineage.json. Raises OSError."""
    files = {name: entry for name, entry in files_below(model) if name != LINEAGE}
    return listing_digest({name: sha256_of_file(Path(entry.path)) for name, entry in files.items()})


def check_models(registry: Registry, version: Version) -> None:
    """Raise UserError if a model file of a version was changed or is missing."""
    for stage, key in (("prod", "model_digest"), ("dev", "dev_model_digest")):
        wanted, path = version.lineage.get(key), registry.model_path(version, stage)
        what = ""
        if path and wanted:
            what = difference(path, wanted, version.tags)
        elif wanted:
            what = "it is missing"
        if what:
            raise UserError(
                f"The {stage} model of {version.name} is not the one that was registered: {what}.",
                "Restore it from the branch `registry` (`mlroad registry pull --discard`), or roll back.",
            )


def difference(model: Path, digest: str | None, tags: Mapping[str, str]) -> str:
    """How a model differs from the one that was registered, as the end of a sentence; empty if it does not.

    Raises OSError.
    """
    if (now := judged_digest(model)) != digest:
        return f"its digest is {now[:19]}…, but its lineage says {str(digest)[:19]}…"
    if lineage_digest(model / LINEAGE) != tags.get(LINEAGE_TAG):
        return f"its {LINEAGE} has changed, or is missing"
    return ""
