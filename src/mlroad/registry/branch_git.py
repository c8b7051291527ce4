"""The git commands for the branch `registry`, byte for byte and without the work tree."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from mlroad.core.git import GitError, GitOutput, git_environment, run_git, tree_entries
from mlroad.core.problems import UserError
from mlroad.registry.local_registry import DATABASE, MODELS

BRANCH = "registry"
REMOTE = "origin"
REF = f"refs/heads/{BRANCH}"
KEPT = f"refs/factory/{BRANCH}"
MOST_BYTES = 95_000_000
"""GitHub refuses files of 100 MB."""
_CHUNK = 1 << 20
_NO_REFS = 2  # git ls-remote --exit-code
_ALL = 2**31 - 1  # for git, the depth of a whole history


class GitFailed(Exception):
    """A git command failed. Exit code 1."""


class BranchGit:
    """git in the repo at ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def head(self) -> str | None:
        """The remote branch's commit. Only git's exit code for a missing ref means that there is none."""
        done = self.run("ls-remote", "--exit-code", REMOTE, REF)
        if done.code == _NO_REFS:
            return None
        if not done.ok or not done.text:
            raise git_failed(f"The branch {BRANCH} of {REMOTE} cannot be read", done)
        return done.text.split()[0]

    def fetch(self) -> str:
        """Fetch the branch, in a shallow clone at first only its newest commit. Returns its commit."""
        first = not self.run("rev-parse", "--verify", "--quiet", KEPT).ok
        self._fetch(*(["--depth=1"] if first and self._is_shallow() else []))
        return self.text("rev-parse", KEPT)

    def contains(self, head: str, commit: str) -> bool:
        """Whether ``head`` of the branch has ``commit`` in its history, which a shallow clone fetches."""
        about = ("merge-base", "--is-ancestor", commit, head)
        if not (known := self.run(*about).ok) and self._is_shallow():
            self._fetch(f"--depth={_ALL}")
            known = self.run(*about).ok
        return known

    def _fetch(self, *depth: str) -> None:
        quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *depth]
        done = self.run("-c", "gc.auto=0", "fetch", *quiet, REMOTE, f"+{REF}:{KEPT}")
        if not done.ok:
            raise git_failed(f"The branch {BRANCH} of {REMOTE} cannot be fetched", done)

    def _is_shallow(self) -> bool:
        return self.text("rev-parse", "--is-shallow-repository") == "true"

    def files(self, commit: str | None) -> dict[str, str]:
        """Every file in a commit of the branch with its blob. Raises GitFailed for an unexpected file."""
        if commit is None:
            return {}
        found: dict[str, str] = {}
        for entry in tree_entries(self._checked("ls-tree", "-r", "-z", commit)):
            path = entry.path
            its = PurePosixPath(path)
            if path != DATABASE and (its.parts[0] != MODELS or len(its.parts) < 4 or ".." in its.parts):
                raise GitFailed(f"The branch {BRANCH} contains {path}, which does not belong to a registry.")
            found[path] = entry.name
        return found

    def folders(self, commit: str) -> dict[str, str]:
        """The folders of the versions in a commit with their trees."""
        entries = tree_entries(self._checked("ls-tree", "-r", "-d", "-z", commit, "--", f"{MODELS}/"))
        return {entry.path: entry.name for entry in entries if entry.path.count("/") == 2}

    def extract(self, files: Mapping[str, str], to: Path) -> None:
        """Write blobs to files, byte for byte."""
        with subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self._root,
            env=git_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            if process.stdin is None or process.stdout is None:
                raise GitFailed("git cannot be started")
            for path, blob in files.items():
                process.stdin.write(f"{blob}\n".encode())
                process.stdin.flush()
                size = int(process.stdout.readline().split()[2])
                file = to / path
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as out:
                    while size:
                        block = process.stdout.read(min(size, _CHUNK))
                        if not block:
                            raise GitFailed(f"git cannot read {path} of the branch {BRANCH}")
                        out.write(block)
                        size -= len(block)
                process.stdout.read(1)

    def store(self, files: Mapping[str, Path]) -> Iterator[str]:
        """Write files to git, byte for byte. Returns their lines for its index. Raises UserError."""
        sizes = {path: file.stat().st_size for path, file in files.items()}
        large = [f"{path} ({size / 1e6:.0f} MB)" for path, size in sizes.items() if size > MOST_BYTES]
        if large:
            raise UserError(
                f"Too large for a git branch: {', '.join(large)}; the most is {MOST_BYTES / 1e6:.0f} MB.",
                "Register such models elsewhere: `registry: mlflow` or `registry: azureml` in factory.yml.",
            )
        for path, name in zip(files, self.blobs(files.values(), "-w"), strict=True):
            yield f"100644 {name}\t{path}"

    def blobs(self, files: Iterable[Path], *options: str) -> list[str]:
        """The names that git gives to the content of files, byte for byte."""
        paths = "".join(f"{path.resolve()}\n" for path in files)
        return self.text("hash-object", *options, "--no-filters", "--stdin-paths", stdin=paths).split()

    def identity(self) -> dict[str, str]:
        """The committer: git's own setting, or a default where git has none, as in CI."""
        if self.run("var", "GIT_COMMITTER_IDENT").ok:
            return {}
        name, mail = "mlroad", "mlroad@localhost"
        return {
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail,
            "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail,
        }  # fmt: skip

    def text(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """The output of a git command. Raises GitFailed if it fails."""
        return self._checked(*arguments, env=env, stdin=stdin).text

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> GitOutput:
        """A git command's output and exit code. Raises GitFailed without git."""
        try:
            return run_git(self._root, *arguments, stdin=stdin, environment=env)
        except GitError as error:
            raise GitFailed(str(error)) from None

    def _checked(self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> GitOutput:
        done = self.run(*arguments, env=env, stdin=stdin)
        if not done.ok:
            raise git_failed(f"git {arguments[0]} failed", done)
        return done


def git_failed(what: str, done: GitOutput) -> GitFailed:
    """The error for a git command that failed."""
    return GitFailed(f"{what}: {done.errors.strip() or done.text or f'exit code {done.code}'}")
