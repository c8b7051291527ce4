"""How a repo differs from what its version of the template delivers, and how old that version is.

An update replays only the difference between two versions of the template. So a standard file that was
changed once stays changed, and a deleted one stays deleted.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.doc_pages import commit_of
from mlroad.core.files import unwritable, write_bytes
from mlroad.core.git import dirty_files, file_at, run_git
from mlroad.core.problems import UserError
from mlroad.core.template import ANSWERS, OWNED, Origin, origin, render_again, rendered_files
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_document import Document

_TEAMS = (*OWNED, ANSWERS, "factory.yml")
"""Files that an update does not change, or that are not delivered as they are."""
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Difference:
    """A standard file that is not here as the template delivers it."""

    file: str
    state: str
    """changed, deleted or renamed."""
    added: int
    """Lines that the file here has and the delivered one has not."""
    removed: int
    now: str = ""
    """The new name of a renamed file."""

    @property
    def has_no_lines(self) -> bool:
        """Whether git counts no lines: in binary files, and where only the permissions changed."""
        return not (self.added or self.removed)


@dataclass(frozen=True, slots=True)
class Age:
    """The newest version of the template, and how many releases lie behind the repo's."""

    newest: str
    behind: int | None
    """None if the template has no releases, and other commits than the repo's."""


class Standards:
    """The files that the template delivers to a repo, rendered again. See `delivered`."""

    def __init__(self, repo: Path, fresh: Path, temporary: Path) -> None:
        self._repo = repo
        self.folder = fresh
        """The render, which also has the files that belong to the team."""
        self.files = [name for name in rendered_files(fresh) if not name.startswith(_TEAMS)]
        """The names of all standard files."""
        self._git = _index_beside(repo, fresh, temporary)
        run_git(fresh, "add", "--force", "--", *self.files, environment=self._git, check=True)
        self._tree = run_git(fresh, "write-tree", environment=self._git, check=True).text

    def differences(self, commit: str = "") -> list[Difference]:
        """What is not here as it was delivered, or in a commit."""
        options = ("--numstat", "-z", "--diff-filter=DMRT", *([commit] if commit else []))
        fields = iter(self._diff(*options).split("\0"))
        found = []
        for field in fields:
            if not field:
                continue
            added, removed, name = field.split("\t")
            now = ""
            if not name:  # a rename has two more fields
                name, now = next(fields), next(fields)
            if not now and not commit and self._is_same(name):  # git does not know it yet
                continue
            here = file_at(self._repo, commit, name) is not None if commit else (self._repo / name).exists()
            state = "renamed" if now else "changed" if here else "deleted"
            lines = [int(number) if number.isdigit() else 0 for number in (added, removed)]
            found.append(Difference(name, state, lines[0], lines[1], now))
        return sorted(found, key=lambda difference: difference.file)

    def diff(self, file: str) -> str:
        """The edits of one file as git shows them. Raises UserError if it is not a standard file."""
        self._refuse_unknown(file)
        renamed = [found.now for found in self.differences() if found.file == file and found.now]
        return self._diff("--", file, *renamed)

    def restore(self, files: Sequence[str]) -> None:
        """Write files as they were delivered. Raises UserError for edits that git does not have."""
        for name in files:
            self._refuse_unknown(name)
        if lost := dirty_files(self._repo, *files):
            what = f"{lost[0]} has changes that are not committed."
            raise UserError(what, "Commit or stash them first.")
        tracked = set(run_git(self._repo, "ls-files", "-z", "--", *files, check=True).names)
        for name in files:
            parents = [folder for folder in Path(name).parents if (self._repo / folder).is_file()]
            taken = parents[0].as_posix() if parents else name
            if parents or (name not in tracked and (self._repo / name).exists()):
                what = f"{taken} is yours, and in the way of the template's {name}."
                raise UserError(what, "Rename it first, because it would be lost.")
        for name in files:
            try:
                (self._repo / name).parent.mkdir(parents=True, exist_ok=True)
                write_bytes(self._repo / name, (self.folder / name).read_bytes())
            except OSError as error:
                raise unwritable(self._repo / name, error) from None
            shutil.copymode(self.folder / name, self._repo / name)

    def _is_same(self, name: str) -> bool:
        file = self._repo / name
        return file.is_file() and file.read_bytes() == (self.folder / name).read_bytes()

    def _refuse_unknown(self, name: str) -> None:
        if name not in self.files:
            fix = did_you_mean(name, self.files, "`mlroad doctor` lists the files that differ.")
            raise UserError(f"{name} is not a standard file of this version of the template.", fix)

    def _diff(self, *options: str) -> str:
        objects = {name: place for name, place in self._git.items() if "OBJECT" in name}
        arguments = ("diff", "--no-ext-diff", "--no-color", "--find-renames", self._tree, *options)
        return run_git(self._repo, *arguments, environment=objects, check=True).data.decode(
            "utf-8", "replace"
        )


