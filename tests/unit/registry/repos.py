"""A factory repo with runs as `mlroad train` and `mlroad gate` leave them, but without a real model."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess as ForkProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlroad.cli.main import main
from mlroad.core.digests import digest_of
from mlroad.data.version import DatasetVersion, write_version
from mlroad.gate.records import (
    Champion,
    ModelAnswers,
    Overlap,
    Records,
    SuiteAnswers,
    Timings,
    write_records,
)
from mlroad.models.case_answers import CaseAnswers
from mlroad.models.model_process import Answer
from mlroad.models.suite import file_digest, suite_digest
from mlroad.models.tensors import Tensor
from mlroad.registry.local_registry import LocalRegistry
from mlroad.registry.registered_model import lineage_digest
from mlroad.run.model_packages import installed_packages
from tests.support import IDENTITY, REPO, call, commit_all, git

GATES = """task: regression
holdout: azureml:diabetes_holdout:1
target: progression
champion: optional
decide_by: mae
metrics:
  mae: {limit: 60, max_regression: 3}
slices:
  - {column: sex, metric: mae, limit: 65}
latency: {p95_ms: 100}
size: {max_mb: 0.001}
inference_tests: [pyfunc]
onnx: {max_difference: 0.5}
bootstrap: {resamples: 100}
"""
EXPIRES = datetime.now(UTC).date() + timedelta(days=30)
WAIVERS = f"""- gate: size
  owner: "@octocat"
  reason: One more embedding.
  expires: {EXPIRES}
