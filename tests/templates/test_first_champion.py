"""The how-to "From nothing to a champion", word by word, in a fresh factory."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import IDENTITY, REPO, call
from tests.unit.cli.command import Command

PAGE = REPO / "docs" / "how-to" / "first-champion.md"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_a_multiclass_and_a_text_model_become_champions(
    rendered: Callable[..., Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory = tmp_path / "factory"
    shutil.copytree(rendered(template="factory", sample=False), factory)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "MLROAD_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    mlroad = Command(factory, capfd, monkeypatch)
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) > 20
    said = ""
    for command in commands:
        if command.startswith("git "):
            words = [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', command)]
            call(words, factory)
            continue
        done = mlroad(*command.removeprefix("uv run mlroad ").split())
        assert done.code == 0, f"{command}\n{done.text}"
        said += done.text
    assert said.count("champion") >= 2
    assert "plans" in done.out
    assert "faq" in done.out
    # The files that a person edited: none.
    gates = (factory / "models/faq/gates.yml").read_text(encoding="utf-8")
    assert "task: text" in gates
    assert "decide_by: token_f1" in gates
