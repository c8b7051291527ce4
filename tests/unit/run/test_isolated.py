"""`--isolated`: steps see only what they declare, and nothing else of the repo."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from mlroad.core.problems import Position, UserError
from mlroad.core.uv_program import find_uv, note_uv
from mlroad.pipeline.model import Environment
from mlroad.run.isolated_environments import requirements_of
from tests.unit.run.project import Project

PIPELINE = """type: pipeline
jobs:
  show:
    type: command
    code: ./src
    command: python main.py
    environment: {image: "ubuntu:24.04", conda_file: ./conda.yml}
"""
MAIN = """
import importlib.util

import tiny_example

print(tiny_example.WORD, importlib.util.find_spec("yaml") is None)
"""
CONDA = "dependencies: [pip, {pip: [tiny-example]}]\n"
linux = pytest.mark.skipif(sys.platform != "linux", reason="links")


TRACKED = """
import mlflow

mlflow.log_param("depth", 3)
for step in (1, 2):
    mlflow.log_metric("loss", 1 / step, step=step)
mlflow.log_text("hello", "note.txt")
mlflow.set_tag("team", "blue")
with mlflow.start_run(nested=True, run_name="inner"):
    mlflow.log_param("depth", 4)
"""


def wheel(folder: Path, word: str, **more: str) -> Path:
    """A package that installs without a network: one module that contains ``word``."""
    file = folder / "tiny_example-1.0-py3-none-any.whl"
    info = "tiny_example-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny_example.py", f"WORD = {word!r}\n")
        for name, text in more.items():
            archive.writestr(name.replace("__", "."), text)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-example\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.mark.slow
def test_a_step_with_its_own_packages(project: Project) -> None:
    model = project.model("m", {"pipeline.yml": PIPELINE, "src/main.py": MAIN})
    package = wheel(model, "declared")
    conda = f"dependencies: [pip, numpy=2, {{pip: ['./{package.name}']}}]\n"
    project.model("m", {"conda.yml": conda})
    own = project.run("models/m")
    assert own.exit == 1
    assert "No module named 'tiny_example'" in own.out
    isolated = project.run("models/m", "--isolated")
    assert isolated.exit == 0, isolated.out + isolated.err
    assert isolated.log("show") == "declared True\n"
    assert "uv cannot install the conda packages numpy=2" in isolated.out
    again = project.run("models/m", "--isolated")
    assert again.states == {"show": "reused"}
    assert "Installing" not in again.out


@pytest.mark.slow
def test_what_it_logs_reaches_the_store_of_the_repo(project: Project) -> None:
    """As with mlflow-skinny, which has no SQLAlchemy and so cannot write to the store itself."""
    model = project.model("m", {"pipeline.yml": PIPELINE, "src/main.py": TRACKED})
    ours = sysconfig.get_path("purelib")
    package = wheel(model, "", ours__pth=ours + "\n", sqlalchemy__py="raise ImportError('not installed')\n")
    project.model("m", {"conda.yml": f"dependencies: [pip, {{pip: ['./{package.name}']}}]\n"})
    result = project.run("models/m", "--isolated")
    assert result.exit == 0, result.out + result.err
    step = result.record["steps"]["show"]["mlflow_run_id"]
    with contextlib.closing(sqlite3.connect(project.root / "mlflow.db")) as store:
        inner, parent = store.execute(
            "select r.run_uuid, value from runs r join tags t using (run_uuid) "
            "where name = 'inner' and key = 'mlflow.parentRunId'"
        ).fetchone()
        assert parent == step
        params = dict(store.execute("select run_uuid, value from params where key = 'depth'"))
        assert params == {step: "3", inner: "4"}
        losses = "select step, value from metrics where run_uuid = ? and key = 'loss' order by step"
        assert store.execute(losses, [step]).fetchall() == [(1, 1.0), (2, 0.5)]
        assert store.execute("select run_uuid from tags where key = 'team'").fetchall() == [(step,)]
        assert store.execute("select distinct status from runs").fetchall() == [("FINISHED",)]
    notes = [path.read_text() for path in project.root.glob(f"mlruns/**/{step}/artifacts/note.txt")]
    assert notes == ["hello"]
    debugged = project.run("models/m", "--isolated", "--step", "show", "--debug")
    assert debugged.exit == 0, debugged.out + debugged.err


@pytest.mark.slow
def test_a_patch_release_that_uv_does_not_have(project: Project) -> None:
    """conda keeps every patch release, such as Python 3.7.6; uv has only the last of each minor version."""
    model = project.model("m", {"pipeline.yml": PIPELINE, "src/main.py": MAIN})
    package = wheel(model, "declared")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    conda = f"dependencies: [python={python}.99, pip, {{pip: ['./{package.name}']}}]\n"
    project.model("m", {"conda.yml": conda})
    result = project.run("models/m", "--isolated")
    assert result.exit == 0, result.out + result.err
    assert f"uv cannot find Python {python}.99, so another Python {python} is used." in result.out
    project.model("m", {"conda.yml": conda.replace(f"{python}.99", "9.9.9")})
    result = project.run("models/m", "--isolated")
    assert result.exit == 2
    assert "MR520" in result.err


@pytest.mark.slow
def test_requirements_that_cannot_be_installed(project: Project) -> None:
    project.model("m", {"pipeline.yml": PIPELINE, "src/main.py": MAIN})
    project.model("m", {"conda.yml": "dependencies: [pip, {pip: ['./missing-1.0-py3-none-any.whl']}]\n"})
    result = project.run("models/m", "--isolated")
    assert result.exit == 2
    assert "models/m/pipeline.yml:7:" in result.err
    assert "MR520" in result.err
    assert result.folder is None


@linux
def test_without_uv_nothing_starts(project: Project, tmp_path: Path) -> None:
    project.model("m", {"pipeline.yml": PIPELINE, "src/main.py": MAIN, "conda.yml": CONDA})
    git = shutil.which("git")
    assert git
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(git)
    # A Python without uv in the same folder.
    (tmp_path / "bin/python").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    command = [str(tmp_path / "bin/python"), "-c", "from mlroad.__main__ import main; main()"]
    packages = sysconfig.get_path("purelib")
    environment = project.environment(PATH=str(tmp_path / "bin"))
    environment.pop("UV", None)  # `uv run pytest` sets it
    environment["PYTHONPATH"] += os.pathsep + packages
    done = subprocess.run(
        [*command, "run", "models/m", "--isolated"], cwd=project.root, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "uv was not found. Install it: python -m pip install uv" in done.stderr


def test_the_uv_that_start_py_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither on the PATH nor beside Python; `mlroad setup` notes its path in the environment."""
    brought = tmp_path / "template" / ".tools" / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    brought.parent.mkdir(parents=True)
    brought.touch(0o755)
    environment = tmp_path / "repo" / ".venv"
    environment.mkdir(parents=True)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(environment / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", str(environment))
    with pytest.raises(UserError, match="uv was not found"):
        find_uv()
    note_uv(environment, str(brought))
    assert Path(find_uv()) == brought
    brought.unlink()
    with pytest.raises(UserError, match="uv was not found"):
        find_uv()


def test_requirements(tmp_path: Path) -> None:
    at = Position(tmp_path / "x.yml")
    (tmp_path / "conda.yml").write_text("dependencies:\n- python=3.12\n- pip=24\n- scipy\n- pip: [a>=1, b]\n")
    found = requirements_of(Environment(at, conda_file=tmp_path / "conda.yml"))
    assert found
    assert (found.lines, found.python, found.left_out) == (("a>=1", "b"), "3.12", ("scipy",))
    inline = requirements_of(Environment(at, conda={"dependencies": [{"pip": ["c"]}]}))
    assert inline
    assert (inline.lines, inline.python) == (("c",), None)
    (tmp_path / "requirements.txt").write_text("d\n")
    built = requirements_of(Environment(at, build_context=tmp_path))
    assert built
    assert built.lines == ("d",)
    assert requirements_of(Environment(at, image="ubuntu")) is None
