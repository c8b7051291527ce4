"""The steps of the tour: tour.toml with everything filled in that depends on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mlroad.core.git import dirty_files
from mlroad.core.text import quoted
from tools.tour_checks import QUESTION, STANDARD, Checks
from tools.tour_walk import PYTHON, NotDone, Step, Walk

_HERE = Path(__file__).parent
_IDENTITY = ['git config user.name "ML Road tour"', "git config user.email tour@example.invalid"]
"""For one repo: the settings of the person who takes the tour stay as they are."""
_UPDATE = [
    "git switch --quiet --create update-standards",
    "uv run mlroad update --defaults",
    f"git diff HEAD -- {STANDARD}",
    "uv run mlroad guard --all",
    "uv run mlroad check",
    "git add --all",
    'git commit --message "chore: update the standards"',
]


def all_steps(walk: Walk, source: Path) -> list[Step]:
    """All steps. ``source`` is the clone of ML Road that start.py is in."""
    release, following = releases(source)
    words = {"release": release, "following": following, "question": QUESTION, "standard": STANDARD}
    words |= {"python": PYTHON}
    lists = {
        "{clone}": lambda: _clone(source, release),
        "{identity}": lambda: _IDENTITY,
        "{update}": lambda: _UPDATE,
        "{pull request}": lambda: pull_request_commands(walk.folder / "factory"),
    }
    checks = Checks(walk, release, following)
    listed = tomllib.loads((_HERE / "tour.toml").read_text(encoding="utf-8"))["steps"]
    return [
        Step(
            title=step["title"],
            why=" ".join(step["why"].split()).format(**words),
            commands=partial(_filled_in, step["commands"], words, lists),
            check=partial(getattr(checks, step["check"][0]), *step["check"][1:]),
            takes_from=step.get("takes_from", ""),
            exits=step.get("exits", {}),
        )
        for step in listed
    ]


def _filled_in(
    commands: Sequence[str], words: dict[str, str], lists: dict[str, Callable[[], list[str]]]
) -> list[str]:
    found: list[str] = []
    for command in commands:
        found += lists[command]() if command in lists else [command.format(**words)]
    return found


def releases(source: Path) -> tuple[str, str]:
    """The tag of the tour's template, and that of its next release."""
    text = (source / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(\d+)\.(\d+)\.(\d+)', text, re.MULTILINE)
    assert found is not None
    major, minor, patch = map(int, found.groups())
    return f"v{major}.{minor}.{patch}", f"v{major}.{minor + 1}.0"


def _clone(source: Path, release: str) -> list[str]:
    """With what is not committed there: the tour shows the template as it is on this disk."""
    path = quoted(source.as_posix())
    commands = [f"git clone --quiet --no-tags {path} template", "cd template", *_IDENTITY]
    if dirty_files(source):
        commands += [
            f"git --git-dir=.git --work-tree={path} add --all",
            'git commit --quiet --message "chore: what was not committed"',
            "git reset --quiet --hard",
        ]
    return [*commands, "git remote remove origin", f"git tag {release}", "cd .."]


def pull_request_commands(factory: Path) -> list[str]:
    """Those of the factory's pr.yml. Its own Python reads them: this one may have no YAML."""
    program, workflow = _HERE / "pull_request_commands.py", factory / ".github" / "workflows" / "pr.yml"
    command = [str(repo_python(factory)), str(program), str(workflow), "diabetes"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise NotDone(f"{workflow}: the commands could not be read: {done.stderr.strip()}")
    commands: list[str] = json.loads(done.stdout)
    return commands


def repo_python(repo: Path) -> Path:
    """The Python of a repo's environment, which has the tool and its libraries."""
    windows = repo / ".venv" / "Scripts" / "python.exe"
    return windows if windows.is_file() else repo / ".venv" / "bin" / "python"
