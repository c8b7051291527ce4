"""Every fenced block of every page: commands run, files are read, and the rest says why not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pages.fences import WrongPage, fences
from tests.pages.readers import read
from tests.pages.walk import EVERYTHING, Walker, check_names, follow
from tests.support import REPO, git, tracked_and_new

ELSEWHERE = {
    "docs/reference/cli.md",  # compared with the commands' own help, which names options of other programs
    "docs/tutorial/datasets.md",  # datasets_tutorial.py
}
PAGES = [
    path.as_posix() for path in tracked_and_new(REPO)
    if path.suffix == ".md" and path.parts[0] in ("docs", "README.md", "CONTRIBUTING.md")
    and path.as_posix() not in ELSEWHERE
]  # fmt: skip
DELIVERED = [
    (template, name) for template in ("prototype", "factory")
    for name in (REPO / f"tests/templates/file_lists/{template}.txt").read_text(encoding="utf-8").splitlines()
    if name.endswith(".md") and not name.startswith(".github/")
]  # fmt: skip


def walk(page: Path, name: str, walker: Walker, reading: Path) -> None:
    """Run a page's commands and read its files. Raises WrongPage."""
    check_names(page.read_text(encoding="utf-8"), name)
    git(reading, "checkout", "--quiet", ".")
    git(reading, "clean", "--quiet", "-fd")
    defined: dict[str, Any] = {"__name__": "page"}
    for fence in follow(list(fences(page, name)), walker):
        read(fence, reading, defined)


def runs(name: str) -> bool:
    """Whether the suite runs commands of this page."""
    return any(
        fence.language in ("bash", "console") and not fence.not_run for fence in fences(REPO / name, name)
    )


def marked(name: str) -> Any:
    try:
        slow = EVERYTHING in os.environ or runs(name)
    except WrongPage:
        slow = False
    return pytest.param(name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("name", [marked(name) for name in PAGES])
def test_page(name: str, walker: Walker, reading: Path) -> None:
    walk(REPO / name, name, walker, reading)


@pytest.mark.slow
@pytest.mark.parametrize(("template", "name"), DELIVERED)
def test_page_of_a_generated_repo(
    template: str, name: str, rendered: Callable[..., Path], walker: Walker, reading: Path
) -> None:
    walker.enter_new(template)
    walk(rendered(template=template) / name, name, walker, reading)
