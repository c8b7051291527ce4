"""`mlroad setup` and `mlroad update`: set up a repo, and update it to a newer version of the template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click

from mlroad.core.carry_edits import carry_edits
from mlroad.core.code_owners import add_missing_owners
from mlroad.core.files import write_output
from mlroad.core.git import dirty_files, run_git
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.core.standards import checked_origin, delivered, versions_of
from mlroad.core.template import (
    ANSWERS,
    Origin,
    bring_new_files,
    edited_files,
    origin,
    run_copier,
    shared_clones,
)
from mlroad.core.text import quoted, some
from mlroad.core.update_notes import update_notes
from mlroad.core.uv_program import find_uv, note_uv, uv_environment
from mlroad.core.wheel import SUMS, is_intact, put_wheel, wheel_named
from mlroad.core.working_copy import WorkingCopy, working_copy
from mlroad.guard.hooks import set_up


@click.command()
def setup() -> None:
    """Set up this repo after a copy or a clone.

    Builds the wheel of mlroad if vendor/ does not have it, installs the environment with `uv sync`, and
    installs the git hooks. What is there already stays, so it can run again at any time.

    \b
    uv run mlroad setup
    uvx --from "git+https://github.com/my-org/ml-road" mlroad setup      before there is a wheel

    Exit codes: 0 done, 2 something is missing.
    """
    repo = root_here()
    _bring_wheel(repo)
    _remove_leftovers(repo)
    _install(repo)
    for done in set_up(repo, _programs(repo)):
        click.echo(done)


@click.command()
@click.option("--to", "version", metavar="VERSION", help="A tag or commit (default: the newest version).")
@click.option("-d", "--data", metavar="NAME=VALUE", multiple=True, help="Change an answer. Repeatable.")
@click.option("--defaults", is_flag=True, help="Ask nothing; new questions get their default answers.")
@click.option(
    "--notes",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what is new and what is left to do, as the text of a pull request.",
)
def update(version: str | None, data: tuple[str, ...], defaults: bool, notes: Path | None) -> None:
    """Update this repo to the newest version of its template.

    Runs `copier update`, builds the new wheel of mlroad, installs it, and runs `mlroad sync`. Your edits are
    merged; where you and the template changed the same lines, both stay between conflict markers, and the
    files are listed. Files that another answer deletes are listed before. Without a terminal it asks nothing.

    \b
    mlroad update                        to the newest version
    mlroad update --to v1.4.0            to a certain version
    mlroad update --data toolkit=git     with another answer to a question of the template
    mlroad update --notes ../notes.md    with the template's changelog between the two versions in a file

    Exit codes: 0 done, 1 there are conflicts to resolve, 2 something is missing, or a wrong argument.
    """
    repo = root_here()
    before = checked_origin(repo)
    _refuse_changes(repo)
    if notes and not notes.parent.is_dir():
        raise UserError(f"{notes}: There is no folder {notes.parent}.", "Create it, or name another file.")
    if wrong := [answer for answer in data if "=" not in answer]:
        raise UserError(f"--data {wrong[0]}: This is not an answer.", "Write NAME=VALUE.")
    click.echo(f"Updating from version {before.version} with the template at {before.shown}.")
    arguments = ["update", "--quiet", "--conflict", "inline", "--skip-answered"]
    if version:
        arguments += ["--vcs-ref", version]
    asks = not defaults and sys.stdin.isatty() and sys.stdout.isatty()
    if not asks:
        arguments.append("--defaults")
    for answer in data:
        arguments += ["--data", answer]
    with shared_clones():
        with working_copy(repo) as copy:
            try:
                run_copier(arguments, copy.repo)
            except UserError:
                versions_of(before.address)  # says more, if the template cannot be reached
                raise
            if data:
                _tell_deletions(copy.repo, ask=asks)
            told, conflicts = _finish(repo, copy)
        for message in told:
            click.echo(message)
        to_do = [_conflict(repo, name) for name in conflicts]
        if {"pyproject.toml", ".copier-answers.yml"} & set(conflicts):
            to_do.append("Then run `mlroad setup` and `mlroad sync`.")
            _end(repo, before, to_do, notes)
        if not dirty_files(repo):
            click.echo(f"Nothing to do: {before.version} is the newest version.")
            return
        _bring_wheel(repo)
    _make_way(repo)
    _install(repo)
    click.echo("Writing the generated parts of the models (mlroad sync).")
    # Run the newly installed version, not the one that runs this command.
    synced = _call([find_uv(), "run", "--no-sync", "mlroad", "sync"], repo) == 0
    click.echo(f"Updated to version {origin(repo).version}. See what changed: git status; git diff HEAD")
    if not synced:
        to_do.append("`mlroad sync` failed: see its message. Run it again when that is fixed.")
    _end(repo, before, to_do, notes)


def _finish(repo: Path, copy: WorkingCopy) -> tuple[list[str], list[str]]:
    """What Copier does not do: returns what to tell, and the files with conflicts."""
    with delivered(copy.repo) as standards:
        carried = carry_edits(copy.repo, standards)
        told = copy.bring_back()
        told += [
            f"{name}: Added, because this repo never had it."
            for name in bring_new_files(repo, standards.folder)
        ]
    _remove_leftovers(repo)
    told += carried.told
    for path in add_missing_owners(repo, repo / ANSWERS):
        told.append(
            f".github/CODEOWNERS: Added owners of {path}, which it never had. Change them as you like."
        )
    if carried.conflicts:  # so `git diff --check` lists the markers
        run_git(repo, "add", "--intent-to-add", "--force", "--", *carried.conflicts, check=True)
    unmerged = run_git(repo, "diff", "-z", "--name-only", "--relative", "--diff-filter=U").names
    return told, sorted({*unmerged, *carried.conflicts})


def _tell_deletions(copy: Path, ask: bool) -> None:
    """Say which files another answer deletes, before it happens; git keeps them."""
    deleted = run_git(copy, "diff", "-z", "--name-only", "--relative", "--diff-filter=D", "HEAD").names
    if not deleted:
        return
    edited = set(edited_files(copy, deleted))
    click.echo("These answers delete the following files. git keeps them (git show HEAD:FILE):")
    for name in deleted:
        click.echo(f"  {name}{' (you have edited it)' if name in edited else ''}")
    if ask:
        click.confirm("Continue?", abort=True)


def _bring_wheel(repo: Path) -> None:
    """Build the wheel that pyproject.toml names if it is missing. Raises UserError if it was changed."""
    wheel = wheel_named(repo)
    if wheel is None:
        for unused in (repo / "vendor").glob("mlroad-*.whl"):
            unused.unlink()
            (unused.parent / SUMS).unlink(missing_ok=True)
    elif not (repo / wheel).is_file():
        template = origin(repo)
        click.echo(f"Building {wheel.as_posix()} from the template at {template.shown}.")
        put_wheel(repo, wheel, template.address)
    elif not is_intact(repo, wheel):
        what = f"{wheel.as_posix()}: Its SHA-256 is not the one in {SUMS}."
        fix = "Restore both (git checkout -- vendor), or delete the wheel to have it built again."
        raise UserError(what, fix)


def _install(repo: Path) -> None:
    """`uv sync`, with its own messages."""
    click.echo("Installing the environment (uv sync).")
    uv = find_uv()
    if _call([uv, "sync", "--quiet"], repo):
        raise UserError("`uv sync` failed: see its message above.", "Fix that and run `mlroad setup`.")
    note_uv(repo / ".venv", uv)


def _call(command: list[str], repo: Path) -> int:
    sys.stdout.flush()
    return subprocess.run(command, cwd=repo, env=uv_environment(), check=False).returncode


def _programs(repo: Path) -> Path:
    """The folder of programs in the repo's environment, or that of this Python if prek is missing there."""
    environment = repo.resolve() / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
    own = environment / ("Scripts" if os.name == "nt" else "bin")
    return own if shutil.which("prek", path=os.fspath(own)) else Path(sys.executable).parent


