"""Check that the running mlroad is the version that the repo's pyproject.toml names."""

import json
import re
from pathlib import Path

import mlroad
from mlroad.core.problems import Position, Problem

# What each answer to the question `toolkit` writes: a wheel's file name, a commit, or a version.
_NAMED = re.compile(
    r'^mlroad = \{ path = "[^"]*mlroad-(?P<wheel>[^-"]+)-[^"]*"'
    r'|^mlroad = \{ git = "[^"]*", rev = "(?P<commit>[0-9a-f]{40})"'
    r'|^tools = \["mlroad[^"=]*==(?P<version>[^"]+)"',
    re.MULTILINE,
)


def check_tool_version(root: Path) -> list[Problem]:
    """A warning if pyproject.toml names another version: then `uv sync` has not run since it changed."""
    installed = Path(mlroad.__file__).parents[1] / f"mlroad-{mlroad.__version__}.dist-info"
    file = root / "pyproject.toml"
    if not installed.is_dir() or not file.is_file():  # run from its source: that has no version to compare
        return []
    text = file.read_text(encoding="utf-8", errors="replace")
    named = _NAMED.search(text)
    if named is None:
        return []
    expected = named["wheel"] or named["version"] or named["commit"]
    actual = _commit(installed) if named["commit"] else mlroad.__version__
    if expected == actual:
        return []
    return [
        Problem(
            Position(file, text.count("\n", 0, named.start()) + 1),
            "MR601",
            f"mlroad {actual} is installed, but the repo uses {expected}.",
            "Run `uv sync`.",
            "warning",
        )
    ]


def _commit(installed: Path) -> str:
    """The commit that uv installed from git."""
    origin = installed / "direct_url.json"
    if not origin.is_file():
        return "no commit"
    found = json.loads(origin.read_text(encoding="utf-8"))
    return str(found.get("vcs_info", {}).get("commit_id", "no commit"))
