"""Runs Copier in Copier's own environment, without work that it repeats: `run_copier` starts this file.

For an update, Copier clones the template five times, asks git for a setting for each file that it renders,
and collects the variables and compiles the text for each part of each path. Each of them is done once here,
and folders that no template needs are not written to the disk; what is rendered is the same.
After an update the new version is rendered too, because `mlroad update` compares the repo with it.
The functions belong to the version of Copier that `mlroad.core.template` names.
"""

from __future__ import annotations

import contextlib
import functools
import gc
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


def _compile_once(compile_: Callable[..., Any]) -> Callable[..., Any]:
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


def clone_once(clone: Callable[..., str], folder: Path) -> Callable[..., str]:
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


def _look_in_git(read: Callable[..., Any]) -> Callable[..., Any]:
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


def _refuse_other_kinds(allowed: Callable[..., bool]) -> Callable[..., bool]:
    """Copier's method that is asked before it writes: it fails if a folder is in the place of a file."""

    def checked(self: _main.Worker, name: Path, is_dir: bool = False, **options: Any) -> bool:
        file = self.subproject.local_abspath / name
        there = "folder" if is_dir else "file"
        here = "folder" if file.is_dir() else "file" if file.exists() else there
        if file.is_symlink():  # Copier keeps one to a file, and writes through one to a folder
            here = "link" if is_dir else there
        if here != there:
            raise ValueError(
                f"{name.as_posix()}: You have a {here} here, and the template has a {there}. "
                "Rename yours, commit that, and update again."
            )
        return allowed(self, name, is_dir=is_dir, **options)

    return checked


def _refuse_unknown(update: Callable[..., None]) -> Callable[..., None]:
    """Copier's method for an update, which ignores an answer to a question that does not exist."""

    def checked(self: _main.Worker) -> None:
        asked = self.template.questions_data.items()
        known = [name for name, question in asked if question.get("when") is not False]
        for name in self.data:
            if name not in known:
                fix = f"The questions are {', '.join(known)}."
                raise ValueError(f"--data {name}=…: there is no such question. {fix}")
        update(self)

    return checked


@functools.cache
def _ignores_bits(folder: Path) -> bool:
    command = ["git", "-C", os.fspath(folder), "config", "--type=bool", "--get", "core.fileMode"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "false"


def _ask_once(get_git: Callable[..., Any]) -> Callable[..., Any]:
    """Copier's way to git for questions about a version of the template: the answers do not change."""

    @functools.cache
    def answer(context_dir: Path, *arguments: str) -> str:
        return str(get_git(context_dir)(*arguments))

    return lambda context_dir: functools.partial(answer, context_dir)


def _keep_context(render: Callable[..., None]) -> Callable[..., None]:
    """Copier's method that renders all files: they have the same variables, so these are collected once."""

    def rendered(self: _main.Worker) -> None:
        collect = self._render_context
        self.__dict__[_PATH] = self.answers_relpath
        context = collect()
        phase = _main.Phase.current()
        # Copier reads a file of ``_external_data`` when it is needed, in another phase.
        self.__dict__["_render_context"] = lambda: context if _main.Phase.current() == phase else collect()
        try:
            render(self)
        finally:
            del self.__dict__[_PATH], self.__dict__["_render_context"]

    return rendered


def _modes_once(read: functools.cached_property[Any]) -> property:
    """Copier's property with the permissions of all files of a version."""
    found: dict[Path, Any] = {}

    def modes(self: _template.Template) -> Any:
        if self.local_abspath not in found:
            found[self.local_abspath] = read.func(self)
        return found[self.local_abspath]

    return property(modes)


_PATH = "path of the answers file"


def _keep_path(path: property) -> property:
    """Copier's property, which renders the path of the answers file: it is known while files are rendered."""
    assert path.fget
    read = path.fget

    def known(self: _main.Worker) -> Any:
        if _PATH not in self.__dict__:
            return read(self)
        self.jinja_env.preprocess("")  # Copier forgets the last tag `yield` there
        return self.__dict__[_PATH]

    return property(known)


def _no_template_needed(render: Callable[..., str]) -> Callable[..., str]:
    """Copier's method that renders a part of a path: most have nothing to render."""

    def rendered(self: _main.Worker, string: str, extra_context: dict[str, Any] | None = None) -> str:
        jinja = self.jinja_env
        starts = (jinja.variable_start_string, jinja.block_start_string, jinja.comment_start_string)
        by_line = jinja.line_statement_prefix or jinja.line_comment_prefix
        if by_line or not isinstance(string, str) or any(mark in string for mark in (*starts, "\n", "\r")):
            return render(self, string, extra_context)
        # Copier forgets the last tag `yield` in ``preprocess``.
        return string if jinja.preprocess(string) == string else render(self, string, extra_context)

    return rendered


def _start_repo(self: _main.Worker) -> None:
    """Copier's method for the temporary repos that it compares: hooks of this machine are none of theirs."""
    git = _main.get_git()
    git("init", "--quiet", "--template=")
    git("add", ".")
    self._git_commit()


def _commit_once(_: _main.Worker, message: str = "Rendered") -> None:
    """Copier's method for commits in these repos; it commits twice, with hooks and without."""
    settings = ("-c", f"core.hooksPath={os.devnull}", "-c", "maintenance.auto=false")
    options = ("--quiet", "--allow-empty", "--all", "--no-gpg-sign", "--message", message)
    _main.get_git()(*settings, "commit", *options)


def quicken(clone: Callable[..., str]) -> None:
    """Replace what is slow in Jinja and Copier in this process, and Copier's function that clones."""
    worker = _main.Worker
    for owner, name, new in (
        (Environment, "compile", _compile_once(Environment.compile)),
        (FileSystemLoader, "get_source", _look_in_git(FileSystemLoader.get_source)),
        (_template, "clone", clone),
        (_template, "get_git", _ask_once(_template.get_git)),
        (_template, "get_repo", functools.cache(_template.get_repo)),
        (_template, "load_template_config", functools.cache(_template.load_template_config)),
        (_template.Template, "git_index_modes", _modes_once(_template.Template.git_index_modes)),
        (worker, "_sync_git_index_executable_bit", _sync_if_needed(worker._sync_git_index_executable_bit)),
        (worker, "_render_allowed", _refuse_other_kinds(worker._render_allowed)),
        (worker, "run_update", _refuse_unknown(worker.run_update)),
        (worker, "_render_template", _keep_context(worker._render_template)),
        (worker, "_render_string", _no_template_needed(worker._render_string)),
        (worker, "answers_relpath", _keep_path(worker.answers_relpath)),
        (worker, "_git_initialize_repo", _start_repo),
        (worker, "_git_commit", _commit_once),
    ):
        setattr(owner, name, new)


def main() -> None:
    """Run Copier; the first argument is the folder for the clones, and the others are Copier's."""
    clones = Path(sys.argv.pop(1))
    quicken(clone_once(_template.clone, clones))
    gc.disable()  # this process ends soon
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
