"""`mlroad update` keeps edits of files that a new version of the template moved or removed."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.standards import delivered
from tests.support import commit_all, git
from tests.templates.whole_update import new_repo, release, update_in

pytestmark = pytest.mark.slow
QUESTIONS = """
_exclude: ["copier.yml", ".git", "{% if not extra %}extra.cfg\\nplain.cfg{% endif %}"]
extra: {type: bool, default: true}
"""
NAMES = (
    "both", "deleted", "elsewhere", "extra", "moved", "other", "plain", "removed", "renamed",
    "renamed_too", "unedited",
)  # fmt: skip


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A small template: files of 20 lines, such as `moved 0` to `moved 19`."""
    made = tmp_path / "a template in a folder with a name so long that Copier writes its path on two lines"
    made.mkdir()
    git(made, "init", "--quiet", "--initial-branch", "main")
    (made / "copier.yml").write_text(QUESTIONS, encoding="utf-8")
    answers = made / "{{ _copier_conf.answers_file }}.jinja"
    answers.write_text("{{ _copier_answers|to_nice_yaml }}", encoding="utf-8")
    for name in NAMES:
        (made / f"{name}.cfg").write_text("".join(f"{name} {line}\n" for line in range(20)), encoding="utf-8")
    for name in ("image.bin", "ours.bin"):
        (made / name).write_bytes(bytes(range(256)) * 9)
    release(made, "v1")
    return made


@pytest.fixture
def repo(template: Path, tmp_path: Path) -> Path:
    return new_repo(template, tmp_path / "models: Äpfel", "v1")


def move(folder: Path, *names: str, to: str = "config/") -> None:
    for name in names:
        target = folder / f"{to}{name}"
        target.parent.mkdir(exist_ok=True)
        (folder / name).rename(target)


def edit(file: Path, line: int, by: str) -> None:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[line] = by
    file.write_text("".join(lines), encoding="utf-8")


def test_edits_follow_their_file(template: Path, repo: Path) -> None:
    # The team's work
    for name in ("moved", "removed", "both"):
        edit(repo / f"{name}.cfg", 15, "ours\n")
    (repo / "moved.cfg").chmod(0o755)
    (repo / "deleted.cfg").unlink()
    move(repo, "both.cfg")
    move(repo, "renamed.cfg", "renamed_too.cfg", "elsewhere.cfg", to="our_")
    (repo / "image.bin").write_bytes((repo / "image.bin").read_bytes() + b"ours")
    (repo / "ours.bin").write_bytes(b"\0ours")
    (repo / ".gitignore").write_text("*.env\n", encoding="utf-8")
    (repo / "our.env").write_text("ours\n", encoding="utf-8")
    commit_all(repo, "Our work")
    # The template's
    (template / "our.env").write_text("theirs\n", encoding="utf-8")
    (template / "ours.bin").write_bytes(b"\0theirs")
    for name in ("moved", "deleted", "both", "elsewhere", "renamed"):
        edit(template / f"{name}.cfg", 3, "theirs\n")
    edit(template / "other.cfg", 3, "theirs\n")
    move(template, "moved.cfg", "deleted.cfg", "both.cfg", "elsewhere.cfg", "image.bin")
    (template / "removed.cfg").unlink()
    (template / "unedited.cfg").unlink()
    release(template, "v2")

    said = update_in(repo)
    assert said.code == 0, said.text
    for name in ("moved", "both"):
        text = (repo / f"config/{name}.cfg").read_text(encoding="utf-8")
        wanted = (template / f"config/{name}.cfg").read_text(encoding="utf-8")
        assert text == wanted.replace(f"{name} 15\n", "ours\n")
    assert not [name for name in ("moved", "both", "unedited", "deleted") if (repo / f"{name}.cfg").exists()]
    assert "ours" in (repo / "removed.cfg").read_text(encoding="utf-8")
    assert not (repo / "config/deleted.cfg").exists()
    assert (repo / "image.bin").read_bytes().endswith(b"ours")
    assert (repo / "ours.bin").read_bytes() == b"\0ours"
    assert (repo / "our.env").read_text(encoding="utf-8") == "ours\n"
    for line in (
        "config/moved.cfg: The template moved moved.cfg here. Your edits were merged into it.",
        "config/both.cfg: The template moved both.cfg here. Your edits were merged into it.",
        "removed.cfg: The template removed this file. You have edited it, so it is kept.",
        "config/deleted.cfg: The template moved deleted.cfg here. You deleted that file, so this one is not",
        "our_renamed.cfg: You renamed renamed.cfg, and the template changed it. Take over what you need:",
        "our_elsewhere.cfg: You renamed elsewhere.cfg, and the template moved it to config/elsewhere.cfg.",
        "ours.bin: You and the template changed this file, and git cannot merge it, so yours is kept.",
        "our.env: This is yours, and git does not know it. The template has a file our.env,",
        "config/image.bin: The template moved image.bin here. git cannot merge it, so yours is kept",
    ):
        assert f"\n{line}" in said.text
    for name in ("other.cfg", "unedited.cfg", "renamed_too.cfg"):
        assert name not in said.text
    with delivered(repo) as standards:
        assert "-theirs" in standards.diff("renamed.cfg")
    commit_all(repo, "Update")
    assert git(repo, "ls-files", "--stage", "config/moved.cfg").startswith("100755")