def checked_origin(repo: Path) -> Origin:
    """As `origin`; an answers file that Copier could not read is a UserError, too."""
    file = repo / ANSWERS
    if file.is_file():
        Document(file)
    return origin(repo)


@contextmanager
def delivered(repo: Path, answers: str = "") -> Iterator[Standards]:
    """The standard files of the repo's version of the template, with its answers or those in ``answers``.

    Raises UserError if the template cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="mlroad-standards-") as temporary:
        fresh = render_again(repo, Path(temporary), answers)
        yield Standards(repo, fresh, Path(temporary))


def age(now: Origin) -> Age:
    """How old the repo's version of the template is. Raises UserError if the template cannot be reached."""
    return age_among(versions_of(now.address), now.version)


ANSWER_SECONDS = 60
"""How long a template's server may take to list its versions."""


def versions_of(template: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """HEAD and the tags of a template with their commits. ``environment`` is git's.

    Raises UserError if it cannot be reached.
    """
    command = ("ls-remote", "--", template, "HEAD", "refs/tags/*")
    listed = run_git(Path(), *command, environment=environment, seconds=ANSWER_SECONDS)
    if not listed.ok:
        what = f"The template at {template} cannot be reached: {listed.first_reason}."
        fix = f"Check your network and access. If it moved, change _src_path in {ANSWERS}."
        raise UserError(what, fix)
    return {name: commit for commit, name in (line.split("\t") for line in listed.text.splitlines())}


def age_among(commits: Mapping[str, str], version: str) -> Age:
    """How old a version is among the `versions_of` its template."""
    tags = [name.removeprefix("refs/tags/") for name in commits]
    releases = sorted({numbers: tag for tag in tags if (numbers := _numbers(tag))}.items())
    own = _numbers(re.sub(r"-\d+-g[0-9a-f]+$", "", version))
    if not releases:
        head, commit = commits.get("HEAD", ""), commit_of(version)
        tag = f"refs/tags/{commit}"
        commit = commits.get(f"{tag}^{{}}") or commits.get(tag, commit)  # an annotated tag has both
        return Age(head[:12], 0 if head.startswith(commit) else None)
    return Age(releases[-1][1], sum(numbers > (own or ()) for numbers, _ in releases))


def _numbers(tag: str) -> tuple[int, ...] | None:
    found = _RELEASE.fullmatch(tag)
    return tuple(map(int, found[1].split("."))) if found else None


def _index_beside(repo: Path, fresh: Path, temporary: Path) -> dict[str, str]:
    """Variables for git: an index and objects of our own, so that nothing is written into the repo."""
    folder = run_git(repo, "rev-parse", "--absolute-git-dir", check=True).text
    objects = run_git(repo, "rev-parse", "--git-path", "objects", check=True).text
    own = temporary / "objects"
    own.mkdir()
    return {
        "GIT_DIR": folder,
        "GIT_WORK_TREE": os.fspath(fresh),
        "GIT_INDEX_FILE": os.fspath(temporary / "index"),
        "GIT_OBJECT_DIRECTORY": os.fspath(own),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _in_a_list(os.fspath((repo / objects).resolve())),
    }


def _in_a_list(path: str) -> str:
    """A path as git reads it in a list: in quotes if it has the character that separates paths."""
    quoted = path.replace("\\", r"\\").replace('"', r"\"")
    return f'"{quoted}"' if os.pathsep in path else path
