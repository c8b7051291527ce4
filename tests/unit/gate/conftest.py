"""Copies of the toy factory, with and without a champion, and `mlroad gate` in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.digests import digest_of
from mlroad.core.run_folders import all_runs
from tests.unit.cli.command import Command, Said
from tests.unit.gate import toy


@dataclass
class Factory:
    """A toy factory that a test may change, with a candidate on dev data and one on prod data."""

    repo: Path
    command: Command
    stock: Path
    dev: str
    prod: str

    @property
    def run(self) -> Path:
        """The folder of the dev candidate, which is gated by default."""
        return self.repo / ".runs" / "toy" / self.dev

    def gate(self, *more: str) -> tuple[Said, dict[str, Any]]:
        """Run `mlroad gate toy`; return its output and the verdict ({} if it wrote none)."""
        said = self.command("gate", "toy", *(more or ("--run", self.dev)))
        file = self.run / "gate" / "verdict.json"
        if more and "--run" in more:
            file = self.repo / ".runs" / "toy" / more[more.index("--run") + 1] / "gate" / "verdict.json"
        return said, json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def red(self, id_: str, result: str, *words: str) -> dict[str, Any]:
        """Gate it: this check has this result, and its message contains these words."""
        said, verdict = self.gate()
        assert said.code == 1, said.text
        assert verdict["passed"] is False
        found = {check["id"]: check for check in verdict["checks"]}
        assert found[id_]["result"] == result, (found.keys(), said.text)
        for word in words:
            assert word in found[id_]["what"], found[id_]["what"]
        assert verdict["verdict"] == ("broken" if "broken" in self.results(verdict).values() else "worse")
        return verdict

    def green(self) -> dict[str, Any]:
        """Gate it: no check fails."""
        said, verdict = self.gate()
        assert said.code == 0, said.text
        assert verdict["passed"] is True
        assert set(self.results(verdict).values()) <= {"passed", "waived"}
        return verdict

    @staticmethod
    def results(verdict: dict[str, Any]) -> dict[str, str]:
        """The result of each check."""
        return {check["id"]: check["result"] for check in verdict["checks"]}

    def plant(self, body: str) -> None:
        """Replace the candidate's model."""
        target = self.run / "outputs" / "model"
        shutil.rmtree(target)
        shutil.copytree(toy.saved(body, self.stock), target)
        self.note_outputs()

    def note_outputs(self) -> None:
        """Update run.json, as if the run had produced the current outputs."""
        file = self.run / "run.json"
        record = json.loads(file.read_text(encoding="utf-8"))
        record["outputs"]["model"]["digest"] = digest_of(self.run / "outputs" / "model")
        file.write_text(json.dumps(record), encoding="utf-8")

    def gates(self, *lines: str, **replaced: str) -> None:
        """Change gates.yml: lines to add, and words to replace (``mae="rmse"``)."""
        file = self.repo / "models" / "toy" / "gates.yml"
        text = file.read_text(encoding="utf-8")
        for old, new in replaced.items():
            text = text.replace(old, new)
        file.write_text(text + "".join(f"{line}\n" for line in lines), encoding="utf-8")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the model folder."""
        file = self.repo / "models" / "toy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return file


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that caches saved models."""
    return tmp_path_factory.mktemp("stock")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The toy factory with a dev and a prod candidate, and no champion."""
    repo = toy.make_repo(tmp_path_factory.mktemp("toy") / "repo")
    toy.run(repo, "train", "toy", "--data", "prod")
    toy.run(repo, "train", "toy", "--data", "dev")
    prod, dev = (folder.name for folder in all_runs(repo / ".runs" / "toy"))
    return repo, dev, prod


@pytest.fixture(scope="session")
def championed(
    trained: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """The same with a champion, made with the real commands: gate both candidates, register, approve."""
    repo, dev, prod = trained
    copied = Path(shutil.copytree(repo, tmp_path_factory.mktemp("champion") / "repo"))
    for run in (dev, prod):
        toy.run(copied, "gate", "toy", "--run", run)
    toy.run(copied, "register", "toy", "--run", prod, "--dev-run", dev)
    toy.run(copied, "approve", "toy")
    return copied, dev, prod


@pytest.fixture
def make(
    tmp_path: Path,
    stock: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[tuple[Path, str, str]], Factory]:
    """Return a copy of one of the two factories above."""
    for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "MLROAD_REGISTRY"):
        monkeypatch.delenv(name, raising=False)

    def copy(source: tuple[Path, str, str]) -> Factory:
        repo = Path(shutil.copytree(source[0], tmp_path / "repo"))
        return Factory(repo, Command(repo, capfd, monkeypatch), stock, source[1], source[2])

    return copy


@pytest.fixture
def first(make: Callable[[tuple[Path, str, str]], Factory], trained: tuple[Path, str, str]) -> Factory:
    """A factory without a champion."""
    return make(trained)


@pytest.fixture
def later(make: Callable[[tuple[Path, str, str]], Factory], championed: tuple[Path, str, str]) -> Factory:
    """A factory with a champion, whose candidate is the champion's dev twin."""
    return make(championed)
