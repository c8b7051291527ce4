"""Candidates with a verdict as the gate writes it, and the command line in that repo."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.digests import digest_of
from tests.unit.cli.command import Said, exit_code

RUN = "20261124-101500-123456"
DIGEST = f"sha256:{'ab' * 32}"


@dataclass(frozen=True)
class Repo:
    """A repo with one model and one candidate."""

    path: Path
    capfd: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def gate(self) -> Path:
        return self.path / ".runs" / "diabetes" / RUN / "gate"

    @property
    def page(self) -> str:
        return (self.gate / "report.html").read_text(encoding="utf-8")

    @property
    def markdown(self) -> str:
        return (self.gate / "report.md").read_text(encoding="utf-8")

    def judge(self, verdict: dict[str, Any], rows: str = "", inference: dict[str, Any] | None = None) -> None:
        """Write the gate's files."""
        write_json(self.gate / "verdict.json", verdict)
        (self.gate / "holdout.csv").write_text(rows, encoding="utf-8")
        if inference:
            write_json(self.gate / "inference.json", inference)

    def mlroad(self, arguments: str) -> Said:
        """`mlroad …` through the entry point of the console script."""
        self.monkeypatch.chdir(self.path)
        self.capfd.readouterr()
        code = exit_code(shlex.split(arguments))
        out, err = self.capfd.readouterr()
        return Said(code, out, err)

    def good(self, arguments: str) -> str:
        result = self.mlroad(arguments)
        assert result.code == 0, result
        return result.out


