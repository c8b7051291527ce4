"""`mlroad update` in this process: the real command, without starting Copier and uv as programs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import copier
import copier._template
from click.testing import CliRunner
from copier._cli import CopierApp

from mlroad.cli.main import mlroad
from mlroad.core.git import run_git, unpack
from mlroad.core.problems import UserError
from mlroad.core.quick_copier import clone_once
from mlroad.core.template import origin
from tests.support import IDENTITY, commit_all, git

# A template has only what is rendered.
_RENDERED = (
    "copier.yml", "prototype_template", "factory_template", "pyproject.toml", "CHANGELOG.md",
    "tools/reserved_names.txt", "src/mlroad/steps/step_io.py",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """The output and the exit code of a command."""

    code: int
    text: str


def releases(history: Path, destination: Path, versions: Mapping[str, str]) -> Path:
    """A template with a release (a tag) for each of some commits of its history, oldest first."""
    destination.mkdir(parents=True)
    git(destination, "init", "--quiet", "--initial-branch", "main")
    for tag, commit in versions.items():
        for old in destination.iterdir():
            if old.name != ".git":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        has = git(history, "ls-tree", "--name-only", commit, "--", *_RENDERED).split()
        unpack(run_git(history, "archive", "--format=tar", commit, *has, check=True).data, destination)
        release(destination, tag)
    git(destination, "gc", "--quiet")
    return destination


def release(template: Path, tag: str) -> None:
    """Commit what was changed in a template, as a release."""
    commit_all(template, f"feat: {tag}")
    git(template, "tag", tag)


def new_repo(source: Path, destination: Path, version: str, **answers: Any) -> Path:
    """A repo of this version, committed, without the wheel of mlroad."""
    with _shared_clone(source):
        copier.run_copy(str(source), destination, data=answers, defaults=True, vcs_ref=version, quiet=True)
    git(destination, "init", "--quiet", "--initial-branch", "main")
    commit_all(destination, "Start")
    return destination


def mlroad_in(repo: Path, *arguments: str) -> Said:
    """Run a command in a repo."""
    with contextlib.chdir(repo):
        done = CliRunner().invoke(mlroad, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.output)


def update_in(repo: Path, *arguments: str) -> Said:
    """`mlroad update --defaults` without building the wheel and without `uv sync`."""
    with _one_process(Path(origin(repo).address)):
        return mlroad_in(repo, "update", "--defaults", *arguments)


@contextlib.contextmanager
def _one_process(template: Path) -> Iterator[None]:
    with (
        _shared_clone(template),
        patch.dict(os.environ, IDENTITY),
        patch("mlroad.core.template.run_copier", _copier),
        patch("mlroad.cli.repo.run_copier", _copier),
        patch("mlroad.cli.repo._bring_wheel"),
        patch("mlroad.cli.repo._install"),
        patch("mlroad.cli.repo._call", _sync),
    ):
        yield


@contextlib.contextmanager
def _shared_clone(template: Path) -> Iterator[None]:
    """All updates from the same template take their versions from one clone."""
    state = hashlib.sha256(git(template, "for-each-ref").encode()).hexdigest()[:16]
    clones = template.with_name(f"clones-{os.getpid()}-{state}")
    clones.mkdir(exist_ok=True)
    with patch("copier._template.clone", clone_once(copier._template.clone, clones)):
        yield


def _copier(arguments: Sequence[str], folder: Path) -> None:
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            _, code = CopierApp.run(["copier", *arguments], exit=False)
        except ValueError as error:
            raise UserError(f"Copier changed nothing: {error}") from error
    if code:
        raise UserError(f"Copier failed: {said.getvalue()}")


def _sync(command: Sequence[str], repo: Path) -> int:
    assert list(command[1:]) == ["run", "--no-sync", "mlroad", "sync"]
    return mlroad_in(repo, "sync").code
