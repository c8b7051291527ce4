"""modelkit comes with the template; a team is told when it edited what an update will want to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelkit.vendored import CHECKSUMS, edited_files
from tools.refresh import TOOLS, checksums


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_checksums_are_of_today(tool: Path) -> None:
    listed = (tool / CHECKSUMS).read_text(encoding="utf-8")
    assert listed == checksums(tool), "run `uv run python -m tools.refresh`"


def test_a_fresh_repo_has_no_edits(rendered: Callable[..., Path]) -> None:
    for template in ("prototype", "factory"):
        assert edited_files(rendered(template=template) / "modelkit") == []


def test_edited_deleted_and_added_files_are_named(project: Callable[..., Path]) -> None:
    tool = project() / "modelkit"
    (tool / "repo.py").write_text("# ours\n", encoding="utf-8")
    (tool / "scripts.py").unlink()
    (tool / "extra.py").write_text("", encoding="utf-8")
    found = {problem.at.file.name: problem.what for problem in edited_files(tool)}
    assert found == {
        "repo.py": "This file of the standard was edited.",
        "scripts.py": "This file of the standard was deleted.",
        "extra.py": "This file stands in the standard's folder, but does not come from the template.",
    }


def test_windows_line_ends_are_no_edit(project: Callable[..., Path]) -> None:
    tool = project() / "modelkit"
    path = tool / "repo.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert edited_files(tool) == []
