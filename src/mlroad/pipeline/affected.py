"""Finds the models that a change affects, each with its reasons.

A model is affected by changes of its own folder, of the dataset versions that its files name (and of what
those were derived from), and of everything that all models share. Unknown files count as shared: testing a
model once too often costs minutes, and missing a test costs more.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mlroad.core.text import some
from mlroad.pipeline.git_tree import Tree, changed_files, references

# They change no model. Lint, type checks and the secret scan cover the whole repo anyway.
HARMLESS = (
    "docs/*", "notebooks/*", "experimentation/*", ".vscode/*", ".devcontainer/*", ".idea/*",
    "*.md", "LICENSE*", "NOTICE*", "CODEOWNERS", ".copier-answers.yml", ".editorconfig", ".env.example",
    ".gitattributes", ".gitignore", ".pre-commit-config.yaml", "mypy.ini", "ruff.toml",
)  # fmt: skip
# In .github/ only the workflows that train and release models count.
ROAD = (
    ".github/workflows/pr.yml",
    ".github/workflows/model.yml",
    ".github/workflows/cd.yml",
    ".github/actions/*",
)
# The datasets that these files name are not the model's own.
_NAMES_NO_DATA = ("provenance.yml", "waivers.yml")
_VERSION = re.compile(r"datasets/([^/]+)/([1-9][0-9]*)(?:\.yml|\.sha256|/.*)")


@dataclass
class Affected:
    """The models of a commit that a change affects."""

    reasons: dict[str, list[str]] = field(default_factory=dict)
    """Model to sentences, such as ``models/diabetes/steps/train.py changed``."""
    harmless: list[str] = field(default_factory=list)
    """Changed files that affect no model."""
    everything: str = ""
    """Why all models are affected, if they are."""

    @property
    def models(self) -> list[str]:
        """Their names, sorted."""
        return sorted(self.reasons)


def affected(root: Path, base: str, head: str) -> Affected:
    """The models at ``head`` that changed since it branched off from ``base``; all if ``base`` is only zeros.

    Raises UserError for a commit that this clone does not have.
    """
    tree = Tree(root, head)
    models = _models(tree)
    found = Affected()
    if re.fullmatch(r"0{40}|0{64}", base):
        found.everything = "this is the first push, so there is nothing to compare with"
        found.reasons = {model: [found.everything] for model in models}
        return found
    changed = changed_files(root, base, tree.commit)
    users = _users(tree, models) if any(path.startswith("datasets/") for path in changed) else {}
    shared = []
    for path in changed:
        if path.startswith("models/") and path.count("/") > 1:
            owner = path.split("/")[1]
            touched = {owner: f"{path} changed"} if owner in models else {}
        elif path.startswith("datasets/") and path.count("/") > 1:
            touched = _by_dataset(path, users)
        elif _is_harmless(path):
            touched = {}
        else:
            shared.append(path)
            continue
        if not touched:
            found.harmless.append(path)
        for model, reason in touched.items():
            found.reasons.setdefault(model, []).append(reason)
    if shared:
        found.everything = f"{some(shared, 1)} changed, which all models share"
        for model in models:
            found.reasons.setdefault(model, []).append(found.everything)
    return found


def _models(tree: Tree) -> list[str]:
    """The names of the models in a commit, as mlroad.core.repo.is_model defines them."""
    marks = (re.fullmatch(r"models/([^/.][^/]*)/(?:pipeline\.yml|steps/.+)", path) for path in tree.blobs)
    return sorted({mark[1] for mark in marks if mark})


def _is_harmless(path: str) -> bool:
    if path.startswith(".github/"):
        return not any(fnmatchcase(path, pattern) for pattern in ROAD)
    inside = PurePosixPath(path).name if path.startswith(("models/", "datasets/")) else path
    at_top = "/" not in inside
    return any(fnmatchcase(inside, pattern) for pattern in HARMLESS if "/" in pattern or at_top)


def _by_dataset(path: str, users: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The models that use the version of a file; a file that belongs to no version counts for all of them."""
    version = _VERSION.fullmatch(path)
    if version:
        names = [f"{version[1]}:{version[2]}"]
    else:
        prefix = f"{path.split('/')[1]}:"
        names = [name for name in users if name.startswith(prefix)]
    return {
        model: f"{path} changed, and {how}" for name in names for model, how in users.get(name, {}).items()
    }


def _users(tree: Tree, models: list[str]) -> dict[str, dict[str, str]]:
    """For each dataset version, the models that use it: ``{"raw:1": {"diabetes": "data.yml names …"}}``."""
    version_files = {}
    for path in tree.blobs:
        if path.endswith(".yml") and (found := _VERSION.fullmatch(path)) and path.count("/") == 2:
            version_files[path] = f"{found[1]}:{found[2]}"
    known = set(version_files.values())
    parents = {
        version_files[path]: (references(text) & known) - {version_files[path]}
        for path, text in tree.texts(version_files)
    }
    named = [path for path in tree.blobs if _may_name_data(path) and path.split("/")[1] in models]
    users: dict[str, dict[str, str]] = {}
    for path, text in tree.texts(named):
        # A version that was deleted is still named; git shows that its file changed.
        for name in references(text):
            how = f"{path} names {name}"
            for reached, way in _ancestry(name, parents).items():
                users.setdefault(reached, {}).setdefault(path.split("/")[1], how + way)
    return users


def _may_name_data(path: str) -> bool:
    name = PurePosixPath(path).name
    return path.startswith("models/") and path.endswith((".yml", ".yaml")) and name not in _NAMES_NO_DATA


def _ancestry(name: str, parents: Mapping[str, set[str]]) -> dict[str, str]:
    """A version and all versions that it was derived from, each with the path that leads to it."""
    found = {name: ""}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        for parent in sorted(parents.get(current, ())):
            if parent not in found:
                found[parent] = f", which comes from {parent}"
                waiting.append(parent)
    return found
