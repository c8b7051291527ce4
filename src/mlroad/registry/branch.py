"""The local registry in the git branch `registry` of `origin`: `mlroad registry pull` and `push`.

The branch has its own history, and contains mlflow.db and the content of the versions. Only git's plumbing
is used: neither the work tree nor the index of the repo is touched. Git rejects a push after someone else's,
because it is not a fast-forward. That is the compare-and-swap that prevents overwriting.

.registry/.branch contains the commit of the branch that the registry came from, and the tree of each version.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlroad.core.factory_settings import load_settings
from mlroad.core.files import read_json, remove, write_json
from mlroad.core.locks import locked
from mlroad.core.problems import UserError
from mlroad.core.text import some
from mlroad.registry.branch_git import BRANCH, KEPT, REF, REMOTE, BranchGit, GitFailed, git_failed
from mlroad.registry.local_registry import (
    BRANCH_STATE,
    CHANGED,
    DATABASE,
    MODELS,
    LocalRegistry,
    new_staged,
    note_change,
    read_change,
    registry_folder,
)
from mlroad.registry.registered_model import LINEAGE, check_models


class BranchMovedError(Exception):
    """Someone else has pushed since the registry was pulled. Exit code 3."""


@dataclass
class _State:
    """The content of .branch."""

    commit: str | None = None
    folders: dict[str, str] = field(default_factory=dict)
    """``models/<model>/<id>`` with its tree in the commit."""
    pushing: str | None = None
    """A commit whose push was started. Whether it arrived is known when the branch is read again."""
    mark: str = ""
    """The content of .changed at that time."""


class RegistryBranch:
    """The branch, from the repo at ``root``."""

    def __init__(self, root: Path) -> None:
        self.folder = registry_folder(root)
        self._git = BranchGit(root)
        self._limit = load_settings(root).branch_limit_mb

    def pull(self, *, discard: bool = False, rewritten: bool = False) -> str:
        """Make the registry equal to the branch. Returns a message.

        Raises UserError if that would lose local changes (unless ``discard``), GitFailed if the branch cannot
        be read, was deleted, or was rewritten (unless ``rewritten``). A branch that does not exist yet is not
        an error.
        """
        with self._alone() as state:
            head = self._git.head()
            if head is None:
                if state.commit:
                    raise _gone(state.commit)
                return f"There is no branch {BRANCH} in {REMOTE} yet; the first push creates it."
            head = self._git.fetch()
            self._settle(state, head)
            warning = self._check_history(state, head, accept=rewritten)
            if read_change(self.folder) and not discard:
                if head == state.commit:
                    return f"Nothing new in the branch {BRANCH}; local changes are not pushed yet."
                raise UserError(
                    "The local registry has unpushed changes, and the branch has new commits.",
                    "Discard them (`mlroad registry pull --discard`), and repeat them with --publish.",
                )
            return warning + self._take(state, head)

    def push(self, message: str, *, restore: bool = False) -> str:
        """Commit the registry to the branch and push it. Returns a message.

        With ``restore``, a deleted branch is created again from the local registry.

        Raises BranchMovedError if the branch is not what was pulled, GitFailed if git cannot push or the
        branch is gone, UserError for a file that is too large.
        """
        with self._alone() as state:
            head = self._git.head()
            if state.pushing:
                self._settle(state, self._git.fetch() if head else None)
            if head is None and state.commit:
                if not restore:
                    raise _gone(state.commit)
                return self._restore(state, message)
            if head != state.commit:
                self._check_history(state, self._git.fetch())
                raise BranchMovedError(
                    f"The branch {BRANCH} has new commits since it was pulled. "
                    "Pull it (`mlroad registry pull --discard`) and repeat your command with --publish."
                )
            if not LocalRegistry(self.folder).database.is_file() or (head and not read_change(self.folder)):
                return "Nothing to push."
            commit = self._commit(state, message)
            if commit is None:
                (self.folder / CHANGED).unlink(missing_ok=True)
                return "Nothing to push."
            state.pushing, state.mark = commit, read_change(self.folder) or "local"
            self._write(state)
            (self.folder / CHANGED).unlink(missing_ok=True)
            self._send(state, commit, head)
            self._settle(state, commit)
            return f"Pushed {commit[:7]} to the branch {BRANCH}: {message}"

    def _restore(self, state: _State, message: str) -> str:
        """Push the local registry to the deleted branch, with its history if git still has it."""
        if not self._git.run("cat-file", "-e", f"{state.commit}^{{commit}}").ok:
            state.commit, state.folders = None, {}
        there = LocalRegistry(self.folder).database.is_file()
        commit = (self._commit(state, message) if there else None) or state.commit
        if commit is None:
            raise GitFailed(
                "There is nothing to restore it from. Restore it on a machine that has pulled it."
            )
        state.pushing, state.mark = commit, read_change(self.folder)
        self._write(state)
        self._send(state, commit, None)
        self._settle(state, commit)
        (self.folder / CHANGED).unlink(missing_ok=True)
        return f"Restored the branch {BRANCH} in {REMOTE} from the local registry ({commit[:7]})."

    def _settle(self, state: _State, head: str | None) -> None:
        """Find out whether a started push has arrived."""
        if not state.pushing:
            return
        if head and self._git.run("merge-base", "--is-ancestor", state.pushing, head).ok:
            state.commit, state.folders = state.pushing, self._git.folders(state.pushing)
            self._git.run("update-ref", KEPT, head)
        else:
            note_change(self.folder, state.mark)
        state.pushing, state.mark = None, ""
        self._write(state)

    def _check_history(self, state: _State, head: str, *, accept: bool = False) -> str:
        """Raise GitFailed, or return a warning, if the branch lacks the commit that was taken last."""
        if not state.commit or self._git.contains(head, state.commit):
            return ""
        what = (
            f"The branch {BRANCH} in {REMOTE} was rewritten: {head[:7]} is not based on {state.commit[:7]}, "
            "the last commit that was pulled or pushed here, so approvals and versions may be lost."
        )
        if accept:
            return f"Warning: {what}\n"
        raise GitFailed(
            f"{what} {self._put_back(state, head)} To take the branch as it is, without what is only here: "
            "`mlroad registry pull --discard`."
        )

    def _check_complete(self, state: _State, head: str, files: Mapping[str, str], staged: Path) -> None:
        """Extract the database. Raise GitFailed without it, or without the content of one of its versions."""
        lost = [f"a readable {DATABASE}"]
        if DATABASE in files:
            self._git.extract({DATABASE: files[DATABASE]}, staged)
            with suppress(UserError, ValueError):
                lost = _missing(LocalRegistry(staged), lambda name: name in files)
        if lost:
            remove(staged)
            raise GitFailed(
                f"The branch {BRANCH} in {REMOTE} is damaged: {head[:7]} lacks {some(lost)}. "
                f"{self._put_back(state, head)}"
            )

    def _put_back(self, state: _State, head: str) -> str:
        """How to undo a change of the branch. Lets git keep the commit that the registry came from."""
        known = state.commit not in (None, head) and self._git.run("update-ref", KEPT, f"{state.commit}").ok
        commit = state.commit if known else "COMMIT"
        which = "the last one from here" if known else "an older, complete commit of it"
        return f"The local registry is kept. Put {which} back: `git push {REMOTE} +{commit}:{REF}`."

    def _take(self, state: _State, head: str) -> str:
        """Write the new content, then the database; then delete what is no longer used."""
        files, folders = self._git.files(head), self._git.folders(head)
        staged = new_staged(self.folder)
        self._check_complete(state, head, files, staged)
        here = {
            name
            for name, tree in folders.items()
            if state.folders.get(name) == tree and (self.folder / name).is_dir()
        }
        changed = self._changed_here(here, files)
        new = [name for name in folders if name not in here - changed]
        self._git.extract({path: blob for path, blob in files.items() if _folder_of(path) in new}, staged)
        for name in new:
            place = self.folder / name
            if place.exists():
                place.rename(staged / f"replaced-{place.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            (staged / name).rename(place)
        _replace_database(staged / DATABASE, self.folder / DATABASE)
        for place in self.folder.glob(f"{MODELS}/*/*"):
            if place.relative_to(self.folder).as_posix() not in folders:
                remove(place)
        same = state.commit == head
        state.commit, state.folders = head, folders
        self._write(state)
        (self.folder / CHANGED).unlink(missing_ok=True)
        remove(staged)
        said = f"Pulled {head[:7]} of the branch {BRANCH}: {len(folders)} versions, {len(new)} new here."
        if same and not new:
            said = f"The registry is up to date with the branch {BRANCH} ({head[:7]})."
        for name in sorted(changed):
            said += f"\nFiles of {name} had been changed here. They are restored."
        return "\n".join([said, *self._not_registered(new)])

    def _changed_here(self, names: set[str], files: Mapping[str, str]) -> set[str]:
        """Those folders whose files are not those of the branch."""
        wanted = {path: blob for path, blob in files.items() if _folder_of(path) in names}
        here = [
            file.relative_to(self.folder).as_posix()
            for name in names
            for file in (self.folder / name).rglob("*")
            if file.is_file()
        ]
        found = dict(zip(here, self._git.blobs(self.folder / path for path in here), strict=True))
        paths = {path for path in {*wanted, *found} if wanted.get(path) != found.get(path)}
        return {_folder_of(path) for path in paths}

    def _not_registered(self, names: Sequence[str]) -> Iterator[str]:
        """Warnings about versions whose model in the branch is not the one that was registered."""
        registry = LocalRegistry(self.folder)
        for model in registry.models():
            for version in registry.versions(model):
                if registry.content(version).relative_to(self.folder).as_posix() in names:
                    try:
                        check_models(registry, version)
                    except UserError as error:
                        yield f"Warning: {error}"

    def _commit(self, state: _State, message: str) -> str | None:
        """Commit the registry on top of the commit that it came from; None if nothing has changed."""
        registry = LocalRegistry(self.folder)
        used = _used(registry)
        if lost := _missing(registry, lambda name: (self.folder / name).is_file()):
            raise UserError(
                f"Versions would be lost, because their content is missing here: {some(lost)}.",
                "Pull it (`mlroad registry pull --discard`), or push from a machine that has it.",
            )
        before = self._git.folders(state.commit) if state.commit else {}
        self._check_sizes(sorted(used - set(before)))
        kept = {name for name in used if name in before and state.folders.get(name) == before[name]}
        staged = new_staged(self.folder)
        try:
            # A complete and compact copy, including what writers have left beside the file.
            with closing(sqlite3.connect(registry.database, timeout=30, isolation_level=None)) as database:
                database.execute("VACUUM INTO ?", (str(staged / DATABASE),))
            index = {"GIT_INDEX_FILE": str((staged / "index").resolve())}
            if state.commit:
                self._git.text("read-tree", state.commit, env=index)
            gone = [path for path in self._git.files(state.commit) if _folder_of(path) not in {*kept, ""}]
            new = {
                file.relative_to(self.folder).as_posix(): file
                for name in sorted(used - kept)
                for file in sorted((self.folder / name).rglob("*"))
                if file.is_file()
            }
            lines = [f"0 {'0' * 40}\t{path}" for path in gone]
            lines += self._git.store({DATABASE: staged / DATABASE, **new})
            self._git.text(
                "update-index", "-z", "--index-info", env=index, stdin="".join(f"{its}\0" for its in lines)
            )
            tree = self._git.text("write-tree", env=index)
        except sqlite3.Error as error:
            raise UserError(
                f"{registry.database} cannot be read: {error}.", "Pull the registry again."
            ) from None
        finally:
            remove(staged)
        if state.commit and tree == self._git.text("rev-parse", state.commit + "^{tree}"):
            return None
        parent = ["-p", state.commit] if state.commit else []
        return self._git.text("commit-tree", tree, *parent, "-m", message, env=self._git.identity())

    def _check_sizes(self, names: Sequence[str]) -> None:
        """Raise UserError for a new version that is larger than factory.yml allows in the branch."""
        for name in names:
            size = sum(file.stat().st_size for file in (self.folder / name).rglob("*") if file.is_file())
            if size > self._limit * 1e6:
                raise UserError(
                    f"{name} takes {size / 1e6:.0f} MB, and the branch {BRANCH} takes at most "
                    f"{self._limit:g} MB for a version: each clone and each job fetches the branch.",
                    "Keep such models elsewhere (`registry: mlflow` or `registry: azureml` in factory.yml), "
                    "or raise `local: {branch_limit_mb: …}` there.",
                )

    def _send(self, state: _State, commit: str, head: str | None) -> None:
        """Push ``commit`` to the branch, which is at ``head``."""
        done = self._git.run("push", "--no-verify", "--porcelain", REMOTE, f"{commit}:{REF}")
        if done.ok:
            return
        said = done.text + done.errors
        raced = ("fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "stale info")
        if any(words in said for words in raced) or self._git.head() != head:
            self._settle(state, None)
            raise BranchMovedError(
                f"Someone else has pushed to the branch {BRANCH}. Pull it and repeat your command."
            )
        self._settle(state, None)
        raise git_failed(f"The branch {BRANCH} cannot be pushed to {REMOTE}", done)

    @contextmanager
    def _alone(self) -> Iterator[_State]:
        """The local state of the branch, while no other process writes the registry."""
        with locked(self.folder / ".lock"):
            try:
                state = _State(**read_json(self.folder / BRANCH_STATE))
            except TypeError:
                state = _State()
            yield state

    def _write(self, state: _State) -> None:
        write_json(self.folder / BRANCH_STATE, vars(state))


def _gone(commit: str) -> GitFailed:
    return GitFailed(
        f"The branch {BRANCH} was deleted from {REMOTE}. The local registry is kept (commit {commit[:7]} of "
        "the branch). Create the branch again with `mlroad registry push --restore`, on the machine that "
        "pulled or pushed last."
    )


def _used(registry: LocalRegistry) -> set[str]:
    """models/<model>/<id> of each version. Versions that others wrote into the database have none."""
    return {
        registry.content(version).relative_to(registry.folder).as_posix()
        for model in registry.models()
        for version in registry.versions(model)
        if "lineage_id" in version.tags
    }


def _missing(registry: LocalRegistry, has: Callable[[str], bool]) -> list[str]:
    """The lineage.json of each version without content."""
    return [file for name in sorted(_used(registry)) if not has(file := f"{name}/{LINEAGE}")]


def _replace_database(new: Path, old: Path) -> None:
    """Replace the content in one transaction, because MLflow keeps the old file open."""
    if old.is_file():
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(new)) as source,
            closing(sqlite3.connect(old, timeout=30)) as target,
        ):
            source.backup(target)
            return
    new.replace(old)


def _folder_of(path: str) -> str:
    """models/<model>/<id> of a file; empty for mlflow.db."""
    parts = path.split("/")
    return "/".join(parts[:3]) if len(parts) > 3 else ""
