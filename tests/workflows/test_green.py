"""The whole generated CI on a fresh repo: every job and every step in the file runs and succeeds."""

from __future__ import annotations

import json
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
    repo = project()
    run = act.run(repo)
    run.assert_green({**dict.fromkeys(ALWAYS, ()), "train": [{"model": "diabetes"}]})
    assert run.job("train").name == "CI/train (diabetes)"
    summary = run.summaries["CI/train (diabetes)"]
    assert "```mermaid" in summary
    assert all(step in summary for step in ("prep", "train", "evaluate", "predict"))
    kept = {path.name: path for path in (run.artifacts / "run-diabetes").rglob("*") if path.is_file()}
    assert "train.txt" in kept
    python = json.loads(kept["run.json"].read_text(encoding="utf-8"))["python"]
    assert python.rpartition(".")[0] == (repo / ".python-version").read_text(encoding="utf-8").strip()


def test_without_a_model_and_with_advice_only(act: Act, project: Callable[..., Path]) -> None:
    """Nothing to train, and a file that is not formatted, has type errors, and contains an allowed secret.

    All jobs run on the organization's own runner.
    """
    repo = project(sample=False)
    text = f'a  =  1\nexample = "{made_up_token()}"  # pragma: allowlist secret\n\n\n'
    text += 'def area() -> int:\n    return "wide"\n'
    (repo / "models" / "extra.py").write_text(text, encoding="utf-8")
    own = ["--var", "MLROAD_RUNNER=our-linux", "-P", "our-linux=-self-hosted"]
    run = act.run(repo, event="push", arguments=own)
    run.assert_green(dict.fromkeys(ALWAYS, ()))
    elsewhere = act.run(repo, event="push", arguments=own[:2])  # act has no runner for this label
    assert not [job for job in elsewhere.jobs if job.steps]
    assert "::warning title=ruff (unformatted)" in run.job("lint").steps["3"].log
    log = run.job("types").steps["2"].log
    assert "::warning file=models/extra.py,line=6,title=mypy::" in log
    assert "::notice::mypy reported errors" in log


def test_a_factory_without_a_model(act: Act, project: Callable[..., Path]) -> None:
    """mypy fails where there is no file, so its step is skipped."""
    repo = project(template="factory", sample=False)
    run = act.run(repo, workflow="pr.yml", fork=True)  # a fork gets no comment
    jobs = ("lint", "types", "guard", "second-scan", "check", "selftest", "affected", "ci")
    run.assert_green(dict.fromkeys(jobs, ()), skipped=[("types", "Types")])


def test_with_mlroad_from_git(act: Act, project: Callable[..., Path]) -> None:
    """No wheel: mlroad comes from the template's repo, at the commit that this repo was rendered from."""
    repo = project(sample=False, toolkit="git")
    assert not (repo / "vendor").exists()
    run = act.run(repo, job="check")  # each job installs it in the same way
    run.assert_green({"check": ()})
    assert "there is no wheel to verify" in run.job("check").steps["1"].log
