"""`mlroad backport`: the factory's edits as a patch that applies in the prototype with `git am`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import IDENTITY, call, commit_all, git
from tests.unit.cli.command import Command

LINE = "models/line"


@pytest.fixture
def both(
    promoted: Path,
    odd_files: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Command, Path]:
    """A factory to edit, and the prototype that its model came from."""
    for name, value in {**IDENTITY, "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    factory = Path(shutil.copytree(promoted, tmp_path / "factory", symlinks=True))
    there = Path(shutil.copytree(odd_files, tmp_path / "prototype", symlinks=True))
    return Command(factory, capfd, monkeypatch), there


def edit(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert old in data, f"{old!r} is not in {file}"
    file.write_bytes(data.replace(old, new))


def brought(factory: Command, there: Path) -> list[str]:
    """Write the patch and apply it; returns what it changed in the prototype."""
    said = factory("backport", "line", "-o", "back.patch")
    assert said.code == 0, said
    call(["git", "am", "--quiet", factory.repo / "back.patch"], there)
    assert git(there, "status", "--porcelain") == ""
    return git(there, "diff", "--no-renames", "--name-status", "HEAD~1", "HEAD").splitlines()


def test_nothing_to_bring_back(both: tuple[Command, Path]) -> None:
    """What only a factory has, what the promotion drafted, and its own datasets are left out."""
    factory, _ = both
    edit(factory.repo / LINE / "gates.yml", b"champion: optional", b"champion: required")
    (factory.repo / LINE / "tests/test_more.py").write_text(
        "def test_more() -> None: ...\n", encoding="utf-8"
    )
    commit_all(factory.repo, "Only here")
    said = factory("backport", "line", "-o", "back.patch")
    assert said.code == 0, said
    assert "has no edits that its prototype does not have" in said.out
    assert not (factory.repo / "back.patch").exists()


def test_edits_come_back(both: tuple[Command, Path]) -> None:
    """A changed, an added and a deleted file; text with CRLF and binary data, byte by byte."""
    factory, there = both
    here = factory.repo / LINE
    edit(here / "steps/fit.py", b"slope: float = 10.0", b"slope: float = 11.0")
    (here / "steps/heights.py").write_text("HEIGHT = 1\n", encoding="utf-8", newline="\n")
    edit(here / "pipeline.yml", b"display_name: line", b"display_name: the line")
    (here / "steps/saved/notes.txt").write_bytes(b"one\r\n2\r\nthree\r\nfour\r\n")
    (here / "steps/saved/table.bin").write_bytes(bytes(reversed(range(256))))
    edit(here / "gates.yml", b"champion: optional", b"champion: required")
    factory("sync", LINE)
    commit_all(factory.repo, "A steeper line")
    changed = brought(factory, there)
    assert changed == [
        f"M\t{LINE}/components/fit.yml",
        f"M\t{LINE}/pipeline.yml",
        f"M\t{LINE}/steps/fit.py",
        f"A\t{LINE}/steps/heights.py",
        f"M\t{LINE}/steps/saved/notes.txt",
        f"M\t{LINE}/steps/saved/table.bin",
    ]
    for name in ("steps/fit.py", "steps/heights.py", "steps/saved/table.bin", "components/fit.yml"):
        assert (there / LINE / name).read_bytes() == (here / name).read_bytes()
    stored = call(["git", "cat-file", "-s", f"HEAD:{LINE}/steps/saved/notes.txt"], there).stdout.strip()
    assert stored == str(len(b"one\r\n2\r\nthree\r\nfour\r\n"))
    pipeline = (there / LINE / "pipeline.yml").read_text(encoding="utf-8")
    assert "display_name: the line\n" in pipeline
    assert "path: azureml:diabetes:1 # 442 patients\n" in pipeline
    about = git(there, "log", "-1", "--format=%an%n%B")
    assert about.startswith("Test\nfeat(line): the factory's edits since line-v2\n")
    assert re.search(r"^- [0-9a-f]+ Test: A steeper line$", about, re.MULTILINE)


def test_the_prototype_has_moved_on(both: tuple[Command, Path]) -> None:
    """`git am --3way` merges the patch with newer commits; deleted and renamed files come back, too."""
    factory, there = both
    here = factory.repo / LINE
    edit(here / "steps/fit.py", b"slope: float = 10.0", b"slope: float = 11.0")
    git(factory.repo, "mv", f"{LINE}/steps/saved/table.bin", f"{LINE}/steps/saved/numbers.bin")
    (here / "steps/saved/notes.txt").unlink()
    factory("sync", LINE)
    commit_all(factory.repo, "Fewer files")
    edit(there / LINE / "steps/fit.py", b'"""Fit a line', b'"""Fit one line')
    commit_all(there, "Newer")
    assert factory("backport", "line", "--from", str(there)).code == 0
    call(["git", "am", "--quiet", "--3way", factory.repo / ".mlroad/backport-line.patch"], there)
    text = (there / LINE / "steps/fit.py").read_text(encoding="utf-8")
    assert "slope: float = 11.0" in text
    assert '"""Fit one line' in text
    assert sorted(path.name for path in (there / LINE / "steps/saved").glob("*.*")) == [
        ".gitattributes", "numbers.bin",
    ]  # fmt: skip


def _no_origin(factory: Path) -> None:
    (factory / LINE / "provenance.yml").unlink()


def _lost(factory: Path) -> None:
    edit(factory / LINE / "provenance.yml", b"repo: ", b"repo: /nowhere")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_no_origin, "did not come from a prototype"),
        (_lost, "Name the prototype's path or address: --from REPO."),
    ],
)
def test_what_cannot_go_back(both: tuple[Command, Path], make: Callable[[Path], None], told: str) -> None:
    factory, _ = both
    make(factory.repo)
    said = factory("backport", "line")
    assert said.code == 2
    assert told in said.err
