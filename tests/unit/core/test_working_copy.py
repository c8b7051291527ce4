"""What an update brings back from its second work tree."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlroad.core.working_copy import working_copy
from tests.support import commit_all, git


def _started(repo: Path, name: str, text: str) -> Path:
    """A repo with one committed file."""
    repo.mkdir()
    git(repo, "init", "--quiet")
    (repo / name).write_text(text, encoding="utf-8")
    commit_all(repo, "Start")
    return repo


def test_the_content_of_a_submodule_is_never_lost(tmp_path: Path) -> None:
    """Git knows only its commit. A changed file beside it is brought."""
    library = _started(tmp_path / "library", "a.txt", "ours\n")
    repo = _started(tmp_path / "repo", "a.txt", "ours\n")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "tools")
    commit_all(repo, "A submodule")
    with working_copy(repo) as copy:
        shutil.rmtree(copy.repo / "tools")
        (copy.repo / "tools").write_text("the template's\n", encoding="utf-8")
        (copy.repo / "a.txt").write_text("new\n", encoding="utf-8")
        [told] = copy.bring_back()
    assert told.startswith("tools: This is yours")
    assert (repo / "tools/a.txt").read_text(encoding="utf-8") == "ours\n"
    assert (repo / "a.txt").read_text(encoding="utf-8") == "new\n"


def test_nothing_is_written_through_a_link_that_git_ignores(tmp_path: Path) -> None:
    repo, elsewhere = _started(tmp_path / "repo", ".gitignore", "/config\n"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repo / "config").symlink_to(elsewhere)
    with working_copy(repo) as copy:
        (copy.repo / "config").mkdir()
        (copy.repo / "config/a.txt").write_text("the template's\n", encoding="utf-8")
        [told] = copy.bring_back()
    assert told.startswith(
        "config: This is yours, and git does not know it. The template has a file config/a"
    )
    assert not list(elsewhere.iterdir())
