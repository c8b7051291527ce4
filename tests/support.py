"""Helpers for several test areas: a clean clone of the template, renders of it, and programs run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import copier
import copier._template
import yaml
from copier._vcs import CLONE_PREFIX

from mlroad.core.quick_copier import check_out_rendered, find_commit, quicken
from mlroad.core.wheel import put_wheel, wheel_named

REPO = Path(__file__).resolve().parent.parent
IDENTITY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.invalid",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.invalid",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

# In the tests' own process, Copier renders as `mlroad update` lets it: see quick_copier.py.
_clone = copier._template.clone


def _clone_what_is_rendered(url: str, ref: str = "HEAD", location: str | None = None) -> str:
    """Copier's clone, with a tenth of the files."""
    if not Path(url).is_dir() or git(Path(url), "status", "--porcelain").strip():
        return str(_clone(url, ref, location))
    folder = Path(location or tempfile.mkdtemp(prefix=CLONE_PREFIX))
    git(folder, "clone", "--quiet", "--no-checkout", "--", url, ".")
    check_out_rendered(folder, find_commit(folder, ref))
    return str(folder)


quicken(_clone_what_is_rendered)


def call(
    command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program with the caller's environment and a git identity; show its output if it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, **IDENTITY, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if check and result.returncode:
        raise AssertionError(f"{command} exited with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


def git(cwd: Path, *arguments: str) -> str:
    return call(["git", *arguments], cwd).stdout


def commit_all(repo: Path, message: str) -> None:
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)


def tracked_and_new(repo: Path) -> list[Path]:
    """The tracked and untracked (not ignored) files of a working tree, relative to it."""
    listed = git(repo, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({Path(name) for name in listed if name and (repo / name).is_file()})


def clone_template(destination: Path) -> Path:
    """Make a clean clone, packed as by a server. Uncommitted changes become an additional commit.

    It has no tags: tests make their own, and a release of the template must not change which is the newest.
    """
    git(destination.parent, "clone", "--quiet", "--no-local", "--no-tags", str(REPO), str(destination))
    if git(REPO, "status", "--porcelain").strip():
        for old in tracked_and_new(destination):
            (destination / old).unlink()
        for path in tracked_and_new(REPO):
            (destination / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / path, destination / path)
        commit_all(destination, "chore: the working tree")
    return destination


def render(template_repo: Path, destination: Path, ref: str = "HEAD", **answers: Any) -> Path:
    """Render a repo at ``ref``, as `copier copy --defaults` does, and commit it to git with its wheel."""
    copier.run_copy(str(template_repo), destination, data=answers, defaults=True, vcs_ref=ref, quiet=True)
    add_wheel(template_repo, destination)
    git(destination, "init", "--quiet", "--initial-branch", "main")
    commit_all(destination, "Start")
    return destination


_wheels = tempfile.TemporaryDirectory(prefix="mlroad-wheels-")


def add_wheel(template_repo: Path, project: Path) -> None:
    """Add the wheel that a repo names, as `mlroad setup` does. Each wheel is built once."""
    if not (project / "pyproject.toml").is_file() or (wheel := wheel_named(project)) is None:
        return
    kept = Path(_wheels.name) / wheel.stem
    if not kept.is_dir():
        put_wheel(kept, wheel, str(template_repo))
    shutil.rmtree(project / wheel.parent, ignore_errors=True)
    shutil.copytree(kept / wheel.parent, project / wheel.parent)


def update(project: Path, ref: str | None = "HEAD", **answers: Any) -> None:
    """Do what `copier update --defaults` does, without a terminal. Without a ``ref``: to the newest tag."""
    environment = dict(os.environ)
    os.environ.update(IDENTITY)
    try:
        copier.run_update(project, data=answers, defaults=True, overwrite=True, vcs_ref=ref, quiet=True)
        answers_file = (project / ".copier-answers.yml").read_text(encoding="utf-8")
        add_wheel(Path(yaml.safe_load(answers_file)["_src_path"]), project)
    finally:
        os.environ.clear()
        os.environ.update(environment)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a repo, except git's own and the tools' leftovers."""
    skipped = {".git", ".venv", "__pycache__"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not skipped & set(path.relative_to(folder).parts)
    }


def tool(name: str) -> str:
    """The path of a program in the development environment, whether or not it is activated."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    assert found, f"{name} is not installed: run `uv sync`"
    return found


def drop_steps(model: Path, *steps: str) -> None:
    """Leave steps, and their outputs, out of a pipeline, for a test that needs no more than the model."""
    file = model / "pipeline.yml"
    pipeline = yaml.safe_load(file.read_text(encoding="utf-8"))
    for step in steps:
        for output in pipeline["jobs"].pop(step)["outputs"]:
            del pipeline["outputs"][output]
    file.write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
