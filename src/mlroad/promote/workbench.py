"""The place where a promotion is built: a folder in .mlroad/, with a git repo and the files to commit.

Nothing outside of it changes until the promotion is complete. The lock of the folder is released by the
operating system when the process ends, so that the next promotion can delete what a killed one left.
"""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.files import remove, unwritable
from mlroad.core.git import GitOutput, run_git
from mlroad.core.locks import try_lock
from mlroad.core.problems import UserError
from mlroad.core.repo import CACHE, cache_folder

_NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "mlroad"), ("EMAIL", "mlroad@localhost"), ("DATE", "@0 +0000"))
}
_NOT_WRITABLE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EEXIST,
        errno.ENOTDIR,
    }
)


@dataclass(frozen=True, slots=True)
class Blob:
    """A file in git: its mode and its content."""

    mode: str
    data: bytes

    @property
    def is_executable(self) -> bool:
        return self.mode == "100755"


Files = Mapping[str, Blob]
"""Files by their path in the repo."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """The folder of one promotion."""

    root: Path
    """The factory."""
    folder: Path
    head: str
    """The commit that was checked out when the promotion started."""

    @property
    def git(self) -> Path:
        """A repo of its own, which also sees the objects of the factory.

        It is not bare, because git can be told to use bare repos only by name.
        """
        return self.folder / "git"

    @property
    def stage(self) -> Path:
        """The factory as it will be: its settings, its datasets, and the model."""
        return self.folder / "stage"

    def run(self, *arguments: str, stdin: str | bytes = b"", check: bool = True) -> GitOutput:
        """Run git in that repo."""
        return run_git(self.git, *arguments, stdin=stdin, environment=_NOBODY, check=check)

    def tree(self, model: str, files: Files) -> str:
        """The tree of the factory's commit with ``files`` in place of the folder of ``model``.

        git applies the factory's rules for line ends to the files.
        """
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            place = Path(temporary)
            write_files(place, files)
            return self._tree(self.git, model, place, place / ".index")

    def snapshot(self, model: str) -> str:
        """The same with the files in `stage`."""
        return self._tree(self.git, model, self.stage, self.folder / "index")

    def restore(self, tree: str, model: str) -> None:
        """Undo what a run of the prototype's code left in `stage`, or changed there."""
        for name in ("models", "datasets"):
            place = self.stage / name
            if place.is_symlink() or place.is_file():
                place.unlink()
            elif place.exists():
                remove(place)
        self.check_out(tree, f"models/{model}", "datasets")

    def final_tree(self, tree: str, model: str) -> str:
        """The name of a snapshot, after git wrote its objects to the factory."""
        self.restore(tree, model)
        return self._tree(self.root, model, self.stage, self.folder / "index")

    def commit(self, tree: str, message: str, *parents: str) -> str:
        """A commit of nobody, which only the merge sees."""
        given = [option for parent in parents for option in ("-p", parent)]
        return self.run("commit-tree", tree, *given, "-m", message).text

    def check_out(self, tree: str, *folders: str) -> None:
        """Write the files at the top of a tree, and those in ``folders``, to `stage`."""
        index = {"GIT_INDEX_FILE": os.fspath(self.folder / "out"), "GIT_WORK_TREE": os.fspath(self.stage)}
        self.stage.mkdir(exist_ok=True)
        run_git(self.git, "read-tree", tree, environment=index, check=True)
        names = run_git(self.git, "ls-files", "-z", environment=index, check=True).names
        inside = tuple(f"{folder}/" for folder in folders)
        wanted = [name for name in names if "/" not in name or name.startswith(inside)]
        listed = "\0".join(wanted)
        run_git(
            self.git,
            "checkout-index",
            "--force",
            "-z",
            "--stdin",
            stdin=listed,
            environment=index,
            check=True,
        )

    def _tree(self, git: Path, model: str, place: Path, index: Path) -> str:
        environment = {"GIT_INDEX_FILE": os.fspath(index), "GIT_WORK_TREE": os.fspath(place)}

        def call(*arguments: str) -> str:
            return run_git(git, *arguments, environment=environment, check=True).text

        call("read-tree", self.head)
        call("rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", f"models/{model}")
        parts = [name for name in ("models", "datasets") if (place / name).is_dir()]
        if parts:  # git add without a path would take everything
            call("add", "--force", "--ignore-removal", "--", *parts)
        return call("write-tree")


def head_of(root: Path) -> str:
    """The commit that is checked out. Raises UserError if there is none."""
    found = run_git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not found.ok:
        raise UserError("This factory has no commit yet.", "Commit it first: git add --all && git commit.")
    return found.text


def write_files(folder: Path, files: Files) -> None:
    """Write files below a folder, byte by byte."""
    for name, blob in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob.data)
        if blob.is_executable:
            path.chmod(0o755)


@contextmanager
def workbench(root: Path) -> Iterator[Workbench]:
    """A new, empty workbench, deleted when the block ends. Deletes what killed promotions left.

    Raises UserError if another promotion is running here, if there is no commit, or if a file cannot be
    written.
    """
    try:
        with _locked(root) as bench:
            yield bench
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise unwritable(Path(error.filename or root / CACHE), error) from None


@contextmanager
def _locked(root: Path) -> Iterator[Workbench]:
    head = head_of(root)
    place = cache_folder(root.resolve()) / "promote"
    place.mkdir(exist_ok=True)
    lock = try_lock(place / "lock", seconds=1)
    if lock is None:
        raise UserError("Another promotion is running in this repo.", "Wait until it has finished.")
    try:
        for leftover in place.iterdir():
            if leftover.is_dir():
                remove(leftover)
        bench = Workbench(root.resolve(), Path(tempfile.mkdtemp(dir=place)), head)
        try:
            _make_repo(bench)
            yield bench
        except UserError as error:
            raise _without(bench.stage, error) from None
        finally:
            remove(bench.folder)
    finally:
        os.close(lock)


def _without(stage: Path, error: UserError) -> UserError:
    """The error with the stage's paths as a repo has them: the stage is gone when a person reads them."""
    whole = (str(stage), os.path.relpath(stage))
    prefixes = [f"{it}{os.sep}" for it in whole] + [f"{Path(it).as_posix()}/" for it in whole]

    def shown(text: str) -> str:
        for prefix in prefixes:
            text = text.replace(prefix, "")
        return text

    if not error.problems:
        return UserError(shown(str(error)))
    return UserError(
        replace(
            it, at=replace(it.at, file=Path(shown(str(it.at.file)))), what=shown(it.what), fix=shown(it.fix)
        )
        for it in error.problems
    )


def _make_repo(bench: Workbench) -> None:
    about = run_git(
        bench.root, "rev-parse", "--show-object-format", "--git-path", "objects", check=True
    ).text.splitlines()
    form, objects = about
    options = ("--quiet", "--template=", f"--object-format={form}")
    run_git(bench.folder, "init", *options, str(bench.git), check=True)
    alternates = bench.git / ".git" / "objects" / "info" / "alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    path = (bench.root / objects).resolve().as_posix()
    alternates.write_text(f"{path}\n", encoding="utf-8", newline="\n")
