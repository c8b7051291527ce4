"""provenance.yml: the prototype's tag that a model of the factory came from."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlroad.core.digests import listing_digest
from mlroad.core.git import read_blobs, run_git
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.repo import model_folders
from mlroad.promote.workbench import Workbench

FILE = "provenance.yml"
_HEADER = (
    "# By `mlroad promote`: the prototype that this model came from. `mlroad help reference/provenance`.\n"
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """The content of provenance.yml."""

    repo: str
    tag: str
    commit: str | None
    """None for the template's sample, which no prototype is behind."""
    tree: str | None = None
    """git's name for the model folder at the tag."""
    model: str = ""
    """The model's name in the prototype."""
    datasets: Mapping[str, str] = field(default_factory=dict)
    """The dataset versions that came along, ``name:version``, with their digests."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """The versions that pipeline.yml names here in place of the prototype's: rows without the holdout."""
    contract: int = 1
    requirements: str = ""
    """The digest of environment/."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The prototype's metrics."""

    def text(self) -> str:
        """The file's content."""
        content: dict[str, Any] = {
            "schema": 1,
            "repo": self.repo,
            "tag": self.tag,
            "commit": self.commit,
            "tree": self.tree,
            "model": self.model,
            "datasets": dict(self.datasets),
            "replaced": dict(self.replaced),
            "contract": self.contract,
            "requirements": self.requirements,
            "metrics": dict(self.metrics),
        }
        kept = {key: value for key, value in content.items() if value not in ("", {})}
        return _HEADER + yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=1000)


def load_provenance(model: Path) -> Provenance | None:
    """The provenance of a model folder; None if it has none. Raises UserError if it cannot be read."""
    file = model / FILE
    if not file.is_file():
        return None
    return parse_provenance(file, file.read_text(encoding="utf-8", errors="replace"))


def parse_provenance(file: Path, text: str) -> Provenance:
    """The same for its content. Raises UserError."""
    try:
        content = yaml.safe_load(text)
        return Provenance(
            repo=str(content["repo"]),
            tag=str(content["tag"]),
            commit=content["commit"] and str(content["commit"]),
            tree=content.get("tree") and str(content["tree"]),
            model=str(content.get("model") or file.parent.name),
            datasets={str(key): str(value) for key, value in (content.get("datasets") or {}).items()},
            replaced={str(key): str(value) for key, value in (content.get("replaced") or {}).items()},
            contract=int(content.get("contract") or 1),
            requirements=str(content.get("requirements") or ""),
            metrics={str(key): float(value) for key, value in (content.get("metrics") or {}).items()},
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"This file cannot be read: {type(error).__name__} {error}."
        raise UserError(Problem(Position(file), "MR834", what, "Restore it from git.")) from None


def all_provenances(root: Path) -> dict[str, Provenance]:
    """The provenance of each model of the factory that came from a prototype."""
    found = {folder.name: load_provenance(folder) for folder in model_folders(root)}
    return {name: it for name, it in found.items() if it and it.commit}


def past_provenances(bench: Workbench) -> Iterator[tuple[Path, Provenance]]:
    """Every provenance.yml in the history of the factory, and its path. Unreadable ones are left out."""
    options = ("--raw", "-z", "--no-renames", "--no-abbrev", "--full-history", "-m", "--format=")
    place = f":(glob)models/*/{FILE}"
    listed = run_git(bench.root, "log", *options, bench.head, "--", place, check=True).names
    found = {(path, about.split()[3]) for about, path in zip(listed[::2], listed[1::2], strict=True)}
    kept = sorted((path, blob) for path, blob in found if blob.strip("0"))
    contents = read_blobs(bench.root, (blob for _, blob in kept))
    for (path, _), content in zip(kept, contents, strict=True):
        with suppress(UserError):
            yield Path(path), parse_provenance(Path(path), content.decode("utf-8", "replace"))


def requirements_digest(files: Mapping[str, bytes]) -> str:
    """The digest of environment/, from its files by their names."""
    return listing_digest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
