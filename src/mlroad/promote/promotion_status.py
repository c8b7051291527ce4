"""`mlroad promote --status`: where each model came from, newer tags, and how the factory's copy differs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mlroad.core.git import has_commit
from mlroad.core.problems import UserError
from mlroad.core.text import some
from mlroad.guard.guard_settings import load_settings
from mlroad.promote.fetch_tag import FETCH, Prototype, address_of
from mlroad.promote.merge_versions import as_in_factory
from mlroad.promote.provenance import FILE, Provenance, all_provenances
from mlroad.promote.take import take
from mlroad.promote.workbench import Workbench, workbench

_KINDS = {"A": "only_here", "M": "changed", "T": "changed", "D": "deleted"}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the factory."""

    name: str
    repo: str
    tag: str
    commit: str
    newer: list[str] = field(default_factory=list)
    """Tags after this one that change the model, oldest first."""
    changed: list[str] = field(default_factory=list)
    """Files of the prototype that were edited here."""
    only_here: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    problem: str = ""
    """Why newer tags and differences are unknown."""

    def json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.name}: {self.tag} of {self.repo} (commit {self.commit[:10]})"
        if self.problem:
            yield f"  {self.problem}"
            return
        yield f"  newer tags: {', '.join(self.newer) or 'none'}"
        for what, files in (
            ("changed here", self.changed),
            ("deleted here", self.deleted),
            ("only here", self.only_here),
        ):
            if files:
                yield f"  {what}: {some(files, 8)}"


def promotion_status(root: Path) -> list[ModelStatus]:
    """The status of every model that came from a prototype."""
    found = all_provenances(root)
    if not found:
        return []
    with workbench(root) as bench:
        fetched = {repo: _fetch_tags(bench, repo) for repo in {it.repo for it in found.values()}}
        return [_status(bench, name, it, fetched[it.repo]) for name, it in found.items()]


def _fetch_tags(bench: Workbench, repo: str) -> str:
    """Fetch all tags of a repo, below a folder of their own; returns why that failed."""
    refs = f"+refs/tags/*:refs/repos/{_folder(repo)}/*"
    done = bench.run(*FETCH, address_of(repo), refs, check=False)
    return "" if done.ok else f"{repo} cannot be read: {done.first_reason}."


def _folder(repo: str) -> str:
    return repo.encode().hex()


def _status(bench: Workbench, name: str, its: Provenance, problem: str) -> ModelStatus:
    commit = its.commit or ""
    about = ModelStatus(name, its.repo, its.tag, commit, problem=problem)
    if problem:
        return about
    if not has_commit(bench.git, commit):
        push = f"Push its tag in the prototype: git push origin {its.tag}"
        return replace(about, problem=f"{its.repo} does not have its commit. {push}")
    try:
        differences = _differences(bench, name, its)
    except UserError as error:
        return replace(about, problem=str(error))
    return replace(about, newer=_newer(bench, its), **differences)


def _newer(bench: Workbench, its: Provenance) -> list[str]:
    prefix = f"refs/repos/{_folder(its.repo)}/"
    options = (f"--contains={its.commit}", "--sort=creatordate", "--format=%(refname)")
    names = bench.run("for-each-ref", *options, prefix).text.split()
    asked = "".join(f"{name}:models/{its.model}\n" for name in names)
    told = bench.run("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=asked).text.split("\n")
    # A tag without the model: "<what was asked> missing".
    others = [line.startswith("tree ") and line != f"tree {its.tree}" for line in told]
    return [name.removeprefix(prefix) for name, other in zip(names, others, strict=False) if other]


def _differences(bench: Workbench, name: str, its: Provenance) -> dict[str, Any]:
    prototype = Prototype(its.repo, its.tag, its.commit or "")
    taken = take(bench, prototype, its.model, name, load_settings(bench.root).max_file_mb)
    base = bench.tree(name, as_in_factory(bench, taken, its.replaced))
    folder = f"models/{name}"
    options = ("-r", "--no-renames", "--name-status", "-z")
    parts = iter(bench.run("diff-tree", *options, base, bench.head, "--", folder).names)
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    for kind, path in zip(parts, parts, strict=True):
        if path != f"{folder}/{FILE}":
            found[_KINDS[kind]].append(path.removeprefix(f"{folder}/"))
    return found
