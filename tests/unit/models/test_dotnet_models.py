"""Models in Python, ONNX Runtime and .NET by one command, and the how-to for a .NET application.

The sample's data, a multiclass model and a text model in one repo, which has the harness and builds it once.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlroad.core.repo import DOTNET_HARNESS
from mlroad.models.runtimes import RUNTIMES
from tests.support import REPO, git
from tests.unit.models.saved_models import RUN, called, frozen, save_run

HARNESS = REPO / "factory_template/harness/dotnet"
HOW_TO = REPO / "docs/how-to/use-a-champion-in-dotnet.md"
OTHER = "20000101-000000-000000"
"""A run whose model has other weights."""
ASKED = [runtime for runtime in RUNTIMES if runtime != "http"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dotnet") is None, reason="there is no .NET SDK on the PATH"),
]


def _models() -> dict[str, tuple[Any, pd.DataFrame, str]]:
    """A fitted model, its rows and its function, by name."""
    [data] = (REPO / "prototype_template/datasets").glob("*/1/diabetes.csv")
    patients = pd.read_csv(data, dtype=float)
    rows = patients[["age", "bmi", "glucose"]]
    scaled = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(rows, patients["progression"])
    risk = np.asarray(pd.qcut(patients["progression"], 3, labels=["low", "middle", "high"]).astype(object))
    classes = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, risk)
    words = np.random.default_rng(0).choice(["pay", "bill", "help", "Größe", "late", "not"], (150, 5))
    texts = pd.DataFrame({"text": [" ".join(row) for row in words]})
    topics = np.asarray(texts["text"].map(lambda its: "money" if "bill" in its else "other"), dtype=object)
    vectors = make_column_transformer((TfidfVectorizer(), "text"))
    return {
        "diabetes": (scaled, rows, "predict"),
        "risk": (classes, rows, "predict_proba"),
        "topics": (make_pipeline(vectors, LogisticRegression()).fit(texts, topics), texts, "predict"),
    }


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dotnet") / "factory"
    for name, (model, rows, function) in _models().items():
        save_run(root, name, model, rows, function)
        frozen(root, name)
        model[-1].coef_ *= -1
        save_run(root, name, model, rows, function, run=OTHER)
    shutil.copytree(HARNESS, root / DOTNET_HARNESS, ignore=shutil.ignore_patterns("bin", "obj"))
    git(root, "init", "--quiet")
    return root


@pytest.mark.parametrize("name", ["diabetes", "risk", "topics"])
def test_python_onnx_and_dotnet_agree_and_each_sees_other_weights(repo: Path, name: str) -> None:
    done = called(repo, "test", f"models/{name}", "--run", RUN, "--runtime", "all")
    assert done.exit_code == 0, done.output
    assert re.search(r"case +kind +pyfunc +onnx +dotnet\n", done.output), done.output
    rows = re.findall(r"^golden-\w+ +golden +(\w+) +(\w+) +(\w+)$", done.output, re.MULTILINE)
    assert len(rows) >= 4, done.output
    assert set(rows) == {("passed", "passed", "passed")}
    done = called(repo, "test", f"models/{name}", "--run", OTHER, "--runtime", "all")
    assert done.exit_code == 1, done.output
    for runtime in ASKED:
        assert re.search(rf"MI201: {runtime}: golden-\w+: \w+\[0.*\] is .*, expected ", done.output), (
            done.output
        )
        assert re.search(rf"cases failed in {runtime}: {name}, run {OTHER}", done.output), done.output


def test_the_how_to_from_an_empty_folder_to_a_green_dotnet_test(repo: Path) -> None:
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
        words = command.replace("--version champion", f"--run {RUN}").split()
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