def _make_way(repo: Path) -> None:
    """Rename mlroad.exe: Windows can rename a running program, but cannot replace it."""
    running = _programs(repo) / "mlroad.exe"
    if running.is_file():
        running.replace(running.with_suffix(".old"))


def _refuse_changes(repo: Path) -> None:
    """Raises UserError if anything is not committed: an update can be undone only from a clean state."""
    if changed := dirty_files(repo):
        what = f"There are changes that are not committed: {some(changed)}."
        raise UserError(what, "Commit or stash them first.")


def _remove_leftovers(repo: Path) -> None:
    """Delete folders whose files are all gone from the repo, but for compiled Python that git ignores."""
    deleted = run_git(repo, "diff", "-z", "--name-only", "--relative", "--diff-filter=D", "HEAD").names
    folders = {folder for name in deleted for folder in Path(name).parents if folder != Path()}
    for folder in sorted(folders, key=lambda folder: len(folder.parts)):
        place = repo / folder
        if place.is_dir() and all(_is_compiled(file) for file in place.rglob("*") if file.is_file()):
            shutil.rmtree(place)


def _is_compiled(file: Path) -> bool:
    return file.suffix == ".pyc" and file.parent.name == "__pycache__"


def _conflict(repo: Path, name: str) -> str:
    """What to do about a conflict, in the usual form of messages."""
    lines = (repo / name).read_text(encoding="utf-8", errors="replace").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.startswith("<" * 7)), 1)
    return (
        f"{name}:{line}: You and the template changed the same lines. "
        f"Choose between the markers, then run `git add {quoted(name)}`."
    )


def _end(repo: Path, before: Origin, to_do: list[str], notes: Path | None) -> NoReturn:
    """Print what is left to do, write the notes, and exit."""
    for it in to_do:
        click.echo(it)
    if notes:
        write_output(notes, update_notes(before.address, before.version, origin(repo).version, to_do))
    sys.exit(1 if to_do else 0)
