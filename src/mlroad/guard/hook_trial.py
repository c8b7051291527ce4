"""Commits in a temporary repo with this repo's hooks: do they stop what they must stop?"""

import shutil
import sys
from pathlib import Path

import yaml

from mlroad.core.text import some
from mlroad.guard.guard_settings import Settings
from mlroad.guard.hooks import CONFIG, is_generated
from mlroad.guard.planted_repo import Outcome, code_cell, notebook, plant, planted_repo, run
from mlroad.guard.secret_samples import token

_SET_UP = """
import sys
from pathlib import Path
from mlroad.guard.hooks import set_up
list(set_up(Path(), Path(sys.argv[1])))
"""
# The settings of this repo that the hooks read.
_COPIED = (CONFIG, "ruff.toml", ".gitattributes")


def try_hooks(settings: Settings) -> list[str]:
    """Install this repo's hooks in a temporary repo, as `mlroad setup` does, and try to commit bad files."""
    if not is_generated(settings.root):
        return []
    config = settings.root / CONFIG
    if not config.is_file():
        return [f"{CONFIG} is missing: no hook checks a commit. Restore it: git log -- {CONFIG}"]
    try:
        entries = _entries(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, UnicodeDecodeError):
        return [f"{CONFIG}: no hooks can be read from this file. Restore it: git log -p {CONFIG}"]
    faults: list[str] = []
    for command, planted in (("mlroad guard", _for_guard()), ("ruff check", _FOR_RUFF)):
        ours = [name for name, entry in entries.items() if f"{entry} ".startswith(f"{command} ")]
        if ours:
            skipped = ",".join(sorted(entries.keys() - set(ours)))
            faults += [f"{CONFIG}: {ours[0]}: {fault}" for fault in _try(settings, skipped, planted)]
        else:
            faults.append(f"{CONFIG}: no hook runs `{command}`. Restore it: git log -p {CONFIG}")
    return faults


def _entries(text: str) -> dict[str, str]:
    """The command of each hook that the repo itself defines; an empty one for hooks of other repos."""
    repos = yaml.safe_load(text)["repos"]
    return {hook["id"]: str(hook.get("entry", "")) for repo in repos for hook in repo["hooks"]}


def _for_guard() -> dict[str, tuple[str, str]]:
    """Files in the places where secrets and mistakes end up, and the code that each must be reported with."""
    secret = token("GitHub token")
    line = f"token: {secret}\n"
    marker = f"{'<' * 7} ours\n"
    return {
        "models/planted/steps/connect.py": ("secret", f'connect("{secret}")\n'),
        "models/planted/steps/read.py": ("MR401", 'import pandas as pd\n\npd.read_csv("../data/x.csv")\n'),
        "notebooks/planted.ipynb": ("secret", notebook(code_cell(f'connect("{secret}")'))),
        "notebooks/broken.ipynb": ("notebook-broken", "{\n"),
        "datasets/planted/about.md": ("secret", line),
        ".github/workflows/planted.yml": ("secret", line),
        ".env": ("secret", line),
        "Dockerfile": ("secret", line),
        "-planted.txt": ("secret", line),
        "README.md": ("conflict-marker", marker),
        "ruff.toml.rej": ("rejected-patch", "-a\n"),
    }


_FOR_RUFF = {
    "models/planted/steps/name.py": ("F821", "print(undefined)\n"),
    "models/planted/steps/default.py": ("B006", "def add(one, to=[]):\n    return [*to, one]\n"),
    "models/planted/steps/shell.py": ("S602", 'import subprocess\n\nsubprocess.run("ls", shell=True)\n'),
    "planted.py": ("invalid-syntax", "def area(width:\n"),
}
_HARMLESS = {
    "models/planted/steps/area.py": "def area(width: float) -> float:\n    return width * width\n",
    "notebooks/harmless.ipynb": notebook(code_cell("x = 1")),
    "notes.md": "Harmless.\n",
}


def _try(settings: Settings, skipped: str, planted: dict[str, tuple[str, str]]) -> list[str]:
    with planted_repo(settings, {}) as root:
        for name in _COPIED:
            if (settings.root / name).is_file():
                shutil.copyfile(settings.root / name, root / name)
        installed = run(root, sys.executable, "-c", _SET_UP, str(Path(sys.executable).parent))
        if installed.returncode:
            return [f"the hooks cannot be installed: {installed.stderr.strip().splitlines()[-1]}"]
        harmless = _commit(root, skipped, _HARMLESS)
        if harmless.code:
            return harmless.must_pass()
        done = _commit(root, skipped, {name: text for name, (_, text) in planted.items()})
    missed = [name for name, (code, _) in planted.items() if not done.reports(name, code)]
    faults = [f"does not report {some(missed)}"] if missed else []
    return faults + ([] if done.code else ["the commit went through"])


def _commit(root: Path, skipped: str, files: dict[str, str]) -> Outcome:
    plant(root, files)
    run(root, "git", "add", "--force", "--", *files, check=True)
    done = run(root, "git", "commit", "--quiet", "--message", "selftest", SKIP=skipped)
    return Outcome(done.returncode, (done.stdout + done.stderr).splitlines())
