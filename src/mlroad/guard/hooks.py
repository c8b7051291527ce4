"""`mlroad setup`: a git repo with hooks, from whatever is there already. A second run changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mlroad.core.git import run_git, top_folder
from mlroad.core.problems import UserError

CONFIG = ".pre-commit-config.yaml"


def set_up(folder: Path, programs: Path) -> Iterator[str]:
    """Make the repo and install its hooks, and tell what was done.

    Raises UserError when git or prek is missing, and where hooks would guard the wrong repo.
    """
    if not (folder / CONFIG).is_file():
        raise UserError(f"There is no {CONFIG} in {folder}.", "Run this in the top folder of the repo.")
    prek = _prek(programs)
    if top_folder(folder) is None:
        run_git(folder, "init", "--initial-branch=main", "--quiet", check=True)
        yield "Made a git repo with the branch main."
    top = top_folder(folder)
    if top is None or not top.samefile(folder):
        what = f"This folder is inside the git repo {top}, whose hooks would not know it."
        raise UserError(what, "Move the folder out of that repo, or run `git init` here yourself.")
    hooks = run_git(folder, "config", "--get", "core.hooksPath").text
    if hooks:
        what = f"git looks for hooks in {hooks} (core.hooksPath), so ours would never run."
        raise UserError(what, "Run `git config --unset core.hooksPath` and then this again.")
    done = subprocess.run([prek, "install"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"prek cannot install the hooks: {done.stderr.strip()}", "Mend that, and run this again."
        )
    _let_hooks_find_tools(folder, programs)
    yield "The hooks are installed: they guard every commit from now on."


def _let_hooks_find_tools(folder: Path, programs: Path) -> None:
    """Put the project's environment first on the hook's PATH.

    So a commit from a shell or an editor that knows nothing of it, or of uv, runs the project's tools. `pwd`
    turns a Windows path into the form that git's shell can put into a PATH.
    """
    hook = folder / run_git(folder, "rev-parse", "--git-path", "hooks/pre-commit", check=True).text
    line = f'PATH="$(cd "{programs.as_posix()}" && pwd):$PATH"; export PATH\n'
    text = hook.read_text(encoding="utf-8")
    if line not in text:
        shebang, _, rest = text.partition("\n")
        hook.write_text(f"{shebang}\n{line}{rest}", encoding="utf-8", newline="\n")


def _prek(programs: Path) -> str:
    # Beside the interpreter first: the project's own version, also when its environment is not on the PATH.
    beside = shutil.which("prek", path=os.fspath(programs))
    found = beside or shutil.which("prek")
    if found is None:
        raise UserError("prek is not installed.", "Run `uv sync` and then this again.")
    return found
