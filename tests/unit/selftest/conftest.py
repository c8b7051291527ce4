"""A factory with one tiny model, made from the self-test's own sample."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlroad.gate.selftest.sample_factory import MODEL, make_sample
from tests.unit.cli.command import exit_code


@dataclass(frozen=True)
class Tiny:
    """The repo, and the command line in it."""

    path: Path
    capfd: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def gates(self) -> Path:
        return self.path / "models" / MODEL / "gates.yml"

    @property
    def gate(self) -> Path:
        return next((self.path / ".runs" / MODEL).iterdir()) / "gate"

    def factory(self, arguments: str) -> tuple[int, str]:
        """Run a command; return its exit code and its whole output."""
        self.monkeypatch.chdir(self.path)
        self.capfd.readouterr()
        code = exit_code(shlex.split(arguments))
        out, err = self.capfd.readouterr()
        return code, out + err


@pytest.fixture
def tiny(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tiny:
    root = tmp_path / "repo"
    root.mkdir()
    make_sample(root)
    (root / "pyproject.toml").write_text("[project]\nname = 'demo'\n", encoding="utf-8")
    (root / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    return Tiny(root, capfd, monkeypatch)
