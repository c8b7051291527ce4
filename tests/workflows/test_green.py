"""The whole generated CI on a fresh repo: every job and every step of the file runs, and succeeds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflows.harness import Act, made_up_token

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
ALWAYS = ("lint", "types", "guard", "second-scan", "check", "ci")


def test_with_the_sample(act: Act, project: Callable[..., Path]) -> None:
    run = act.run(project())
    run.assert_green({**dict.fromkeys(ALWAYS, ()), "train": [{"model": "diabetes"}]})
    assert run.job("train").name == "CI/train (diabetes)"
    summary = run.summaries["CI/train (diabetes)"]
    assert "```mermaid" in summary
    assert all(step in summary for step in ("prep", "train", "evaluate", "predict"))
    kept = [path.name for path in (run.artifacts / "run-diabetes").rglob("*") if path.is_file()]
    assert "run.json" in kept
    assert "train.txt" in kept


def test_without_a_model_there_is_nothing_to_train(act: Act, project: Callable[..., Path]) -> None:
    run = act.run(project(sample=False), event="push")
    run.assert_green(dict.fromkeys(ALWAYS, ()))


def test_format_is_advice(act: Act, project: Callable[..., Path]) -> None:
    repo = project()
    (repo / "models" / "diabetes" / "steps" / "extra.py").write_text("a  =  1\n", encoding="utf-8")
    run = act.run(repo, job="lint")
    run.assert_green({"lint": []})
    assert "::warning title=ruff (unformatted)" in run.job("lint").steps["3"].log


def test_types_are_advice(act: Act, project: Callable[..., Path]) -> None:
    repo = project()
    file = repo / "models" / "diabetes" / "steps" / "extra.py"
    file.write_text('def area() -> int:\n    return "wide"\n', encoding="utf-8")
    run = act.run(repo, job="types")
    run.assert_green({"types": []})
    log = run.job("types").steps["3"].log
    assert "::warning file=models/diabetes/steps/extra.py,line=2,title=mypy::" in log
    assert "::notice::mypy reported errors" in log


def test_one_comment_silences_both_scans(act: Act, project: Callable[..., Path]) -> None:
    repo = project()
    line = f'example = "{made_up_token()}"  # pragma: allowlist secret\n'
    (repo / "models" / "diabetes" / "steps" / "extra.py").write_text(line, encoding="utf-8")
    act.run(repo, job="guard").assert_green({"guard": []})
    act.run(repo, job="second-scan").assert_green({"second-scan": []})


def test_everything_that_fails_is_named_at_the_end(act: Act, project: Callable[..., Path]) -> None:
    """Branch protection looks at `ci` alone: neither a failed job nor a skipped one may pass it by."""
    repo = project()
    (repo / "models" / "diabetes" / "steps" / "extra.py").write_text("import os\n", encoding="utf-8")
    (repo / "ruff.toml.rej").write_text("@@\n", encoding="utf-8")
    (repo / "models" / "diabetes" / "pipeline.yml").write_text("type: pipeline\njobs: [\n", encoding="utf-8")
    run = act.run(repo)
    results = {job.id: job.result for job in run.jobs}
    assert results["types"] == results["second-scan"] == "success"
    assert "train" not in results
    messages = ["lint: failure", "guard: failure", "check: failure", "train: skipped"]
    run.assert_red("ci", "Check that every job succeeded", *messages)
    assert "types:" not in run.job("ci").steps["0"].log.partition("::error")[2]
