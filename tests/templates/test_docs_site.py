"""The documentation site: `start.py docs`."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.problems import UserError
from tests.pages.fences import fences
from tests.support import REPO, commit_all, git, tool, tracked_and_new
from tools import start
from tools.docs_site import CONFIG, BuildFailed, build, build_releases, builder

ZENSICAL = tool("zensical")
SETTINGS = tomllib.loads((REPO / CONFIG).read_text(encoding="utf-8"))["project"]
PAGES = [path for path in tracked_and_new(REPO) if path.suffix == ".md" and path.parts[0] == "docs"]


def pages_of(entry: Any) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from pages_of(part)


def command() -> list[str]:
    """What `start.py docs` runs, with the Zensical of this environment."""
    given = builder(Path("uv"))
    return [str(ZENSICAL), *given[given.index("zensical") + 1 :]]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repo with our settings and two pages."""
    repo = tmp_path / "repo"
    (repo / "docs").mkdir(parents=True)
    nav = 'nav = [{ Home = "README.md" }, "other.md"]'
    text = (REPO / CONFIG).read_text(encoding="utf-8")
    text = re.sub(r"nav = \[.*?^\]", nav, text, flags=re.DOTALL | re.MULTILINE)
    (repo / CONFIG).write_text(text, encoding="utf-8")
    (repo / "docs" / "README.md").write_text("# Home\n\n[other](other.md#part)\n", encoding="utf-8")
    (repo / "docs" / "other.md").write_text("# Other\n\n## Part\n\nfirst text\n", encoding="utf-8")
    (repo / ".gitignore").write_text("site/\n.cache/\n", encoding="utf-8")
    git(repo, "init", "--quiet", "--initial-branch", "main")
    commit_all(repo, "one")
    return repo


def test_every_page_is_in_the_navigation_once() -> None:
    """Zensical reports a page that is missing, but not one that no menu leads to."""
    assert sorted(pages_of(SETTINGS["nav"])) == sorted(page.relative_to("docs").as_posix() for page in PAGES)


def misread_lists(text: str) -> list[str]:
    """The lines that GitHub reads as part of a list, and Python-Markdown does not."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return [
        found
        for pattern in (
            r"^ {1,3}(?:```|[-*] |\d+\. |\| ).*|(?<=\n\n) {1,3}\S.*",  # indented by too little
            r"^(?![-*>|#\s]|\d+\. ).+\n(?:- |1\. ).*",  # a list right below a paragraph
            r"^ {4}(?!- |\d+\. )\S.*\n(?:- |\d+\. ).*",  # an item right below a paragraph of an item
        )
        for found in re.findall(pattern, outside, re.MULTILINE)
    ]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_lists_are_written_as_python_markdown_reads_them(page: Path) -> None:
    wrong = misread_lists((REPO / page).read_text(encoding="utf-8"))
    assert wrong == [], f"{page}: indent by 4 spaces what belongs to an item, with an empty line around it"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1. one\n\n   ```\n   code\n   ```\n\n2. two\n", True),
        ("1. one\n\n   more\n", True),
        ("- one\n  - two\n", True),
        ("Some:\n- one\n", True),
        ("1. one\n\n    more\n2. two\n", True),
        ("1. one\n\n    ```\n    code\n    ```\n\n2. two\n", False),
        ("- one line\n  and the next\n- two\n    - three\n- four\n", False),
        ("```\n  - yaml\nkey:\n- item\n```\n", False),
    ],
)
def test_a_list_that_the_site_would_break_is_found(text: str, *, wrong: bool) -> None:
    assert bool(misread_lists(text)) is wrong


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(REPO / "docs", tmp_path / "docs")
    shutil.copy(REPO / CONFIG, tmp_path)
    site = build(tmp_path, command())
    assert len(list(site.rglob("index.html"))) == len(PAGES)
    for page in PAGES:
        name = page.relative_to("docs").with_suffix("").as_posix().replace("README", "")
        shown = (site / name / "index.html").read_text(encoding="utf-8").count("<pre")
        assert shown == len(list(fences(REPO / page, str(page)))), f"{page}: a block is shown as text"
    assert json.loads((site / "search.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("link", ["nowhere.md", "other.md#nowhere", "../CHANGELOG.md"])
def test_a_dead_link_fails_the_build(small: Path, link: str) -> None:
    with (small / "docs" / "other.md").open("a", encoding="utf-8") as page:
        page.write(f"[dead]({link})\n")
    with pytest.raises(BuildFailed, match=r"does not exist[^$]*other\.md") as failed:
        build(small, command())
    assert "Traceback" not in str(failed.value)


def test_each_release_has_its_own_site_and_the_newest_is_latest(small: Path) -> None:
    git(small, "tag", "v0.9.0")
    (small / "docs" / "other.md").write_text("# Other\n\n## Part\n\nsecond text\n", encoding="utf-8")
    commit_all(small, "two")
    git(small, "tag", "v0.10.0")
    (small / "docs" / "other.md").write_text("# Other\n\n## Part\n\nnot released\n", encoding="utf-8")
    site = build_releases(small, command())
    texts = {
        name: (site / name / "other" / "index.html").read_text(encoding="utf-8")
        for name in ("0.9.0", "0.10.0", "latest")
    }
    assert "first text" in texts["0.9.0"]
    assert "second text" in texts["0.10.0"]
    assert texts["latest"] == texts["0.10.0"]
    versions = json.loads((site / "versions.json").read_text(encoding="utf-8"))
    assert [(one["version"], one["aliases"]) for one in versions] == [("0.10.0", ["latest"]), ("0.9.0", [])]
    assert "latest/" in (site / "index.html").read_text(encoding="utf-8")
    # A release that cannot be built leaves the site as it was.
    with pytest.raises(BuildFailed, match=r"v0\.10\.0:\nno"):
        build_releases(small, [sys.executable, "-c", "raise SystemExit('no')"])
    assert json.loads((site / "versions.json").read_text(encoding="utf-8")) == versions
    assert git(small, "worktree", "list").count("\n") <= 1, "the checkouts of the tags are removed"


def test_the_command_reports_what_it_built(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "TEMPLATE", small)
    monkeypatch.setattr(start, "find_uv", lambda: Path("uv"))
    monkeypatch.setattr(start, "builder", lambda _: command())
    assert start.main(["docs"]) == 0
    assert str(small / "site" / "index.html") in capsys.readouterr().out
    (small / "docs" / "README.md").write_text("[dead](nowhere.md)\n", encoding="utf-8")
    assert start.main(["docs"]) == 1
    assert "README.md:1" in capsys.readouterr().err
    assert start.main(["docs", "--releases"]) == 2


def test_without_a_release_it_says_so(small: Path) -> None:
    git(small, "tag", "other-v1")
    with pytest.raises(UserError, match="No release"):
        build_releases(small, command())
