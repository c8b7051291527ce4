"""A step as a program: the command line that Azure ML calls, its help, its exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlroad.steps.components import generated_part
from mlroad.steps.signatures import read_signature
from tests.support import REPO

CONTRACT = REPO / "src" / "mlroad" / "steps" / "step_io.py"


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    folder = tmp_path / "with blank" / "steps"
    folder.mkdir(parents=True)
    shutil.copy(CONTRACT, folder)
    shutil.copy(Path(__file__).parent / "fixtures" / "everything.py", folder)
    (folder.parent / "raw.csv").touch()
    (folder.parent / "in").mkdir()
    return folder


def call(steps: Path, *arguments: str, script: str = "everything.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, script, *arguments]
    return subprocess.run(command, cwd=steps, capture_output=True, text=True, encoding="utf-8", check=False)


def paths(steps: Path) -> list[str]:
    base = steps.parent
    pairs = {
        "--raw": base / "raw.csv",
        "--folder": base / "in",
        "--old-model": base / "in",
        "--model": base / "out" / "model",
        "--tables": base / "out" / "tables",
        "--report": base / "out" / "deep" / "report.json",
    }
    return [str(part) for pair in pairs.items() for part in pair]


def report(steps: Path) -> dict[str, str]:
    text = (steps.parent / "out" / "deep" / "report.json").read_text(encoding="utf-8")
    told: dict[str, str] = json.loads(text)
    return told


def test_defaults(steps: Path) -> None:
    result = call(steps, *paths(steps))

    assert result.returncode == 0, result.stderr
    assert report(steps) == {
        "extra": "None",
        "depth": "6",
        "rate": "1e-05",
        "verbose": "False",
        "title": "'no: title'",
        "limit": "None",
        "learner": "'ridge'",
        "folds": "5",
        "loss": "'squared'",
        "paths": "Path",
        "C": "1.0",
    }


def test_values_as_azure_ml_passes_them(steps: Path) -> None:
    given = ["--depth", "20", "--rate", "1024.0", "--verbose", "True", "--limit", "3", "--folds", "3"]

    result = call(
        steps, *paths(steps), *given, "--learner", "forest", "--title", "", "--loss", "absolute error"
    )

    assert result.returncode == 0, result.stderr
    told = report(steps)
    assert (told["depth"], told["rate"], told["verbose"], told["limit"]) == ("20", "1024.0", "True", "3")
    assert (told["learner"], told["folds"], told["title"], told["loss"]) == (
        "'forest'",
        "3",
        "''",
        "'absolute'",
    )


@pytest.mark.parametrize(("text", "value"), [("True", "True"), ("false", "False"), ("FALSE", "False")])
def test_booleans_are_texts(steps: Path, text: str, value: str) -> None:
    assert call(steps, *paths(steps), "--verbose", text).returncode == 0
    assert report(steps)["verbose"] == value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--verbose", "maybe"], "--verbose"),
        (["--depth", "2.5"], "--depth"),
        (["--learner", "tree"], "--learner"),
        (["--folds", "4"], "--folds"),
        (["--extra", "nowhere.csv"], "nowhere.csv"),
        (["--folder", "everything.py"], "--folder"),
        (["--raw", "."], "--raw"),
        (["--depht", "3"], "--depth"),
    ],
)
def test_a_wrong_command_line_is_reported_without_a_traceback(
    steps: Path, arguments: list[str], words: str
) -> None:
    result = call(steps, *paths(steps), *arguments)

    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


_CASED = """from typing import Literal
from step_io import InputFolder, OutputFile, run

def cased(Rows: InputFolder, OUT: OutputFile, SEED: int, C_2: float, maxDepth: str, GPU: bool,
          KIND: Literal["a", "A"], plain: int, N__X: int | None = None) -> None:
    OUT.write_text(f"{SEED} {C_2} {maxDepth} {GPU} {KIND} {plain} {N__X}")

run(cased)
"""


@pytest.mark.parametrize("spelling", [str, str.lower])
def test_names_in_capitals(steps: Path, spelling: Callable[[str], str]) -> None:
    """Also in lower case: so earlier copies of step_io.py called them, and so do hand-written components."""
    (steps / "cased.py").write_text(_CASED, encoding="utf-8")
    signature, _ = read_signature(steps / "cased.py")
    assert signature is not None
    command = yaml.safe_load(generated_part("m", signature))["command"]
    values = {"Rows": "in", "OUT": "out.txt", "SEED": 1, "C_2": 2.5, "maxDepth": "X", "GPU": True,
              "KIND": "A", "plain": 3, "N__X": 4}  # fmt: skip
    for name, value in values.items():
        place = str(steps.parent / str(value)) if name in ("Rows", "OUT") else str(value)
        port = ("outputs." if name == "OUT" else "inputs.") + name
        command = command.replace("${{" + port + "}}", place)
    words = shlex.split(command.replace("$[[", "").replace("]]", ""))
    words = [spelling(word) if word.startswith("--") else word for word in words]

    done = call(steps, *words[2:], script="cased.py")

    assert (done.returncode, done.stderr) == (0, "")
    assert (steps.parent / "out.txt").read_text() == "1 2.5 X True A 3 4"


def test_a_missing_input_is_reported(steps: Path) -> None:
    result = call(steps, *paths(steps)[2:])

    assert result.returncode == 2
    assert "--raw" in result.stderr


def test_a_step_that_fails_exits_with_1_and_a_plain_traceback(steps: Path) -> None:
    result = call(steps, *paths(steps), "--report", str(steps))

    assert result.returncode == 1
    assert "IsADirectoryError" in result.stderr or "PermissionError" in result.stderr
    assert "╭" not in result.stderr
    frames = [line for line in result.stderr.splitlines() if line.startswith("  File ")]
    assert 1 <= len(frames) <= 2, result.stderr
    assert not any(name in frames[0] for name in ("typer", "click", "step_io.py"))


def test_help(steps: Path) -> None:
    result = call(steps, "--help")

    assert result.returncode == 0
    for words in ("Take one of everything: [and] tell.", "reads uri_file", "[ridge|forest]", "default: 6"):
        assert words in result.stdout


def test_it_needs_nothing_of_the_repo(steps: Path) -> None:
    """Azure ML gets only the folder with its copy, so it imports only typer and the standard library."""
    source = CONTRACT.read_text(encoding="utf-8")

    imported = {
        line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import", "from"))
    }

    assert imported - set(sys.stdlib_module_names) == {"typer"}
