"""`mlroad backport`: the factory's edits of a promoted model as a patch for its prototype, for `git am`.

The base is the model at the promoted tag, as the factory took it. What the factory has changed since is
merged into the prototype's own files, so the patch fits the tag's commit exactly, and has the form of
`git format-patch`. Where both sides differ in the same lines, such as the dataset version in pipeline.yml,
the prototype's lines stay. What only a factory has is left out: gates.yml, data.yml and the like, unit tests,
what the promotion drafted, and the inference tests, which a prototype freezes itself.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import load_settings
from mlroad.promote.fetch_tag import Prototype, fetch_commit
from mlroad.promote.merge_versions import as_in_factory
from mlroad.promote.provenance import FILE, Provenance, load_provenance
from mlroad.promote.read_commit import contents_of, entries
from mlroad.promote.take import LICENCE, take
from mlroad.promote.workbench import Blob, Workbench, workbench

_FACTORY_ONLY = frozenset(
    {
        "gates.yml",
        "data.yml",
        "waivers.yml",
        "evaluation.py",
        "metrics.json",
        "tests",
        "inference_tests",
        FILE,
    }
)


@dataclass(frozen=True, slots=True)
class Backport:
    """A patch, and what people should know about it."""

    patch: bytes
    """Empty if there is nothing to bring back."""
    tag: str
    files: tuple[str, ...] = ()
    """The changed files, in the prototype."""
    kept: tuple[str, ...] = ()
    """Files in which the prototype's lines stayed, because both sides differ there."""


def backport(root: Path, name: str, repo: str = "") -> Backport:
    """The patch for the prototype of a model. ``repo`` is its address, if not that of provenance.yml.

    Raises UserError.
    """
    before = load_provenance(root / "models" / name)
    if before is None or before.commit is None:
        what = f"models/{name} did not come from a prototype: {FILE} names no commit."
        raise UserError(what, "Only a model that `mlroad promote` brought can go back.")
    with workbench(root) as bench:
        if not fetch_commit(bench, repo or before.repo, before.tag, before.commit):
            what = f"The commit {before.commit[:12]} of {before.repo} cannot be fetched."
            raise UserError(what, "Name the prototype's path or address: --from REPO.")
        return _Patch(bench, name, before).make()


