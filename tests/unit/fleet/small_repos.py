"""Small git repos as the template makes them, without rendering, and a program in place of `gh`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support import commit_all, git

RELEASES = ("v1.0.0", "v1.1.0", "v1.2.0")
CONTRACT = "CONTRACT: int = {}\n"


def make_template(folder: Path, *tags: str) -> Path:
    """A template without content."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit_all(folder, "Start")
    for tag in tags:
        git(folder, "tag", tag)
    return folder


def make_clone(
    folder: Path,
    template: Path | str,
    version: str,
    *,
    factory: str = "",
    remote: str = "",
    contract: int = 2,
) -> Path:
    """A repo with one model; ``factory`` is the content of factory.yml."""
    files = {
        ".copier-answers.yml": f"# Copier\n_commit: {version}\n_src_path: {template}\ntemplate: x\n",
        "models/churn/pipeline.yml": "type: pipeline\n",
        "models/churn/steps/step_io.py": CONTRACT.format(contract),
        "models/README.md": "Models\n",
        **({"factory.yml": factory} if factory else {}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit_all(folder, "Start")
    if remote:
        git(folder, "remote", "add", "origin", remote)
    return folder


GH = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
with open({log!r}, "a", encoding="utf-8") as log:
    log.write(json.dumps(words) + "\\n")
answer = json.loads(pathlib.Path({answers!r}).read_text(encoding="utf-8"))
found = next((value for key, value in answer.items() if " ".join(words).startswith(key)), "")
if found is None:
    sys.exit("gh: HTTP 404: not found")
print(found)
"""


def put_gh(folder: Path) -> tuple[Path, Path]:
    """A `gh` in ``folder`` that records its arguments; returns the record, and the file with its answers.

    The answers are JSON: the beginning of the arguments, and what is printed. null means that gh fails.
    """
    log, answers = folder / "gh.log", folder / "answers.json"
    program = folder / "gh"
    text = GH.format(python=sys.executable, log=os.fspath(log), answers=os.fspath(answers))
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    answers.write_text("{}", encoding="utf-8")
    return log, answers