def test_conflicts_are_in_the_new_place(template: Path, repo: Path) -> None:
    for name in ("moved", "other"):
        edit(repo / f"{name}.cfg", 3, "ours\n")
    (repo / "config").mkdir()
    (repo / "config/other.cfg").write_text("Our own file.\n", encoding="utf-8")
    commit_all(repo, "Our work")
    edit(template / "moved.cfg", 3, "theirs\n")
    move(template, "moved.cfg", "other.cfg")
    release(template, "v2")

    said = update_in(repo)
    assert said.code == 1
    text = (repo / "config/moved.cfg").read_text(encoding="utf-8")
    assert "\n<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n" in text
    assert "Our own file." in (repo / "config/other.cfg").read_text(encoding="utf-8")
    assert "ours" in (repo / "other.cfg").read_text(encoding="utf-8")
    for line in (
        "config/moved.cfg:4: You and the template changed the same lines.",
        "config/other.cfg:1: You and the template changed the same lines.",
        "other.cfg: The template removed this file and moved it to config/other.cfg, where you have",
    ):
        assert f"\n{line}" in said.text
    checked = run_git(repo, "diff", "--check").text
    assert "config/moved.cfg:4: leftover conflict marker" in checked
    assert "config/other.cfg" in checked


def test_what_other_answers_remove_is_told_before_and_goes(template: Path, repo: Path) -> None:
    edit(repo / "extra.cfg", 15, "ours\n")
    commit_all(repo, "Our work")
    edit(template / "other.cfg", 3, "theirs\n")
    release(template, "v2")
    assert update_in(repo).code == 0
    commit_all(repo, "An update after that edit")
    release(template, "v3")
    said = update_in(repo, "--data", "extra=false")
    assert not (repo / "extra.cfg").exists()
    assert "  extra.cfg (you have edited it)\n" in said.text
    assert "  plain.cfg\n" in said.text
    assert "theirs" in (repo / "other.cfg").read_text(encoding="utf-8")


def test_what_cannot_be_updated_is_left_as_it_was(template: Path, repo: Path) -> None:
    (repo / "removed.cfg").unlink()
    (repo / "removed.cfg").mkdir()
    (repo / "removed.cfg/ours.cfg").write_text("ours\n", encoding="utf-8")
    commit_all(repo, "Our work")
    move(template, "both.cfg")
    release(template, "v2")
    with pytest.raises(UserError, match=r"removed\.cfg: You have a folder here, and the template has a file"):
        update_in(repo)
    (repo / "removed.cfg").rename(repo / "folder")
    (repo / "config").write_text("ours\n", encoding="utf-8")
    commit_all(repo, "Renamed; now a file is in the place of a folder")
    with pytest.raises(UserError, match=r"config: You have a file here, and the template has a folder"):
        update_in(repo)
    (repo / "config").unlink()
    (repo / "config").symlink_to("folder")
    (repo / "folder/both.cfg").write_text("ours\n", encoding="utf-8")
    commit_all(repo, "Copier would write through this link")
    with pytest.raises(UserError, match=r"config: You have a link here, and the template has a folder"):
        update_in(repo)
    assert git(repo, "status", "--porcelain") == ""
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_the_version_before_is_not_rendered_without_need(template: Path, repo: Path) -> None:
    edit(repo / "other.cfg", 15, "ours\n")
    commit_all(repo, "Our work")
    edit(template / "other.cfg", 3, "theirs\n")
    release(template, "v2")
    with patch("mlroad.core.carry_edits.delivered", side_effect=AssertionError):
        assert update_in(repo).code == 0