class _Patch:
    def __init__(self, bench: Workbench, name: str, before: Provenance) -> None:
        self._bench = bench
        self._name = name
        self._before = before
        self._commit = str(before.commit)
        self._ours = f"models/{name}/"
        self._theirs = f"models/{before.model}/"
        self._kept: list[str] = []
        last = ("-1", "--format=%H", "HEAD", "--", f"{self._ours}{FILE}")
        self._brought = run_git(bench.root, "log", *last, check=True).text
        """The factory's commit that brought this version; empty if it is not committed."""

    def make(self) -> Backport:
        """Merge each file, and let git write the difference."""
        there = self._read(self._commit, self._theirs)
        changed = dict(self._changes(there))
        if not changed:
            return Backport(b"", self._before.tag)
        patch = self._format(changed, there)
        files = tuple(f"{self._theirs}{path}" for path in sorted(changed))
        return Backport(patch, self._before.tag, files, tuple(f"{self._theirs}{path}" for path in self._kept))

    def _changes(self, there: Mapping[str, Blob]) -> Iterator[tuple[str, Blob | None]]:
        """The files that differ from the prototype's after the merge; None for a deleted one."""
        base, here = self._base(), self._read(self._bench.head, self._ours)
        drafted = self._promoted()
        for path in sorted(base.keys() | here.keys()):
            if _is_factory_only(path) or (path not in base and path in drafted):
                continue
            mine, old, its = here.get(path), base.get(path), there.get(path)
            if mine is not None and old is not None and (mine.mode, _plain(mine)) == (old.mode, _plain(old)):
                continue
            if mine is None or its is None:
                result = mine  # deleted or added in the factory
            else:
                result = Blob(mine.mode, self._merged(path, old or its, mine, its))
            if result != its:
                yield path, result

    def _base(self) -> dict[str, Blob]:
        """The model at the tag, as the factory took it."""
        before, limit = self._before, load_settings(self._bench.root).max_file_mb
        taken = take(self._bench, self._prototype(), before.model, self._name, limit)
        return {
            path.removeprefix(self._ours): blob
            for path, blob in as_in_factory(self._bench, taken, before.replaced).items()
        }

    def _prototype(self) -> Prototype:
        return Prototype(self._before.repo, self._before.tag, self._commit)

    def _promoted(self) -> set[str]:
        """The files of the model when the promotion brought this version, drafts included."""
        return set(self._read(self._brought, self._ours)) if self._brought else set()

    def _read(self, commit: str, folder: str) -> dict[str, Blob]:
        found = contents_of(self._bench, entries(self._bench, commit, folder))
        return {path.removeprefix(folder): blob for path, blob in found.items()}

    def _merged(self, path: str, old: Blob, mine: Blob, its: Blob) -> bytes:
        """The factory's edit in the prototype's file, with the prototype's line ends."""
        if _is_binary(mine.data) or _is_binary(its.data):
            return mine.data
        with tempfile.TemporaryDirectory(dir=self._bench.folder) as folder:
            places = []
            for side, blob in (("mine", mine), ("old", old), ("its", its)):
                place = Path(folder, side)
                place.write_bytes(_plain(blob))
                places.append(str(place))
            options = ("merge-file", "--stdout", "--quiet")
            done = self._bench.run(*options, *places, check=False)
            if done.code:
                self._kept.append(path)
                done = self._bench.run(*options, "--theirs", *places)
        crlf = its.data.count(b"\r\n") > its.data.count(b"\n") / 2
        return done.data.replace(b"\n", b"\r\n") if crlf else done.data

    def _format(self, changed: Mapping[str, Blob | None], there: Mapping[str, Blob]) -> bytes:
        bench = self._bench
        index = {"GIT_INDEX_FILE": os.fspath(bench.folder / "backport"), "GIT_LITERAL_PATHSPECS": "1"}
        run_git(bench.git, "read-tree", self._commit, environment=index, check=True)
        lines = b""
        for path, blob in changed.items():
            name = f"{self._theirs}{path}".encode("utf-8", "surrogateescape")
            if blob is None:
                lines += b"0 " + b"0" * 40 + b"\t" + name + b"\0"
                continue
            stored = bench.run("hash-object", "-w", "--no-filters", "--stdin", stdin=blob.data).text
            lines += f"{blob.mode} {stored}\t".encode() + name + b"\0"
        run_git(bench.git, "update-index", "-z", "--index-info", stdin=lines, environment=index, check=True)
        tree = run_git(bench.git, "write-tree", environment=index, check=True).text
        self._protect_line_ends(changed, there)
        message = ("commit-tree", tree, "-p", self._commit, "-F", "-")
        # The author is the person who runs the command: git's own settings of the factory name them.
        commit = run_git(
            bench.git, *message, stdin=self._message(), environment=_author(bench.root), check=True
        )
        options = ("-1", "--stdout", "--binary", "--full-index", "--no-signature", "--no-attach")
        return run_git(bench.git, "format-patch", *options, commit.text, check=True).data

    def _protect_line_ends(self, changed: Mapping[str, Blob | None], there: Mapping[str, Blob]) -> None:
        """`git am` drops the CR of each line: files that have some are written as binary differences."""
        lines = []
        for path, blob in changed.items():
            sides = [side.data for side in (blob, there.get(path)) if side is not None]
            if any(b"\r" in data for data in sides):
                escaped = re.sub(r'([\\*?\[\]!"])', r"\\\\\1", f"/{self._theirs}{path}")
                lines.append(f'"{escaped}" -diff\n')
        file = self._bench.git / ".git" / "info" / "attributes"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(lines), encoding="utf-8", newline="\n")

    def _message(self) -> str:
        model, tag = self._before.model, self._before.tag
        form = "--format=- %h %an: %s"
        listed = run_git(self._bench.root, "log", form, f"{self._brought}..HEAD", "--", self._ours).text
        head = self._bench.head[:12]
        return (
            f"feat({model}): the factory's edits since {tag}\n\nFrom models/{self._name} at the commit {head}"
            f" of the factory, by `mlroad backport`.\n\n{listed or '- edited while it was promoted'}\n"
        )


def _is_factory_only(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[0] in _FACTORY_ONLY or (len(parts) == 1 and bool(LICENCE.fullmatch(path)))


def _is_binary(data: bytes) -> bool:
    return b"\0" in data[:8000]


def _plain(blob: Blob) -> bytes:
    """The content with Unix line ends, as the factory stores text."""
    return blob.data if _is_binary(blob.data) else blob.data.replace(b"\r\n", b"\n")


def _author(root: Path) -> dict[str, str]:
    """git's name and address for the person who runs the command. Raises GitError if git has none."""
    found: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        ident = run_git(root, "var", f"GIT_{role}_IDENT", check=True).text
        match = re.fullmatch(r"(.*) <(.*)> \d+ [+-]\d{4}", ident)
        if match:
            found |= {f"GIT_{role}_NAME": match[1], f"GIT_{role}_EMAIL": match[2]}
    return found