def write_json(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def repo(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Repo:
    root = tmp_path / "repo"
    make_repo(root)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return Repo(root, capfd, monkeypatch)


def make_repo(root: Path) -> None:
    """Model, dataset versions with their parents, and a finished run."""
    (root / "models" / "diabetes").mkdir(parents=True)
    (root / "models" / "diabetes" / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("[project]\nname = 'demo'\n", encoding="utf-8")
    (root / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    for name, parent in (("diabetes_train", "diabetes:1"), ("diabetes_holdout", "diabetes:1")):
        file = root / "datasets" / name / "1.yml"
        file.parent.mkdir(parents=True)
        file.write_text(
            f'name: {name}\nversion: "1"\ntype: uri_file\npath: ./1/x.csv\ntags:\n'
            f'  digest: {DIGEST}\n  rows: "331"\n  stage: prod\n  parent: {parent}\n',
            encoding="utf-8",
        )
    run = root / ".runs" / "diabetes" / RUN
    write_json(
        run / "run.json",
        {
            "state": "completed",
            "started": "2026-11-24T10:15:00+00:00",
            "parameters": {"alpha": "0.4", "seed": "7"},
            "inputs": {"raw": {"dataset": "diabetes_train:1", "dataset_digest": DIGEST}},
        },
    )
    write_json(
        run / "train.json",
        {"schema": 1, "model": "diabetes", "data": "dev", "target": "local", "run": RUN, "job": None},
    )
    (run / "outputs" / "model").mkdir(parents=True)
    (run / "outputs" / "model" / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")


def model_digest(root: Path) -> str:
    return digest_of(root / ".runs" / "diabetes" / RUN / "outputs" / "model")


def metric(
    direction: str, candidate: float, champion: float | None, half: float, **more: Any
) -> dict[str, Any]:
    """The measurements of one metric; ``half`` is half the width of its interval."""
    found: dict[str, Any] = {
        "direction": direction,
        "candidate": candidate,
        "candidate_interval": [candidate - 4 * half, candidate + 4 * half],
        "champion": champion,
        "difference": None,
        "interval": None,
        "verdict": "better",
        **more,
    }
    if champion is not None:
        found["difference"] = candidate - champion
        found["interval"] = [candidate - champion - half, candidate - champion + half]
    return found


def check(identity: str, result: str, what: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "result": result, "what": what, **more}


def verdict_of(digest: str, champion: bool = True) -> dict[str, Any]:
    """The verdict on a better candidate. Each test changes the parts that it needs."""

    def was(value: float) -> float | None:
        return value if champion else None

    return {
        "schema": 1, "model": "diabetes", "run": RUN, "stage": "dev", "verdict": "better", "passed": True,
        "headline": "MAE is 44.1: better than the champion's 46.3 by 2.2 (95 % interval −3.6 to −0.8)."
        if champion else "No champion yet: judged by its limits alone.",
        "task": "regression", "target": "progression", "decide_by": "mae",
        "candidate": {
            "commit": "7a2cbfc1d0e44f0a8c6e5b1f2a3d4c5e6f708192", "dirty": False, "digest": digest,
            "data": {"raw": {"dataset": "diabetes_train:1", "digest": DIGEST}},
        },
        "champion": {"version": "3", "digest": DIGEST, "commit": "fbf325d"} if champion else None,
        "holdout": {"dataset": "diabetes_holdout:1", "digest": f"sha256:{'cd' * 32}", "rows": 111},
        "checks": [
            check("data.training", "passed", "It was trained on diabetes_train:1, as data.yml says."),
            check("data.holdout", "passed", "diabetes_holdout:1 is as it was frozen."),
            check("data.overlap", "passed", "No row of the holdout is in the training data."),
            check("metrics.mae.limit", "passed", "MAE is 44.1, at most 60.", value=44.1, limit=60),
            check("metrics.mae.regression", "passed", "MAE is 2.2 better than the champion's."),
            check("metrics.r2.limit", "passed", "R² is 0.512, at least 0.3.", value=0.512, limit=0.3),
            check("slices.sex=1.mae.limit", "passed", "MAE is 43 for sex = 1, at most 65."),
            check("slices.sex=2.mae.limit", "passed", "MAE is 45.6 for sex = 2, at most 65."),
            check("latency.p95", "passed", "95 % of answers come within 1.9 ms, at most 100."),
            check("size", "passed", "The model takes 0.02 MB on disk, limit 20 MB."),
            check("inference.pyfunc", "passed", "40 of 40 cases are as expected."),
            check("onnx", "passed", "The ONNX file differs by at most 0.0001."),
        ],
        "metrics": {
            "mae": metric("lower", 44.1, was(46.3), 1.4, limit=60, max_regression=3),
            "r2": metric("higher", 0.512, was(0.49), 0.034, limit=0.3, max_regression=0.05, verdict="equal"),
            "rmse": metric("lower", 55.2, was(56.0), 1.9, limit=None, max_regression=4, verdict="equal"),
        },
        "slices": [
            {"column": "sex", "value": "1", "rows": 60, **metric("lower", 43.0, was(44.4), 2.2, limit=65,
             max_regression=6, verdict="equal", metric="mae")},
            {"column": "sex", "value": "2", "rows": 51, **metric("lower", 45.6, was(48.9), 2.6, limit=65,
             max_regression=6, verdict="better", metric="mae")},
        ],
        "latency": {"p50_ms": 1.2, "p95_ms": 1.9, "rows": 200, "champion_p95_ms": was(2.0), "budget_ms": 100},
        "size": {"bytes": 21_345, "budget_bytes": 20_000_000},
        "inference": {"pyfunc": {"passed": True, "cases": 40, "failed": 0, "suite_digest": DIGEST}},
        "onnx": {"max_difference": 0.0001, "budget": 0.5},
        "waivers": [],
        "bootstrap": {"resamples": 10_000, "confidence": 0.95, "seed": 7,
                      "method": "Efron and Tibshirani (1993), percentile interval."},
        "made": "2026-11-24T10:20:00+00:00", "factory": "0.1.0",
    }  # fmt: skip


def worse(verdict: dict[str, Any]) -> dict[str, Any]:
    """The same candidate, but with a much worse slice, two wrong answers, and a waived third check."""
    verdict |= {
        "verdict": "worse",
        "passed": False,
        "headline": "Worse than the champion for sex = 2, by 12.1 MAE.",
    }
    by_id = {found["id"]: found for found in verdict["checks"]}
    by_id["slices.sex=2.mae.limit"] |= {"result": "failed", "what": "MAE is 71 for sex = 2, more than 65."}
    by_id["inference.pyfunc"] |= {"result": "broken", "what": "2 of 40 cases are not as expected."}
    by_id["size"] |= {"result": "waived", "what": "The model takes 24 MB on disk, limit 20 MB."}
    verdict["size"]["bytes"] = 24_000_000
    verdict["slices"][1] |= metric("lower", 71.0, 58.9, 5.6, limit=65, max_regression=6, verdict="worse")
    verdict["inference"]["pyfunc"] |= {"passed": False, "failed": 2}
    verdict["waivers"] = [
        {"gate": "size", "owner": "@octocat", "reason": "Smaller trees follow in #12.",
         "expires": "2026-12-31", "used": True},
    ]  # fmt: skip
    return verdict


def inference(digest: str, wrong: int = 0) -> dict[str, Any]:
    results = [
        {"id": f"golden-{i:03}", "kind": "golden", "passed": i >= wrong,
         "what": f"expected 151.3, got {151.3 + 9 * (i < wrong):.1f} (allowed: 0.5)"}
        for i in range(40)
    ]  # fmt: skip
    return {
        "schema": 1, "runtime": "pyfunc", "model": "diabetes", "run": RUN, "model_digest": digest,
        "suite_digest": DIGEST, "passed": not wrong, "cases": 40, "failed": wrong, "results": results,
        "latency": {"p50_ms": 1.0, "p95_ms": 1.4}, "made": "2026-11-24T10:18:00+00:00",
    }  # fmt: skip


def regression_rows(rows: int = 111, champion: bool = True) -> str:
    rng = random.Random(7)
    lines = ["row,truth,candidate,champion,sex"]
    for row in range(rows):
        truth = rng.gauss(152, 70)
        prediction = 150 + 0.6 * (truth - 152) + rng.gauss(0, 38)
        before = f"{prediction + rng.gauss(0, 22):.3f}" if champion else ""
        lines.append(f"{row},{truth:.3f},{prediction:.3f},{before},{row % 2 + 1}")
    return "\n".join(lines) + "\n"


def class_rows(rows: int = 400) -> str:
    rng = random.Random(7)
    lines = ["row,truth,candidate,champion"]
    for row in range(rows):
        chance = rng.betavariate(0.8, 0.8)
        before = min(1.0, max(0.0, chance + rng.gauss(0, 0.18)))
        lines.append(f"{row},{int(rng.random() < chance)},{chance:.4f},{before:.4f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def better(repo: Repo) -> Repo:
    """A repo whose candidate is better than its champion."""
    digest = model_digest(repo.path)
    repo.judge(verdict_of(digest), regression_rows(), inference(digest))
    return repo


Verdicts = Callable[[], dict[str, Any]]
