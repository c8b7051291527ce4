"""The text of an update's pull request: the changelog between two versions, and what is left to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlroad.core.update_notes import added_entries, update_notes
from tests.support import commit_all, git

OLD = """# Changelog

## Unreleased

### Changed

- The guard is
  quicker.

## 1.0.0

- First.
"""
NEW = """# Changelog

A line about the format.

## Unreleased

### Added

- `mlroad fleet`, see [the page](docs/fleet.md)
  and [Copier](https://copier.example.org).

## 1.1.0

### Changed

- The guard is quicker.
- Gates are stricter.

## 1.0.0

- First.
"""
EXPECTED = """A line about the format.

### Unreleased

#### Added

- `mlroad fleet`, see the page
  and [Copier](https://copier.example.org).

### 1.1.0

#### Changed

- Gates are stricter.
""".splitlines()


def test_only_what_is_new_is_listed_below_its_headings() -> None:
    assert added_entries(OLD, NEW) == EXPECTED
    assert added_entries(NEW, NEW) == []
    assert added_entries("", OLD)[-1] == "- First."


@given(st.lists(st.text("abc", min_size=3), unique=True), st.data())
def test_exactly_the_added_items_are_listed(items: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(items), unique=True)) if items else []
    old, new = ("## 1\n\n" + "".join(f"- {it}\n" for it in its) for its in (kept, items))
    found = [line[2:] for line in added_entries(old, new) if line.startswith("- ")]
    assert found == [it for it in items if it not in kept]


def test_a_long_changelog_is_cut_between_entries() -> None:
    found = added_entries("", "# Changes\n\n" + "- one of many entries\n" * 10_000)
    assert sum(map(len, found)) < 60_000
    assert set(found[2:-2]) == {"- one of many entries"}
    assert found[-1] == "The rest is in the template's CHANGELOG.md."


@pytest.fixture
def template(tmp_path: Path) -> Path:
    repo = tmp_path / "template"
    repo.mkdir()
    git(repo, "init", "--quiet")
    for tag, text in (("v0", None), ("v1", OLD), ("v2", NEW)):
        if text:
            (repo / "CHANGELOG.md").write_text(text, encoding="utf-8")
        commit_all(repo, tag)
        git(repo, "tag", tag)
    return repo


def test_the_text_of_the_pull_request(template: Path, tmp_path: Path) -> None:
    text = update_notes(str(template), "v1", "v2", ["ruff.toml:9: Choose.", "Run it again."])
    assert text.startswith("Version v2 of the template, made with `mlroad update`. The version before: v1.\n")
    assert "- ruff.toml:9: Choose.\n- Run it again.\n" in text
    assert "- Gates are stricter.\n" in text
    assert "First" not in text
    assert "- First." in update_notes(str(template), "v0", "v1", [])
    assert "To do" not in update_notes(str(template), "v1", "v1", [])
    assert "has no new entries." in update_notes(str(template), "v2", "v2", [])
    assert "cannot be read: " in update_notes(str(template), "v1", "v3", [])
    assert "cannot be read: " in update_notes(str(tmp_path / "gone"), "v1", "v2", [])
