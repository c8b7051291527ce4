"""`mlroad setup`: create the git repo if needed and install its hooks. A second run changes nothing."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mlroad.core.git import run_git, top_folder
from mlroad.core.problems import UserError

CONFIG = ".pre-commit-config.yaml"


def is_generated(root: Path) -> bool:
    """Whether a repo has hooks or workflows, or must have them because it was made from the template."""
    return any((root / name).exists() for name in (".copier-answers.yml", CONFIG, ".github/workflows"))


def set_up(folder: Path, programs: Path) -> Iterator[str]:
    """Create the repo and install its hooks; yields a message for each step.

    Raises UserError if git or prek is missing, or if the hooks would belong to a different repo.
    """
    if not (folder / CONFIG).is_file():
        raise UserError(f"There is no {CONFIG} in {folder}.", "Run this in the root of the repo.")
    prek = _prek(programs)
    if top_folder(folder) is None:
        run_git(folder, "init", "--initial-branch=main", "--quiet", check=True)
        yield "Created a git repo with the branch main."
    top = top_folder(folder)
    if top is None or not top.samefile(folder):
        what = f"This folder is inside the git repo {top}, so the hooks would belong to that repo."
        raise UserError(what, "Move the folder out of that repo, or run `git init` here.")
    hooks = run_git(folder, "config", "--get", "core.hooksPath").text
    if hooks:
        what = f"git uses the hooks in {hooks} (core.hooksPath), so hooks of this repo would never run."
        raise UserError(what, "Run `git config --unset core.hooksPath`, then run this again.")
    done = subprocess.run([prek, "install"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"prek cannot install the hooks: {done.stderr.strip()}", "Fix this, then run the command again."
        )
    _let_hooks_find_tools(folder, programs)
    yield "Installed the hooks: they check every commit."


def _let_hooks_find_tools(folder: Path, programs: Path) -> None:
    """Put the project's environment first in the PATH of the hook.

    So commits from any shell or editor use the project's tools, even if the environment is not active. `pwd`
    converts a Windows path to the form that git's shell needs in PATH. If the environment is gone, PATH stays
    as it is: an empty entry in it would run programs of the folder in which git is called.
    """
    hook = folder / run_git(folder, "rev-parse", "--git-path", "hooks/pre-commit", check=True).text
    place = shlex.quote(programs.as_posix())
    line = f'if found="$(cd {place} 2>/dev/null && pwd)"; then PATH="$found:$PATH"; export PATH; fi\n'
    shebang, _, rest = hook.read_text(encoding="utf-8").partition("\n")
    hook.write_text(f"{shebang}\n{line}{rest}", encoding="utf-8", newline="\n")


def _prek(programs: Path) -> str:
    # First the project's own version, even if its environment is not in the PATH.
    beside = shutil.which("prek", path=os.fspath(programs))
    found = beside or shutil.which("prek")
    if found is None:
        raise UserError("prek is not installed.", "Run `uv sync`, then run this again.")
    return found