"""
PACKAGES = (REPO / "src",)
_FORKS = multiprocessing.get_context("forkserver")
_START = "from mlroad.__main__ import main; main()"
ROWS = [(1 + row % 2, row, 100.0 + 3 * row) for row in range(240)]
DATA = {
    name: "sex,age,progression\n" + "".join(f"{sex},{age},{value}\n" for sex, age, value in rows)
    for name, rows in (
        ("all", ROWS), ("prod", ROWS[111:]), ("dev", ROWS[111:170]), ("holdout", ROWS[:111]),
    )
}  # fmt: skip
DIGESTS = {name: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in DATA.items()}
TRUTH = np.array([value for _, _, value in ROWS[:111]])
_INPUT = {"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [1.0]}
_OUTPUT = {"name": "prediction", "shape": [1], "datatype": "FP64", "data": [7.0]}
CASES = (
    {"id": "golden-1", "kind": "golden", "request": {"inputs": [_INPUT]}, "expect": {"outputs": [_OUTPUT]}},
    {"id": "no-age", "kind": "invalid", "request": {"inputs": []}, "expect": {"error": True}},
)
_SEVEN = Answer((Tensor("prediction", "FP64", (1,), (7.0,)),))
ANSWERS = {
    "golden-1": CaseAnswers(_SEVEN, batch=_SEVEN),
    "no-age": CaseAnswers(Answer(refused="ValueError: age is missing")),
}


def make_repo(folder: Path) -> Path:
    """Make a repo with the model diabetes. diabetes_train:1 and :2 and the holdout derive from diabetes:1."""
    model = folder / "models" / "diabetes"
    (model / "inference_tests").mkdir(parents=True)
    (model / "pipeline.yml").write_text("type: pipeline\n", encoding="utf-8")
    (model / "provenance.yml").write_text(
        "repo: acme/prototypes\ntag: diabetes-v2\ncommit: 0123456789abcdef0123\n"
        f"datasets: {{'diabetes:1': '{DIGESTS['all']}'}}\n",
        encoding="utf-8",
    )
    cases = model / "inference_tests" / "cases.jsonl"
    cases.write_text("".join(json.dumps(case) + "\n" for case in CASES), encoding="utf-8")
    (model / "inference_tests" / "suite.yml").write_text(
        f"model: diabetes\ndataset: azureml:diabetes_train:2\ndigest: {DIGESTS['dev']}\n"
        f"cases: cases.jsonl\ncases_digest: {file_digest(cases)}\n"
        "tolerance: {absolute: 0.5}\nretrained: {absolute: 1}\n",
        encoding="utf-8",
    )
    (model / "gates.yml").write_text(GATES, encoding="utf-8")
    (model / "waivers.yml").write_text(WAIVERS, encoding="utf-8")
    (model / "data.yml").write_text(
        "raw:\n  dev: azureml:diabetes_train:2\n  prod: azureml:diabetes_train:1\n", encoding="utf-8"
    )
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    (folder / ".gitignore").write_text(".runs/\n.registry/\n", encoding="utf-8")
    for name, number, digest, parents, stage in (
        ("diabetes", 1, "all", (), "prod"),
        ("diabetes_train", 1, "prod", ("diabetes:1",), "prod"),
        ("diabetes_train", 2, "dev", ("diabetes_train:1",), "dev"),
        ("diabetes_holdout", 1, "holdout", ("diabetes:1",), "prod"),
    ):
        file = folder / "datasets" / name / f"{number}.yml"
        (file.parent / str(number)).mkdir(parents=True, exist_ok=True)
        (file.parent / str(number) / "data.csv").write_bytes(DATA[digest].encode())
        write_version(
            DatasetVersion(
                file, name, str(number), "uri_file", f"./{number}/data.csv", "", DIGESTS[digest],
                stage=stage, parents=parents,
            )
        )  # fmt: skip
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit_all(folder, "Start")
    return folder


def make_run(
    repo: Path,
    number: int,
    stage: str = "prod",
    champion: int | None = None,
    error: float = 45.5,
    git_state: Mapping[str, Any] | None = None,
    judged: bool = True,
) -> str:
    """Make a finished run, as the gate leaves it; return its id.

    Each prediction is off by ``error``, those of the champion by 45.5.
    """
    run = f"20261124-{'1' if stage == 'prod' else '0'}{number:05d}-000000"
    folder = repo / ".runs" / "diabetes" / run
    model = folder / "outputs" / "model"
    model.mkdir(parents=True)
    (model / "MLmodel").write_text(f"flavors: none # {stage} {number} {'#' * 2000}\n", encoding="utf-8")
    (model / "requirements.txt").write_text("scikit-learn==1.7.2\npandas\n", encoding="utf-8")
    (folder / "outputs" / "onnx").write_bytes(b"onnx")
    state = {"commit": git(repo, "rev-parse", "HEAD").strip(), "dirty": False, **(git_state or {})}
    data = {"dataset": f"diabetes_train:{1 if stage == 'prod' else 2}", "dataset_digest": DIGESTS[stage]}
    record = {
        "schema": 1, "id": run, "state": "completed", "git": state,
        "pipeline": "models/diabetes/pipeline.yml", "parameters": {"max_depth": 3}, "python": "3.11.2",
        "inputs": {"raw": {"type": "uri_file", "path": "x.csv", **data}},
        "steps": {
            "train": {"inputs": {
                "raw": {"path": "/x.csv", **data}, "alpha": {"value": "10.0"}, "max_depth": {"value": "3"},
            }},
        },
    }  # fmt: skip
    write(folder / "run.json", record)
    train = {"schema": 1, "model": "diabetes", "data": stage, "target": "local", "run": run, "job": None}
    write(folder / "train.json", {**train, "packages": installed_packages(folder / "outputs" / "model")})
    if judged:
        judge_run(repo, run, champion, error)
    return run


def judge_run(repo: Path, run: str, champion: int | None = None, error: float = 45.5) -> Records:
    """Write the files that `mlroad gate` writes for a run, without loading a model."""
    folder = repo / ".runs" / "diabetes" / run
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    digests = {name: digest_of(folder / "outputs" / name) for name in ("model", "onnx")}
    write(folder / "run.json", {**record, "outputs": {name: {"digest": digests[name]} for name in digests}})
    (folder / "gate").mkdir(exist_ok=True)
    used = record["inputs"]["raw"]
    signs = np.where(np.arange(len(TRUTH)) % 2, 1, -1)
    answers = ModelAnswers(digests["model"], values=TRUTH + signs * error)
    its = _champion(repo, champion, "prod" if used["dataset"] == "diabetes_train:1" else "dev")
    records = Records(
        model="diabetes",
        run=run,
        holdout="diabetes_holdout:1",
        holdout_digest=DIGESTS["holdout"],
        rows=len(TRUTH),
        target="progression",
        overlap=Overlap({used["dataset"]: used["dataset_digest"]}, clean=True, what="No row is shared."),
        candidate=answers,
        champion=its,
        champion_answers=ModelAnswers(its.digest, values=TRUTH + signs * 45.5) if its else None,
        onnx=ModelAnswers(digests["onnx"], values=TRUTH + signs * error + 0.0001),
        timings=Timings((1.9,) * 111),
        cases={"pyfunc": SuiteAnswers(suite_digest(repo / "models" / "diabetes"), ANSWERS)},
        again=dict.fromkeys(("repeated", "restarted", "shuffled", "sizes", "single", "first"), answers),
        single_rows=tuple(range(len(TRUTH))),
        first_rows=tuple(range(len(TRUTH))),
    )
    write_records(folder / "gate", records)
    write(folder / "gate" / "inference.json", {"schema": 1, "passed": True})
    (folder / "gate" / "report.html").write_text("<p>report", encoding="utf-8")
    return records


def _champion(repo: Path, number: int | None, stage: str) -> Champion | None:
    if number is None:
        return None
    lineage = LocalRegistry.of(repo).version("diabetes", number).lineage
    digest = lineage["model_digest" if stage == "prod" else "dev_model_digest"]
    return Champion(str(number), str(digest), lineage["commit"])


def write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def factory(repo: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: MLflow takes seconds to import, and is imported only once."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name, value in {**IDENTITY, **environment()}.items():
            patch.setenv(name, value)
        patch.chdir(repo)
        patch.setattr(sys, "argv", ["mlroad", *words])
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    if check and code:
        raise AssertionError(f"{words} exited with {code}\n{out.getvalue()}{err.getvalue()}")
    return subprocess.CompletedProcess(["mlroad", *words], code, out.getvalue(), err.getvalue())


def process(repo: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as users do, as a separate process."""
    return call([sys.executable, "-c", _START, *words], repo, environment(), check)


