"""Runs Copier in Copier's own environment, without work that it repeats: `run_copier` starts this file.

For an update, Copier clones the template five times, asks git for a setting for each file that it renders,
and compiles each file and each part of each path again. Each of them is done once here, and folders that no
template needs are not written to the disk; what is rendered is the same.
After an update the new version is rendered too, because `mlroad update` compares the repo with it.
The functions belong to the version of Copier that `mlroad.core.template` names.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from copier import _main, _template
from copier._cli import CopierApp
from jinja2 import Environment, FileSystemLoader, TemplateNotFound

_NOT_RENDERED = ("docs", "src", "tests")
"""Folders of the template's repo that are large. What a template includes from them is taken out of git."""


def compile_once(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's method that compiles: it keeps what it has compiled."""
    codes: dict[tuple[Any, ...], Any] = {}

    def compiled(
        self: Environment, source: Any, name: Any = None, filename: Any = None, **options: Any
    ) -> Any:
        if not isinstance(source, str) or options:
            return compile_(self, source, name, filename, **options)
        # A version's files are the same in each of its work trees.
        key = (source, name, self.variable_start_string, self.keep_trailing_newline, *self.extensions)
        if key in codes:
            self.preprocess(source)  # Copier forgets the last tag `yield` there
        else:
            codes[key] = compile_(self, source, name, filename)
        return codes[key]

    return compiled


def _clone_once(clone: Callable[..., str], folder: Path) -> Callable[..., str]:
    """Copier's function that clones the template: one clone, and a work tree for each version."""

    def cloned(url: str, ref: str = "HEAD", location: str | None = None) -> str:  # noqa: ARG001
        # Copier removes ``location`` after each render, so the work tree is somewhere else.
        place = folder / _name(f"{ref} {url}")
        if place.is_dir():
            return os.fspath(place)
        if ref == "HEAD":  # Copier adds what is not committed
            place.mkdir()
            return clone(url, ref, location=os.fspath(place))
        whole = folder / f"clone-{_name(url)}"
        if not whole.is_dir():
            _git(folder, "clone", "--no-checkout", "--filter=blob:none", "--", url, os.fspath(whole))
        _check_out(whole, ref, place)
        return os.fspath(place)

    return cloned


def _check_out(whole: Path, ref: str, place: Path) -> None:
    """Make a work tree of a version, without folders that only the template's own repo needs."""
    commit = find_commit(whole, ref)
    _git(whole, "worktree", "add", "--no-checkout", "--detach", os.fspath(place), commit)
    check_out_rendered(place, commit)


def check_out_rendered(place: Path, commit: str) -> None:
    """Check a commit out in a work tree without files, as far as templates need it."""
    settings = _git(place, "show", f"{commit}:copier.yml")
    rendered = re.search(r"^_subdirectory: *(.+)$", settings, re.MULTILINE)
    left_out = [name for name in _NOT_RENDERED if rendered and name not in rendered[1]]
    patterns = Path(place, _git(place, "rev-parse", "--git-path", "info/sparse-checkout").strip())
    patterns.parent.mkdir(exist_ok=True)
    patterns.write_text("/*\n" + "".join(f"!/{name}/\n" for name in left_out), encoding="utf-8")
    _git(place, "-c", "core.sparseCheckout=true", "checkout", "--quiet", "--force", "--detach", commit)
    if (place / ".gitmodules").is_file():
        _git(place, "submodule", "update", "--init", "--recursive")


def find_commit(whole: Path, ref: str) -> str:
    """The commit of a tag, of a branch, or of a part of its id, in a clone. Raises ValueError."""
    for name in (ref, f"origin/{ref}"):
        with contextlib.suppress(ValueError):
            options = ("--verify", "--quiet", "--end-of-options")
            return _git(whole, "rev-parse", *options, f"{name}^{{commit}}").strip()
    raise ValueError(f"The template has no version {ref}. `git ls-remote --tags` lists those that it has.")


def look_in_git(read: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's method that reads a file: one that is not in the work tree comes from git."""

    def source(self: FileSystemLoader, environment: Environment, template: str) -> Any:
        try:
            return read(self, environment, template)
        except TemplateNotFound:
            options = ("checkout", "--quiet", "--ignore-skip-worktree-bits", "HEAD", "--", template)
            with contextlib.suppress(ValueError):
                _git(Path(self.searchpath[0]), *options)
                return read(self, environment, template)
            raise

    return source


def _git(folder: Path, *arguments: str) -> str:
    """Run git; returns its output. Raises ValueError, which Copier shows as a mistake of the user."""
    command = ["git", "-C", os.fspath(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ValueError((done.stderr.strip().splitlines() or ["git failed"])[-1])
    return done.stdout


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sync_if_needed(sync: Callable[..., None]) -> Callable[..., None]:
    """Copier's method for executable bits: it is needed only where git ignores the bits on the disk."""

    def synced(self: _main.Worker, file: Path, mode: int) -> None:
        if _ignores_bits(self.subproject.local_abspath):
            sync(self, file, mode)

    return synced


def refuse_other_kinds(allowed: Callable[..., bool]) -> Callable[..., bool]:
    """Copier's method that is asked before it writes: it fails if a folder is in the place of a file."""

    def checked(self: _main.Worker, name: Path, is_dir: bool = False, **options: Any) -> bool:
        file = self.subproject.local_abspath / name
        if file.exists() and not file.is_symlink() and file.is_dir() != is_dir:
            here, there = ("file", "folder") if is_dir else ("folder", "file")
            raise ValueError(
                f"{name.as_posix()}: You have a {here} here, and the template has a {there}. "
                "Rename yours, commit that, and update again."
            )
        return allowed(self, name, is_dir=is_dir, **options)

    return checked


@functools.cache
def _ignores_bits(folder: Path) -> bool:
    command = ["git", "-C", os.fspath(folder), "config", "--type=bool", "--get", "core.fileMode"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "false"


def main() -> None:
    """Run Copier; the first argument is the folder for the clones, and the others are Copier's."""
    clones = Path(sys.argv.pop(1))
    Environment.compile = compile_once(Environment.compile)  # type: ignore[method-assign]
    FileSystemLoader.get_source = look_in_git(FileSystemLoader.get_source)  # type: ignore[method-assign]
    _template.clone = _clone_once(_template.clone, clones)
    _main.Worker._sync_git_index_executable_bit = _sync_if_needed(_main.Worker._sync_git_index_executable_bit)
    _main.Worker._render_allowed = refuse_other_kinds(_main.Worker._render_allowed)
    _, code = CopierApp.run(["copier", *sys.argv[1:]], exit=False)
    if code == 0 and sys.argv[1] == "update":
        _render_updated(clones)
    sys.exit(code)


def _render_updated(clones: Path) -> None:
    """Render what `mlroad.core.template.render_again` would render now, and leave it where it looks first."""
    text = Path(".copier-answers.yml").read_text(encoding="utf-8-sig")
    digest = hashlib.sha256(text.encode()).hexdigest()
    fresh = clones / f"fresh-{digest}"
    if fresh.is_dir():
        return
    recorded = yaml.safe_load(text)
    answers, part = clones / f"{digest}.yml", clones / f"{digest}.part"
    given = {name: value for name, value in recorded.items() if not name.startswith("_")}
    answers.write_text(yaml.safe_dump(given), encoding="utf-8")
    options = ["copy", "--quiet", "--defaults", "--vcs-ref", recorded["_commit"], "--data-file", str(answers)]
    _, code = CopierApp.run(["copier", *options, recorded["_src_path"], str(part)], exit=False)
    if code == 0:
        part.rename(fresh)


if __name__ == "__main__":
    main()
