"""The template that a repo comes from, and how to run Copier. Only the standard library is needed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.files import write_bytes, write_text
from mlroad.core.git import file_at, has_commit, run_git
from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError
from mlroad.core.uv_program import find_uv, uv_environment

COPIER = "copier==9.19.1"
EXCLUDE_NEWER = "2026-11-15T00:00:00Z"
"""The date up to which releases of packages are used, as in pyproject.toml."""
ANSWERS = ".copier-answers.yml"
# Files that belong to the team once they are there (as in copier.yml), and the folder of the sample.
OWNED = ("README.md", ".github/CODEOWNERS", ".github/mlroad.yml", "models/", "datasets/", "notebooks/")
_SAMPLE = "models/diabetes"
_clones: ContextVar[Path | None] = ContextVar("clones", default=None)
_HOSTS = {"gh": "https://github.com/", "gl": "https://gitlab.com/"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a repo's template is (an address for git, or a folder), and the version that the repo has."""

    address: str
    version: str
    source: str = ""
    """The address as Copier recorded it, such as ``git+file:///…``."""

    @property
    def shown(self) -> str:
        """The address for people, without a password."""
        return without_login(self.address)


def origin(repo: Path) -> Origin:
    """What Copier recorded in the repo. Raises UserError if it is not there."""
    file = repo / ANSWERS
    if not file.is_file():
        what = f"There is no {ANSWERS} in {repo.resolve()}."
        raise UserError(what, "Run this in a repo that was made from the template.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except ValueError:
        raise UserError(f"{file}: It is not written in UTF-8.", f"Restore it: git log -p {ANSWERS}") from None
    return origin_in(text, str(file))


def origin_in(text: str, file: str = ANSWERS) -> Origin:
    """What Copier recorded in the text of that file. Raises UserError if something is missing."""
    found = {}
    for name in ("_src_path", "_commit"):
        found[name] = answer(text, name)
        if not found[name]:
            raise UserError(f"{file}: {name} is missing.", f"Restore it: git log -p {ANSWERS}")
    return Origin(git_address(found["_src_path"]), found["_commit"], found["_src_path"])


def entries(text: str) -> list[str]:
    """The entries of an answers file, as they are written. Copier folds long lines at spaces."""
    return re.findall(r"^\w.*(?:\n[ -].*)*", text, re.MULTILINE)


def answer(text: str, name: str) -> str:
    """What Copier recorded as ``name`` in the text of that file; empty if it is not there."""
    entry = next((entry for entry in entries(text) if entry.startswith(f"{name}:")), ":")
    value = " ".join(line.strip() for line in entry.partition(":")[2].splitlines()).strip()
    quoted = re.fullmatch(r"(['\"])(.*)\1", value)
    if not quoted:
        return value
    return quoted[2].replace("''", "'") if quoted[1] == "'" else quoted[2]


def git_address(source: str) -> str:
    """The address of a template for git, from how Copier lets people write it."""
    source = source.removeprefix("git+")
    host, colon, path = source.partition(":")
    return _HOSTS[host] + path.lstrip("/") if colon and host in _HOSTS else source


def bring_new_files(repo: Path, fresh: Path) -> list[str]:
    """Add the files for the team that a render (`render_again`) has and the repo never had; returns them.

    Copier leaves all of them out of an update, because the team may have edited or deleted them.
    """
    places = {name: _place(name) for name in rendered_files(fresh) if name.startswith(OWNED)}
    had = {place for place in set(places.values()) if _ever_had(repo, place)}
    wanted = [name for name, place in places.items() if place not in had]
    for name in wanted:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(repo / name, (fresh / name).read_bytes())
    return wanted


def render_again(repo: Path, folder: Path, recorded: str = "") -> Path:
    """Render the repo's version of the template with the repo's answers; returns the folder, in ``folder``.

    Among the `shared_clones`, the same is rendered once, and stays until these end.
    ``recorded`` is the text of another answers file, such as that of a commit.
    Raises UserError if the template cannot be reached.
    """
    now = origin_in(recorded) if recorded else origin(repo)
    recorded = recorded or (repo / ANSWERS).read_text(encoding="utf-8-sig")
    answers, part = folder / "answers.yml", folder / "part"
    fresh = (_clones.get() or folder) / f"fresh-{hashlib.sha256(recorded.encode()).hexdigest()}"
    if fresh.is_dir():
        return fresh
    given = "".join(f"{entry}\n" for entry in entries(recorded) if not entry.startswith("_"))
    write_text(answers, given or "{}\n")
    options = ["copy", "--quiet", "--defaults", "--vcs-ref", now.version, "--data-file", str(answers)]
    run_copier([*options, now.source, str(part)], repo)
    shutil.move(part, fresh)
    return fresh


def rendered_files(fresh: Path) -> list[str]:
    """The names of all files in a rendered repo, sorted."""
    return sorted(file.relative_to(fresh).as_posix() for file in fresh.rglob("*") if file.is_file())


def _place(name: str) -> str:
    """What a repo has or never had: the file, or for a file of the sample the whole sample."""
    return _SAMPLE if name.startswith(("datasets/", "notebooks/", f"{_SAMPLE}/")) else name


def _ever_had(repo: Path, place: str) -> bool:
    """Whether the repo has or had this file or folder."""
    return (repo / place).exists() or bool(run_git(repo, "log", "-1", "--format=%H", "--", place).text)


def edited_files(repo: Path, files: Sequence[str]) -> list[str]:
    """Those of the files that HEAD does not have as its version of the template delivers them."""
    recorded = recorded_at(repo, "HEAD")
    with tempfile.TemporaryDirectory(prefix="mlroad-template-") as temporary:
        fresh = render_again(repo, Path(temporary), recorded)
        return [
            name
            for name in files
            if not (fresh / name).is_file() or (fresh / name).read_bytes() != file_at(repo, "HEAD", name)
        ]


def recorded_at(repo: Path, commit: str) -> str:
    """The text of the answers file in a commit; empty if it has none."""
    found = file_at(repo, commit, ANSWERS) or b""
    return found.decode("utf-8-sig").replace("\r\n", "\n")


@contextmanager
def shared_clones() -> Iterator[Path]:
    """Let every run of Copier in this block use the same clone of a version of the template."""
    if outer := _clones.get():
        yield outer
        return
    with tempfile.TemporaryDirectory(prefix="mlroad-template-") as folder:
        token = _clones.set(Path(folder))
        try:
            yield Path(folder)
        finally:
            _clones.reset(token)


def shared_clone(commit: str) -> Path | None:
    """A clone of the template that Copier has made among the `shared_clones`, if it has this commit."""
    clones = _clones.get()
    found = clones.glob("clone-*") if clones else ()
    return next((clone for clone in found if has_commit(clone, commit)), None)


def _python_with_copier() -> list[str]:
    """The start of a command: uv, which runs a Python that has Copier."""
    # On this Python, so that uv does not look for another one.
    command = [find_uv(), "tool", "run", "--quiet", "--python", sys.executable]
    command += ["--exclude-newer", EXCLUDE_NEWER, "--from", COPIER]
    # Otherwise uv asks the package index for each dependency again, which takes half a second.
    offline = [*command, "--offline", "python"]
    tried = subprocess.run([*offline, "-c", "pass"], env=uv_environment(), capture_output=True, check=False)
    return [*command, "python"] if tried.returncode else offline


def run_copier(arguments: Sequence[str], folder: Path) -> None:
    """Run Copier of the version that the template is tested with; its questions go to the terminal.

    Raises UserError if it fails, where Copier itself shows a traceback.
    """
    with shared_clones() as clones:
        # -P: the modules beside the program are mlroad's own.
        program = ["-P", str(Path(__file__).with_name("quick_copier.py"))]
        command = [*_python_with_copier(), *program, str(clones), *arguments]
        # Questions go to standard output, so only standard error is captured.
        result = subprocess.run(
            command,
            cwd=folder,
            env=uv_environment(),
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
        )
    if result.returncode == 0:
        return
    if result.returncode == 130 or "Execution stopped by user" in result.stderr:
        raise KeyboardInterrupt
    said = result.stderr.replace(f"{folder.resolve()}{os.sep}", "")
    # Without the places in Copier's code, which are indented.
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    # Copier raises a bare ValueError for an answer that it does not accept.
    mistake = next((line for line in lines if line.startswith("ValueError: ")), None)
    if mistake:
        raise UserError(f"Copier changed nothing: {mistake.removeprefix('ValueError: ')}")
    fatal = [line for line in said.splitlines() if "fatal: " in line]  # git's, in Copier's report
    reason = (fatal or lines or ["it gave no reason"])[-1].rpartition("fatal: ")[2]
    raise UserError(
        f"Copier failed, and changed nothing: {reason.rstrip('.')}.", "" if fatal else "\n".join(lines[:-1])
    )
