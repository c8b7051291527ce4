"""A rendered prototype whose model `line` is ready for promotion, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import IDENTITY, commit_all, git
from tests.unit.cli.command import Command
from tests.unit.promote.line_model import add_line_model, mlroad


@pytest.fixture(scope="session")
def ran(rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prototype with the model `line`, committed, after one run of it."""
    repo = Path(shutil.copytree(rendered(), tmp_path_factory.mktemp("ran") / "prototype", symlinks=True))
    add_line_model(repo)
    mlroad(repo, "run", "models/line", "--quiet")
    return repo


@pytest.fixture(scope="session")
def tagged(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after `mlroad ready --fix`, which made the tag line-v1."""
    repo = Path(shutil.copytree(ran, tmp_path_factory.mktemp("tagged") / "prototype", symlinks=True))
    said = mlroad(repo, "ready", "models/line", "--fix")
    assert git(repo, "tag").split() == ["line-v1"], said
    return repo


@pytest.fixture
def prototype_repo(tagged: Path, tmp_path: Path) -> Path:
    """A copy of the tagged prototype that a test may change."""
    return Path(shutil.copytree(tagged, tmp_path / "prototype", symlinks=True))


@pytest.fixture
def prototype(
    prototype_repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """``prototype("ready", "models/line")`` runs a command there."""
    for name, value in {**IDENTITY, "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    return Command(prototype_repo, capfd, monkeypatch)


@pytest.fixture(scope="session")
def fresh_factory(rendered: Callable[..., Path]) -> Path:
    """A factory without any model, which tests must not change."""
    return rendered(template="factory", sample=False)


@pytest.fixture
def factory(
    fresh_factory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """``factory("promote", …)`` runs a command in a copy of that factory."""
    for name, value in {**IDENTITY, "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    repo = Path(shutil.copytree(fresh_factory, tmp_path / "factory", symlinks=True))
    return Command(repo, capfd, monkeypatch)


@pytest.fixture(scope="session")
def odd_files(tagged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prototype at line-v2, with a text file with Windows line ends in git, and a binary file."""
    repo = Path(shutil.copytree(tagged, tmp_path_factory.mktemp("odd") / "prototype", symlinks=True))
    saved = repo / "models/line/steps/saved"
    (saved / ".gitattributes").write_text("*.txt -text\n", encoding="utf-8", newline="\n")
    (saved / "notes.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    (saved / "table.bin").write_bytes(bytes(range(256)))
    commit_all(repo, "Odd files")
    git(repo, "tag", "--annotate", "--message", "Odd", "line-v2")
    return repo


@pytest.fixture(scope="session")
def promoted(fresh_factory: Path, odd_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A factory after the promotion of line-v2, merged into main."""
    repo = Path(
        shutil.copytree(fresh_factory, tmp_path_factory.mktemp("promoted") / "factory", symlinks=True)
    )
    mlroad(repo, "promote", f"{odd_files}@line-v2", "line", "--target", "progression", "--no-run")
    git(repo, "merge", "--quiet", "--ff-only", "promote/line-line-v2")
    return repo


@pytest.fixture(scope="session")
def pair(fresh_factory: Path, tagged: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A prototype and a factory that has its model `line` from the tag line-v1, merged into main."""
    folder = tmp_path_factory.mktemp("pair")
    prototype = Path(shutil.copytree(tagged, folder / "prototype", symlinks=True))
    factory = Path(shutil.copytree(fresh_factory, folder / "factory", symlinks=True))
    source = f"{prototype}@line-v1"
    mlroad(factory, "promote", source, "line", "--no-run", "--target", "progression")
    git(factory, "merge", "--quiet", "promote/line-line-v1")
    return prototype, factory


@pytest.fixture
def again(
    pair: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """The factory, beside the folder ``prototype``. The prototype's address in provenance.yml fits."""
    for name, value in {**IDENTITY, "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    for repo in pair:
        shutil.copytree(repo, tmp_path / repo.name, symlinks=True)
    return Command(tmp_path / "factory", capfd, monkeypatch)
