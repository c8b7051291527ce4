"""A factory repo with runs as `mlroad train` and `mlroad gate` leave them, without any training."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from multiprocessing.context import ForkServerProcess as ForkProcess
from pathlib import Path
from typing import Any

import pytest

from mlroad.cli.main import main
from mlroad.core.digests import digest_of
from mlroad.data.version import DatasetVersion, write_version
from mlroad.gate.judged_by import rules_of
from mlroad.registry.registered_model import lineage_digest
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
size: {max_mb: 20}
inference_tests: [python]
onnx: {max_difference: 0.5}
"""
WAIVERS = """- gate: size
  owner: "@octocat"
  reason: One embedding more.
  expires: 2026-12-31
"""
PACKAGES = (REPO / "src",)
_FORKS = multiprocessing.get_context("forkserver")
_START = "from mlroad.__main__ import main; main()"
DIGESTS = {
    name: "sha256:" + letter * 64
    for name, letter in zip(("all", "prod", "dev", "holdout"), "abcd", strict=True)
}


def make_repo(folder: Path) -> Path:
    """A committed repo with the model diabetes: diabetes_train:1 and :2, and the holdout, from diabetes:1."""
    model = folder / "models" / "diabetes"
    (model / "inference_tests").mkdir(parents=True)
    (model / "pipeline.yml").write_text("type: pipeline\n", encoding="utf-8")
    (model / "provenance.yml").write_text(
        "repo: acme/prototypes\ntag: diabetes-v2\ncommit: 0123456789abcdef0123\n", encoding="utf-8"
    )
    (model / "inference_tests" / "suite.yml").write_text(
        f"model: diabetes\ndataset: azureml:diabetes_train:2\ndigest: {DIGESTS['dev']}\n", encoding="utf-8"
    )
    (model / "inference_tests" / "cases.jsonl").write_text("{}\n", encoding="utf-8")
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
        file.parent.mkdir(parents=True, exist_ok=True)
        write_version(
            DatasetVersion(
                file, name, str(number), "uri_file", f"{number}/data.csv", "", DIGESTS[digest],
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
    verdict: Mapping[str, Any] | None = None,
    git_state: Mapping[str, Any] | None = None,
    judged: bool = True,
) -> str:
    """A finished run with a green verdict; the other arguments make it less so. Its id."""
    run = f"20261124-{'1' if stage == 'prod' else '0'}{number:05d}-000000"
    folder = repo / ".runs" / "diabetes" / run
    model = folder / "outputs" / "model"
    model.mkdir(parents=True)
    (model / "MLmodel").write_text(f"flavors: none # {stage} {number}\n", encoding="utf-8")
    (model / "requirements.txt").write_text("scikit-learn==1.7.2\npandas\n", encoding="utf-8")
    (folder / "outputs" / "onnx").write_bytes(b"onnx")
    state = {"commit": git(repo, "rev-parse", "HEAD").strip(), "dirty": False, **(git_state or {})}
    data = {"dataset": f"diabetes_train:{1 if stage == 'prod' else 2}", "digest": DIGESTS[stage]}
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
    write(folder / "train.json", train)
    if judged:
        (folder / "gate").mkdir()
        write(
            folder / "gate" / "verdict.json", make_verdict(folder, run, stage, champion) | dict(verdict or {})
        )
        write(folder / "gate" / "inference.json", {"schema": 1, "passed": True})
        (folder / "gate" / "report.html").write_text("<p>report", encoding="utf-8")
    return run


def make_verdict(folder: Path, run: str, stage: str, champion: int | None) -> dict[str, Any]:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    data = {"raw": {key: record["inputs"]["raw"][key] for key in ("dataset", "digest")}}
    rules = rules_of(folder.parents[2] / "models" / "diabetes")
    mae = {
        "direction": "lower", "candidate": 45.5, "candidate_interval": [40.1, 51.0], "champion": 46.0,
        "difference": -0.5, "interval": [-1.2, 0.3], "verdict": "equal", "limit": 60, "max_regression": 3,
    }  # fmt: skip
    return {
        "schema": 1, "model": "diabetes", "run": run, "stage": stage, "verdict": "equal", "passed": True,
        "headline": "As good as the champion.", "task": "regression", "target": "progression",
        "decide_by": "mae",
        "candidate": {
            "commit": record["git"]["commit"], "dirty": record["git"]["dirty"],
            "digest": digest_of(folder / 'outputs' / 'model'), "data": data,
        },
        "champion": {"version": str(champion)} if champion else None,
        "holdout": {"dataset": "azureml:diabetes_holdout:1", "digest": DIGESTS["holdout"], "rows": 111},
        "checks": make_checks(champion is not None),
        "metrics": {"mae": mae},
        "slices": [
            {"column": "sex", "value": value, "rows": rows, "metric": "mae", "candidate": figure,
             "champion": None, "limit": 65, "verdict": "equal"}
            for value, rows, figure in (("1", 60, 43.0), ("2", 51, 48.0))
        ],
        "latency": {"p95_ms": 1.9, "budget_ms": 100}, "size": {"bytes": 21_000_000, "budget_bytes": 20000000},
        "inference": {
            "python": {"passed": True, "cases": 40, "failed": 0, "suite_digest": rules["inference_tests"]}
        },
        "onnx": {"max_difference": 0.0001, "budget": 0.5},
        "waivers": [
            {"gate": "size", "owner": "@octocat", "reason": "One embedding more.", "expires": "2026-12-31",
             "used": True}
        ],
        "rules": rules, "made": "2026-11-24T10:15:00+00:00", "factory": "0.1.0",
    }  # fmt: skip


def make_checks(champion: bool) -> list[dict[str, Any]]:
    """What GATES asks for, passed but for the size, which WAIVERS waives."""
    ids = ("candidate", "data.training", "data.holdout", "data.overlap", "predictions", "champion")
    figures = [
        ("metrics.mae.limit", 45.5, 60),
        *([("metrics.mae.regression", -0.5, 3)] if champion else []),
        ("slices.sex=1.mae.limit", 43.0, 65),
        ("slices.sex=2.mae.limit", 48.0, 65),
        ("latency.p95", 1.9, 100),
        ("inference.python", 40, None),
        ("onnx", 0.0001, 0.5),
    ]
    checks: list[dict[str, Any]] = [
        {"id": id_, "result": "passed", "what": "It is.", "value": None, "limit": None} for id_ in ids
    ]
    checks += [
        {"id": id_, "result": "passed", "what": f"{value} ≤ {limit}", "value": value, "limit": limit}
        for id_, value, limit in figures
    ]
    waived = {"result": "waived", "what": "21 MB > 20 MB", "value": 21_000_000, "limit": 20_000_000}
    return [*checks, {"id": "size", **waived}]


def write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def factory(repo: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: MLflow takes seconds to import, and is imported once so."""
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
        patch.setattr(sys, "argv", ["factory", *words])
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    if check and code:
        raise AssertionError(f"{words} exited with {code}\n{out.getvalue()}{err.getvalue()}")
    return subprocess.CompletedProcess(["factory", *words], code, out.getvalue(), err.getvalue())


def process(repo: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as users do, as a process of its own."""
    return call([sys.executable, "-c", _START, *words], repo, environment(), check)


def begin(repo: Path, *words: str) -> ForkProcess:
    """The same, in a fork of a process that has imported MLflow: it works at once, and can be killed."""
    _FORKS.set_forkserver_preload(["mlflow.store.model_registry.sqlalchemy_store", __name__])
    child = _FORKS.Process(target=_child, args=(repo, words), daemon=True)
    child.start()
    return child


def _child(repo: Path, words: Sequence[str]) -> None:
    os.environ.update(IDENTITY | environment())
    os.chdir(repo)
    sys.argv = ["factory", *words]
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.stdout = sys.stderr = nothing
        main()


def environment() -> dict[str, str]:
    quiet = {"GITHUB_ACTOR": "", "GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": "", "MLROAD_REGISTRY": ""}
    return {"PYTHONPATH": os.pathsep.join(map(str, PACKAGES)), **quiet}


def register(repo: Path, number: int, champion: int | None = None, twin: bool = True) -> str:
    """Make and register a run; its id."""
    run = make_run(repo, number, champion=champion)
    twins = ["--dev-run", make_run(repo, number, "dev", champion=champion)] if twin else []
    factory(repo, "register", "diabetes", "--run", run, *twins)
    return run


def rewrite_lineage(content: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what was registered, all copies of lineage.json and the tag that vouches for them."""
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
