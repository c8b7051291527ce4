"""A repo with a step that cleans a table, and the command line, called in this process."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import REPO, commit_all, git
from tests.unit.cli.command import Said, exit_code

CLEAN = '''"""Keep the rows whose first value is large enough."""

import csv

from step_io import InputFile, OutputFile, run


def clean(raw: InputFile, cleaned: OutputFile, at_least: int = 2) -> None:
    """Keep the rows whose first value is large enough."""
    with raw.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with cleaned.open("w", encoding="utf-8", newline="") as file:
        kept = [row for row in rows if int(row[0]) >= at_least]
        csv.writer(file, lineterminator="\\n").writerows([header, *kept])


if __name__ == "__main__":
    run(clean)
'''
TABLE = "id,name\n1,one\n2,two\n3,three\n"


@dataclass(frozen=True)
class Repo:
    """A folder and the command line in it."""

    path: Path
    capfd: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, content: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def dataset(self, arguments: str) -> Said:
        """`mlroad dataset …` through the entry point of the console script."""
        return self.mlroad(f"dataset {arguments}")

    def mlroad(self, arguments: str) -> Said:
        self.monkeypatch.chdir(self.path)
        self.capfd.readouterr()
        code = exit_code(shlex.split(arguments))
        out, err = self.capfd.readouterr()
        assert "Traceback" not in out + err, out + err
        return Said(code, out, err)

    def good(self, arguments: str) -> str:
        """Run a command that must succeed; return its output."""
        said = self.dataset(arguments)
        assert said.code == 0, said
        return said.out

    def refused(self, arguments: str, *words: str, code: int = 2) -> str:
        """Run a command that must fail: its error contains ``words``, and it leaves no new files."""
        before = self.files()
        said = self.dataset(arguments)
        assert said.code == code, said
        for word in words:
            assert word in said.text, said.text
        assert self.files() == before
        return said.text

    def files(self) -> set[str]:
        """All files except those of git and the cache."""
        return {
            path.relative_to(self.path).as_posix()
            for path in self.path.rglob("*")
            if path.is_file() and not {".git", ".mlroad", "__pycache__"} & set(path.parts)
        }

    def commit(self, message: str = "change") -> None:
        commit_all(self.path, message)


def start(folder: Path) -> Path:
    """A repo with one step and one table."""
    step_io = REPO / "src" / "mlroad" / "steps" / "step_io.py"
    for name, content in (
        ("models/m/steps/clean.py", CLEAN.encode()),
        ("models/m/steps/step_io.py", step_io.read_bytes()),
        ("raw/numbers.csv", TABLE.encode()),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "datasets").mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit_all(folder, "Start")
    return folder


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("started") / "repo")


@pytest.fixture
def repo(
    started: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Repo:
    return Repo(Path(shutil.copytree(started, tmp_path / "repo")), capfd, monkeypatch)
