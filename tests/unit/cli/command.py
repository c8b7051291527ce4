"""The `mlroad` command line, called in this process in the same way as the console script."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Said:
    """A command's output and exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class Command:
    """``command("gate", "diabetes")`` runs a command in one repo."""

    def __init__(
        self, repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.repo = repo
        self._capfd = capfd
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str) -> Said:
        """Run a command, and fail if it prints a traceback."""
        from mlroad.cli.main import main

        self._monkeypatch.chdir(self.repo)
        self._monkeypatch.setattr(sys, "argv", ["mlroad", *arguments])
        self._capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        out, err = self._capfd.readouterr()
        assert "Traceback" not in out + err, out + err
        return Said(code, out, err)
