"""Each Azure ML pipeline feature that a local run must reproduce has a folder with the expected result.

A folder in tests/unit/run/pipelines becomes models/<name> of a new repo; its folder ``repo`` is copied to the
root. ``expected.yml`` has the expected result:

    about    the feature
    args     more arguments of `mlroad run`
    exit     the exit code (0)
    states   step to state
    outputs  pipeline output to its text, or to a mapping of file to text
    logs     step to its whole log
    says     parts of what the command prints
    absent   files that must not exist below the run's folder
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.run.project import Project

PIPELINES = sorted(path.parent for path in (Path(__file__).parent / "pipelines").glob("*/expected.yml"))


@pytest.mark.parametrize("folder", PIPELINES, ids=lambda folder: folder.name)
def test_pipeline(folder: Path, project: Project) -> None:
    expected: dict[str, Any] = yaml.safe_load((folder / "expected.yml").read_text(encoding="utf-8"))
    model = project.root / "models" / folder.name
    shutil.copytree(folder, model, symlinks=True)
    (model / "expected.yml").unlink()
    if (model / "repo").is_dir():
        shutil.copytree(model / "repo", project.root, dirs_exist_ok=True)
        shutil.rmtree(model / "repo")

    result = project.run(f"models/{folder.name}", *expected.get("args", []))

    said = result.out + result.err
    assert result.exit == expected.get("exit", 0), said
    assert "Traceback" not in result.err
    for part in expected.get("says", []):
        assert part in said
    if expected.get("exit") == 2:
        assert result.folder is None, "something was started"
        return
    if "states" in expected:
        assert result.states == expected["states"]
    for step, log in expected.get("logs", {}).items():
        assert result.log(step) == log
    for name, content in expected.get("outputs", {}).items():
        assert _content(result.output(name)) == content
    for name in expected.get("absent", []):
        assert result.folder is not None
        assert not (result.folder / name).exists()


def _content(path: Path) -> str | dict[str, str]:
    """The text of a file, or of all files in a folder."""
    if path.is_file():
        return path.read_text(encoding="utf-8")
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_text(encoding="utf-8") for file in files}
