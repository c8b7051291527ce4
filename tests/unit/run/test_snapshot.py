"""Code snapshots: which files are copied, which are left out, and links."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlroad.core.problems import Position, UserError
from mlroad.run.code_snapshot import CodeSnapshot, take_snapshot, unpack

AT = Position(Path("component.yml"), 3)


def make(folder: Path, *names: str, **texts: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name, text in texts.items():
        (folder / f".{name}").write_text(text)
    return folder


def frozen(tmp_path: Path, code: Path | None, *includes: Path) -> CodeSnapshot:
    return take_snapshot(code, includes, AT, tmp_path / "frozen")


def test_caches_and_runs_are_never_copied(tmp_path: Path) -> None:
    code = make(
        tmp_path / "code",
        "a.py",
        "__pycache__/a.pyc",
        "sub/__pycache__/b.pyc",
        "sub/b.py",
        ".runs/m/run.json",
    )
    assert set(frozen(tmp_path, code).files) == {"a.py", "sub/b.py"}


def test_gitignore_counts_without_amlignore_and_only_at_the_root(tmp_path: Path) -> None:
    code = make(tmp_path / "code", "a.py", "a.log", "keep.log", "data/x", "sub/data/y", "sub/b.log")
    make(code, gitignore="*.log\n!keep.log\n/data/\n")
    make(code / "sub", gitignore="*.py\n")
    assert set(frozen(tmp_path, code).files) == {
        ".gitignore",
        "a.py",
        "keep.log",
        "sub/data/y",
        "sub/.gitignore",
    }


def test_amlignore_wins(tmp_path: Path) -> None:
    code = make(tmp_path / "code", "a.py", "b.py")
    make(code, gitignore="a.py\n", amlignore="b.py\n")
    assert set(frozen(tmp_path, code).files) == {".gitignore", ".amlignore", "a.py"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_are_followed_and_cycles_end(tmp_path: Path) -> None:
    make(tmp_path / "far", "x.txt")
    code = make(tmp_path / "code", "a.py")
    (code / "folder").symlink_to(tmp_path / "far")
    (code / "file.txt").symlink_to(tmp_path / "far/x.txt")
    (code / "ring").symlink_to(code)
    (code / "nowhere").symlink_to(tmp_path / "missing")
    found = frozen(tmp_path, code)
    assert set(found.files) == {"a.py", "folder/x.txt", "file.txt"}
    assert not (found.folder / "file.txt").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such right there")
def test_the_executable_bit_is_kept_and_counts(tmp_path: Path) -> None:
    code = make(tmp_path / "code", "run.sh")
    before = take_snapshot(code, (), AT, tmp_path / "before")
    (code / "run.sh").chmod(0o755)
    after = take_snapshot(code, (), AT, tmp_path / "after")
    assert before.digest != after.digest
    unpack(after, tmp_path / "step")
    assert os.access(tmp_path / "step/run.sh", os.X_OK)


def test_an_included_zip_is_the_same_every_time(tmp_path: Path) -> None:
    make(tmp_path / "packed", "b.txt", "a.txt")
    first = take_snapshot(None, (tmp_path / "packed.zip",), AT, tmp_path / "first")
    os.utime(tmp_path / "packed/a.txt", (1, 1))
    second = take_snapshot(None, (tmp_path / "packed.zip",), AT, tmp_path / "second")
    assert set(first.files) == {"packed.zip"}
    assert first.digest == second.digest


@pytest.mark.parametrize(("code", "include", "message"), [("no", None, "MR510"), (None, "no.txt", "MR512")])
def test_what_is_missing(tmp_path: Path, code: str | None, include: str | None, message: str) -> None:
    with pytest.raises(UserError, match=f"component.yml:3: {message}: .*does not exist"):
        take_snapshot(
            tmp_path / code if code else None,
            (tmp_path / include,) if include else (),
            AT,
            tmp_path / "frozen",
        )
