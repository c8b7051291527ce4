"""The tags of releases: v1.2.3, or v1.2.3.4, the fourth one that an organization made on top of v1.2.3."""

from __future__ import annotations

import re
from pathlib import Path

from mlroad.core.git import run_git

VERSION = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2,3}", re.ASCII)


def numbers(version: str) -> list[int]:
    """By which releases are sorted, as Copier and pip sort them."""
    return [int(part) for part in version.removeprefix("v").split(".")]


def release_tags(repo: Path, *of: str) -> list[str]:
    """The tags of the releases, newest first; ``of`` are options of `git tag`, such as ``--merged HEAD``."""
    tags = run_git(repo, "tag", "--list", *of, "v*", check=True).text.split()
    return sorted((tag for tag in tags if VERSION.fullmatch(tag[1:])), key=numbers, reverse=True)
