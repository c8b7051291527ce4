"""Models in Python, ONNX Runtime and .NET by one command, and the how-to for a .NET application.

In a generated factory: the sample, and a multiclass and a text model as `mlroad new` makes them.
"""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlroad.core.repo import DOTNET_HARNESS
from mlroad.models.runtimes import RUNTIMES
from mlroad.run.tracking_address import file_store
from tests.built_harness import HARNESS, built_harness, needs_dotnet
from tests.support import REPO, drop_steps
from tests.unit.models.saved_models import called

HOW_TO = REPO / "docs/how-to/use-a-champion-in-dotnet.md"
KINDS = {"diabetes": "", "risk": "multiclass", "topics": "text_classification"}
"""The models by name; the first one is the sample."""
OTHER = "20000101-000000-000000"
"""A run whose model has another weight, on which each answer depends."""
ASKED = [runtime for runtime in RUNTIMES if runtime != "http"]

pytestmark = [pytest.mark.slow, needs_dotnet]


@pytest.fixture(scope="module")
def repo(rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dotnet") / "factory"
    shutil.copytree(rendered(template="factory", dotnet=True), root, symlinks=True)
    shutil.rmtree(root / DOTNET_HARNESS)
    shutil.copytree(built_harness(tmp_path_factory), root / DOTNET_HARNESS)
    return root


def mlroad(repo: Path, *command: str) -> None:
    """Run a command that succeeds; what steps log goes beside the repo."""
    done = called(repo, *command, UV_OFFLINE="1", **file_store(repo / "tracked"))
    assert done.exit_code == 0, done.output


def trained(repo: Path, name: str) -> None:
    """Make, train and freeze a model, and a run with another weight, unless they are there."""
    runs = repo / ".runs" / name
    if runs.exists():
        return
    folder = f"models/{name}"
    if kind := KINDS[name]:
        mlroad(repo, "new", name, "--kind", kind)
    drop_steps(repo / folder, "evaluate", "predict")
    mlroad(repo, "train", folder, "--data", "dev")
    if kind:
        mlroad(repo, "freeze", folder)
    [run] = runs.glob("2*")
    file = Path(shutil.copytree(run, runs / OTHER)) / "outputs/model/model.pkl"
    fitted = pickle.loads(file.read_bytes())
    weights = np.array(fitted[-1].intercept_, ndmin=1)  # of a regression, it is one number
    weights[0] += 20
    fitted[-1].intercept_ = weights if len(weights) > 1 else weights[0]
    file.write_bytes(pickle.dumps(fitted))


@pytest.mark.parametrize("name", KINDS)
def test_python_onnx_and_dotnet_agree_and_each_sees_another_weight(repo: Path, name: str) -> None:
    trained(repo, name)
    done = called(repo, "test", f"models/{name}", "--runtime", "all")
    assert done.exit_code == 0, done.output
    assert re.search(r"case +kind +pyfunc +onnx +dotnet\n", done.output), done.output
    rows = re.findall(r"^[\w-]+ +\w+ +(\w+) +(\w+) +(\w+)$", done.output, re.MULTILINE)[1:]
    cases = (repo / f"models/{name}/inference_tests/cases.jsonl").read_text(encoding="utf-8").splitlines()
    assert rows == [("passed", "passed", "passed")] * len(cases)
    done = called(repo, "test", f"models/{name}", "--run", OTHER, "--runtime", "all")
    assert done.exit_code == 1, done.output
    red = [
        set(re.findall(rf"MI20\d: {runtime}: ([\w-]+): [\w-]+\[0.*\] is .*, expected ", done.output))
        for runtime in ASKED
    ]
    assert red == red[:1] * len(ASKED), done.output
    assert red[0], done.output


def test_the_how_to_from_an_empty_folder_to_a_green_dotnet_test(repo: Path) -> None:
    trained(repo, "diabetes")
    application = repo.parent / "clinic"
    text = HOW_TO.read_text(encoding="utf-8")
    files = dict(re.findall(r"^`(Clinic[\w./]+)`:\n\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert len(files) == 4, files.keys()
    for name, content in files.items():
        (application / name).parent.mkdir(parents=True, exist_ok=True)
        (application / name).write_text(content, encoding="utf-8")
    copied = re.findall(
        r"`([\w.]+/|[\w.]+\.(?:props|json))`", text.partition("## 2.")[2].partition("## 3.")[0]
    )
    assert {"Core/", "Testing/", "global.json"} <= set(copied)
    for name in copied:
        if name.endswith("/"):
            ignored = shutil.ignore_patterns("bin", "obj")
            shutil.copytree(HARNESS / name, application / name, ignore=ignored)
        else:
            shutil.copyfile(HARNESS / name, application / name)
    commands = re.findall(r"^\$ uv run mlroad (.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:  # this repo has runs, and no champion
        words = command.replace(" --version champion", "").split()
        done = called(repo, *words)
        assert done.exit_code == 0, done.output
    [test] = re.findall(r"^\$ (dotnet test .*)$", text, re.MULTILINE)
    done = _dotnet(application, test)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Passed!" in done.stdout
    done = called(repo, "export", "models/diabetes", "--run", OTHER, "--out", "../clinic/Models/diabetes")
    assert done.exit_code == 0, done.output
    done = _dotnet(application, test)
    assert done.returncode != 0, done.stdout[-3000:]
    assert "The_model_answers_as_it_was_frozen" in done.stdout


def _dotnet(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    words = [*command.split(), "-p:UseSharedCompilation=false"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
