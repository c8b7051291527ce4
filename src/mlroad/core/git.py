"""The few questions that datasets ask git. Outside of a git repo, or without git, every answer is empty."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mlroad.core.problems import UserError


class Git:
    """git in the repo around ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def is_repo(self) -> bool:
        """Whether ``root`` is the top of a git repo (a folder in somebody else's repo is not)."""
        top = self._ask("rev-parse", "--show-toplevel")
        return bool(top) and Path(top.strip()).resolve() == self._root.resolve()

    @cached_property
    def is_first_commit(self) -> bool:
        """Whether nothing came before HEAD. A shallow clone only looks like that."""
        return self._ask("rev-list", "--count", "HEAD").strip() == "1" and not self._is_shallow

    @property
    def _is_shallow(self) -> bool:
        return self._ask("rev-parse", "--is-shallow-repository").strip() != "false"

    def commit(self) -> str | None:
        """The commit that is checked out; None before the first one."""
        return self._ask("rev-parse", "--verify", "--quiet", "HEAD").strip() or None if self.is_repo else None

    def is_dirty(self, folder: Path) -> bool:
        """Whether something below ``folder`` (relative to the root) is not as in the commit."""
        return bool(
            self._ask("status", "--porcelain", "--untracked-files=all", "--", folder.as_posix()).strip()
        )

    def resolve(self, reference: str) -> str:
        """The commit of a branch, tag or commit. Raises UserError if there is none of that name."""
        found = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        if not found.strip():
            deeper = "Fetch more of the history (in CI: fetch-depth: 2)."
            raise UserError(
                f"git here knows no {reference}.", deeper if self._is_shallow else "Check the name."
            )
        return found.strip()

    def blobs(self, commit: str, folder: str) -> dict[str, str]:
        """The files below ``folder`` in a commit: path to the name of its content."""
        entries = [
            entry.partition("\t") for entry in self._names("ls-tree", "-r", "-z", commit, "--", f"{folder}/")
        ]
        return {path: about.split()[2] for about, _, path in entries}

    def differing(self, commit: str, folder: str) -> list[str]:
        """The paths below ``folder`` that are other now than in a commit, or gone."""
        return self._names(
            "diff", "-z", "--name-only", "--no-renames", "--diff-filter=MDT", commit, "--", folder
        )

    def content(self, name: str) -> bytes:
        """What a blob holds (``commit:path`` names one, too)."""
        return self._run("cat-file", "blob", name)

    def references(self) -> list[str]:
        """The commits at the tip of every branch, local and remote, every tag, and what is stashed."""
        return sorted(set(self._ask("for-each-ref", "--format=%(objectname)").split()))

    def extract(self, commit: str, folder: str, target: Path) -> bool:
        """Write ``folder`` as it was in a commit to ``target``; False if git has no such commit or folder."""
        packed = self._run("archive", "--format=tar", commit, "--", folder)
        if not packed:
            return False
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(target, filter="data")
        return True

    def ignored(self, files: Sequence[Path]) -> list[Path]:
        """Those of ``files`` that git would leave out of a commit."""
        known = {file.resolve(): file for file in files}
        names = "\0".join(str(file) for file in known)
        found = self._run("check-ignore", "-z", "--stdin", stdin=names.encode()).decode(errors="replace")
        return [known[Path(name).resolve()] for name in found.split("\0") if name]

    def altered(self, files: Sequence[Path]) -> list[Path]:
        """Those of ``files`` whose bytes git would change on commit (line ends, filters)."""
        plain = [file for file in files if "\n" not in str(file)]
        names = "".join(f"{file.resolve()}\n" for file in plain).encode()
        kept = self._run("hash-object", "--no-filters", "--stdin-paths", stdin=names).split()
        filtered = self._run("hash-object", "--stdin-paths", stdin=names).split()
        return [file for file, a, b in zip(plain, kept, filtered, strict=False) if a != b]

    def _names(self, *arguments: str) -> list[str]:
        return [name for name in self._run(*arguments).decode(errors="surrogateescape").split("\0") if name]

    def _ask(self, *arguments: str) -> str:
        return self._run(*arguments).decode(errors="replace")

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=self._root, input=stdin, capture_output=True, check=False
            )
        except OSError:
            return b""
        return done.stdout
