"""The `mlroad` command line, called in this process in the same way as the console script."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from mlroad.cli import main as cli
from tests.support import IDENTITY


@dataclass(frozen=True)
class Said:
    """A command's output and exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def exit_code(arguments: Sequence[str]) -> int:
    """Call the entry point of the console script."""
    with patch.object(sys, "argv", ["mlroad", *arguments]):
        try:
            cli.main()
        except SystemExit as left:
            return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def mlroad(repo: Path, *arguments: str, check: bool = True, **variables: str) -> Said:
    """Run a command in a repo, for fixtures of any scope. Starting it as a program would take seconds."""
    # With a buffer, as standard output has: `mlroad run` writes bytes to it.
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2))
    with (
        contextlib.chdir(repo),
        patch.dict(os.environ, {**IDENTITY, **variables}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = exit_code(arguments)
    said = Said(code, *(_written(stream) for stream in (out, err)))
    assert "Traceback" not in said.text, said.text
    assert not (check and code), f"{arguments} exited with {code}\n{said.text}"
    return said


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
        self._monkeypatch.chdir(self.repo)
        self._capfd.readouterr()
        code = exit_code(arguments)
        out, err = self._capfd.readouterr()
        # Its own: the traceback of a failed step is indented, or has the name of the step before it.
        assert not re.search(r"^Traceback", out + err, re.MULTILINE), out + err
        return Said(code, out, err)
