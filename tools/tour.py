"""`start.py tour`: a template, both repos in one folder, and a model's way through them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.tour_steps import all_steps, repo_python
from tools.tour_walk import LOGS, REPOS, TourFailed, Walk

PAGE = "tour.html"
RECORD = "tour.json"
_PAGE_PROGRAM = Path(__file__).parent / "tour_page.py"
# Variables that change what the commands do: those of a job on GitHub, of a cloud, and of another registry.
_DROPPED = ("GITHUB_", "GIT_", "MLFLOW_", "MLROAD_", "AZURE_", "PYTHON", "COLUMNS", "FORCE_COLOR")

_UV_FOLDERS = {"CACHE": ("cache", "dir"), "PYTHON_INSTALL": ("python", "dir")}


def walk_tour(folder: Path, source: Path, uv: Path, environment: Mapping[str, str]) -> Path:
    """Take all steps in an empty folder; returns the page. ``source`` is the template's clone.

    Raises TourFailed if a step did not do what it says. The page then shows how far the tour came.
    """
    walk = Walk(folder, tour_environment(environment, uv, folder / ".cache"))
    try:
        clone, *others = all_steps(walk, source)
        walk.take(clone, of=len(others) + 1)
        copy_uv(uv, folder / "template")
        for step in others:
            walk.take(step, of=len(others) + 1)
    finally:
        page = write_page(walk)
    if page is None:
        raise TourFailed(f"the page {folder / PAGE} was not written")
    return page


def tour_environment(environment: Mapping[str, str], uv: Path, cache: Path) -> dict[str, str]:
    """The variables for all commands. `uv` is on the PATH, and git reads the settings of the repos alone.

    Caches are in the folder ``cache``, so that the home folder stays as it is. uv keeps its own two: without
    them, it would download everything again.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(_DROPPED)}
    own = {f"UV_{what}_DIR": _told(uv, environment, *words) for what, words in _UV_FOLDERS.items()}
    return kept | {
        **own,
        "PATH": os.pathsep.join([str(uv.parent), environment.get("PATH", os.defpath)]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",  # it would keep a number of this machine in the home folder
        "PYTHONUTF8": "1",
        "UV_TOOL_DIR": str(cache / "uv-tools"),
        "XDG_CACHE_HOME": str(cache),
    }


def _told(uv: Path, environment: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        [uv, *words], env=environment, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()


def copy_uv(uv: Path, clone: Path) -> None:
    """Give the clone the uv that is here, so that its start.py does not download one."""
    to = clone / ".tools" / "bin"
    to.mkdir(parents=True)
    shutil.copy2(uv, to)
    shutil.copy2(uv.parent.parent / "installed.txt", to.parent)


def write_page(walk: Walk) -> Path | None:
    """Write the record and the page; None if no repo with the tool is there, whose Python could render it."""
    record = {
        "folder": str(walk.folder),
        "seconds_in_all": walk.seconds,
        "steps": walk.steps,
        "links": {**walk.links, **{name: name for name in (*REPOS, LOGS)}},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (walk.folder / RECORD).write_text(text, encoding="utf-8", newline="\n")
    for repo in reversed(REPOS[1:]):
        python = repo_python(walk.folder / repo)
        if python.is_file():
            command = [str(python), str(_PAGE_PROGRAM), str(walk.folder / RECORD), str(walk.folder / PAGE)]
            if subprocess.run(command, check=False).returncode == 0:
                return walk.folder / PAGE
    return None
