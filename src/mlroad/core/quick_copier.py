"""Runs Copier in Copier's own environment, without work that it repeats: `run_copier` starts this file.

For an update, Copier clones the template five times, asks git for a setting for each file that it renders,
and compiles each part of each path again. Each of them is done once here; what is rendered is the same.
After an update the new version is rendered too, because `mlroad update` compares the repo with it.
The functions belong to the version of Copier that `mlroad.core.template` names.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from copier import _main, _template
from copier._cli import CopierApp
from jinja2 import Environment


def compile_once(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """Jinja's method that compiles, for paths and answers: it keeps what it has compiled."""
    codes: dict[tuple[Any, ...], Any] = {}

    def compiled(self: Environment, source: Any, *arguments: Any, **options: Any) -> Any:
        key = (source, self.variable_start_string, self.keep_trailing_newline, *self.extensions)
        if not isinstance(source, str) or arguments or options:  # a file has a name
            return compile_(self, source, *arguments, **options)
        if key in codes:
            self.preprocess(source)  # Copier forgets the last tag `yield` there
        else:
            codes[key] = compile_(self, source)
        return codes[key]

    return compiled


def _clone_once(clone: Callable[..., str], folder: Path) -> Callable[..., str]:
    """Copier's function that clones the template: one clone in ``folder`` for each version."""

    def cloned(url: str, ref: str = "HEAD", location: str | None = None) -> str:  # noqa: ARG001
        # Copier removes ``location`` after each render, so the clone is somewhere else.
        name = hashlib.sha256(f"{ref} {url}".encode()).hexdigest()[:16]
        place = folder / name
        if not place.is_dir():
            place.mkdir()
            clone(url, ref, location=os.fspath(place))
        return os.fspath(place)

    return cloned


def _sync_if_needed(sync: Callable[..., None]) -> Callable[..., None]:
    """Copier's method for executable bits: it is needed only where git ignores the bits on the disk."""

    def synced(self: _main.Worker, file: Path, mode: int) -> None:
        if _ignores_bits(self.subproject.local_abspath):
            sync(self, file, mode)

    return synced


@functools.cache
def _ignores_bits(folder: Path) -> bool:
    command = ["git", "-C", os.fspath(folder), "config", "--type=bool", "--get", "core.fileMode"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "false"


def main() -> None:
    """Run Copier; the first argument is the folder for the clones, and the others are Copier's."""
    clones = Path(sys.argv.pop(1))
    Environment.compile = compile_once(Environment.compile)  # type: ignore[method-assign]
    _template.clone = _clone_once(_template.clone, clones)
    _main.Worker._sync_git_index_executable_bit = _sync_if_needed(_main.Worker._sync_git_index_executable_bit)
    _, code = CopierApp.run(["copier", *sys.argv[1:]], exit=False)
    if code == 0 and sys.argv[1] == "update":
        _render_updated(clones)
    sys.exit(code)


def _render_updated(clones: Path) -> None:
    """Render what `mlroad.core.template.render_again` would render now, and leave it where it looks first."""
    text = Path(".copier-answers.yml").read_text(encoding="utf-8")
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
