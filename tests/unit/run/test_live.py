"""`mlroad run` in a terminal: the display while steps run, and the lines that stay on the screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from tests.unit.run.project import MLROAD, Project, held_by

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX's")
ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
WORD = "word of the slow one"


def add_model(project: Project) -> None:
    """Add a model whose last two steps run until the test has seen their output."""
    held = held_by(project.root / "seen")
    text = f"""type: pipeline
jobs:
  quick: {{type: command, {ENVIRONMENT}, command: "echo done"}}
  slow: {{type: command, {ENVIRONMENT}, command: "echo {WORD}; {held}"}}
  wrong: {{type: command, {ENVIRONMENT}, command: "{held}; echo the reason; exit 3"}}
"""
    project.model("m", {"pipeline.yml": text})


def on_a_terminal(project: Project, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run in a terminal; return the exit code and everything that was written to the terminal."""
    import pty

    leader, follower = pty.openpty()
    variables = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **variables}
    environment = project.environment(**variables)
    process = subprocess.Popen(
        [*MLROAD, "run", *arguments], cwd=project.root, env=environment, stdin=subprocess.DEVNULL,
        stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # on Linux, when the other end is closed
            break
        if not piece:
            break
        seen += piece
        if WORD.encode() in seen:
            (project.root / "seen").touch()
    os.close(leader)
    return process.wait(timeout=60), seen.decode("utf-8", "replace")


def test_a_terminal_shows_what_runs_and_keeps_what_ended(project: Project) -> None:
    add_model(project)
    code, seen = on_a_terminal(project, "models/m", "--jobs", "3")
    assert code == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "✓ quick" in plain
    assert WORD in plain, "the last line of a running step's log is shown"
    assert re.search(r"✗ wrong failed after \S+ s: exit code 3", plain)
    assert "the reason" in plain
    assert "[slow]" not in plain, "prefixed logs are for CI"
    assert "\x1b[?25h" in seen.rpartition("\x1b[?25l")[2], "the cursor is shown again"
    assert "Traceback" not in plain


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"TERM": "dumb"}], ids=["CI", "dumb"])
def test_ci_and_dumb_terminals_get_plain_lines(project: Project, variable: dict[str, str]) -> None:
    add_model(project)
    code, seen = on_a_terminal(project, "models/m", "--step", "slow", **variable)
    assert code == 0
    assert f"[slow] {WORD}" in seen
    assert "\x1b" not in seen
