"""The mistakes that docs/tutorial/first-day.md asks for give the output that it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import REPO
from tests.unit.cli.command import Command

PAGE = REPO / "docs" / "tutorial" / "first-day.md"
SHOWN = re.findall(r"```\n\$ uv run mlroad check\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def mlroad(
    project: Callable[..., Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return Command(project(), capfd, monkeypatch)


def edit(file: Path, pattern: str, new: str, count: int = 0) -> None:
    text = file.read_text(encoding="utf-8")
    changed = re.sub(pattern, new, text, count=count, flags=re.DOTALL)
    assert changed != text, pattern
    file.write_text(changed, encoding="utf-8", newline="\n")


def break_the_pipeline(model: Path) -> None:
    edit(model / "pipeline.yml", r"(  train:\n.*?outputs\.)prepared(.*?)alpha:", r"\1preparred\2alpah:", 1)


def change_a_step(model: Path) -> None:
    script = model / "steps" / "train.py"
    edit(script, r"\bseed\b", "random_seed")
    edit(script, r"pd\.read_csv\([^)]*\)", 'pd.read_csv("../data/train.csv")', 1)


@pytest.mark.slow
def test_check_prints_what_the_page_shows(mlroad: Command) -> None:
    model = mlroad.repo / "models" / "diabetes"
    before = {path: path.read_bytes() for path in (model / "pipeline.yml", model / "steps" / "train.py")}
    for change, shown in zip((break_the_pipeline, change_a_step), SHOWN, strict=True):
        change(model)
        said = mlroad("check")
        assert (said.code, said.text) == (1, shown)
        for path, content in before.items():
            path.write_bytes(content)
    assert mlroad("check").code == 0