def begin(repo: Path, *words: str) -> ForkProcess:
    """Start a command in a fork of a process that has imported MLflow: it starts fast, and can be killed."""
    _FORKS.set_forkserver_preload(["mlflow.store.model_registry.sqlalchemy_store", __name__])
    child = _FORKS.Process(target=_child, args=(repo, words), daemon=True)
    child.start()
    return child


def _child(repo: Path, words: Sequence[str]) -> None:
    os.environ.update(IDENTITY | environment())
    os.chdir(repo)
    sys.argv = ["mlroad", *words]
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.stdout = sys.stderr = nothing
        main()


def environment() -> dict[str, str]:
    quiet = {"GITHUB_ACTOR": "", "GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": "", "MLROAD_REGISTRY": ""}
    return {"PYTHONPATH": os.pathsep.join(map(str, PACKAGES)), **quiet}


def register(repo: Path, number: int, champion: int | None = None, twin: bool = True) -> str:
    """Make and register a run; return its id."""
    run = make_run(repo, number, champion=champion)
    twins = ["--dev-run", make_run(repo, number, "dev", champion=champion)] if twin else []
    factory(repo, "register", "diabetes", "--run", run, *twins)
    return run


def rewrite_lineage(content: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the registered lineage: all copies of lineage.json, and the tag with their digest."""
    lineage = json.loads((content / "lineage.json").read_text(encoding="utf-8"))
    change(lineage)
    for file in content.rglob("lineage.json"):
        write(file, lineage)
    tag = lineage_digest(content / "lineage.json")
    with closing(sqlite3.connect(content.parents[2] / "mlflow.db")) as database, database:
        its = (
            "SELECT version FROM model_version_tags"
            " WHERE name = ? AND key = 'lineage_id' AND substr(value, 1, 16) = ?"
        )
        sql = (
            "UPDATE model_version_tags SET value = ?"
            f" WHERE key = 'lineage_digest' AND name = ? AND version = ({its})"
        )
        done = database.execute(sql, (tag, content.parent.name, content.parent.name, content.name))
        assert done.rowcount == 1


def listed(repo: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(factory(repo, "list", "--json").stdout)
    return found


def aliases(repo: Path) -> dict[str, int]:
    return {alias: its["version"] for its in listed(repo) for alias in its["aliases"]}
