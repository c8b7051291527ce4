"""A factory whose models a .NET application uses: its pull requests ask the affected models in .NET, too."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import git
from tests.workflows.harness import Act

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
    pytest.mark.skipif(shutil.which("dotnet") is None, reason="no .NET SDK is on the path"),
]


def test_a_pull_request_asks_the_model_in_every_runtime(act: Act, project: Callable[..., Path]) -> None:
    repo = project(template="factory", dotnet=True)
    base = git(repo, "rev-parse", "HEAD").strip()
    card = repo / "models" / "diabetes" / "MODEL_CARD.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nReviewed.\n", encoding="utf-8")
    run = act.run(repo, job="model", workflow="pr.yml", base=base)
    job = run.job("model", model="diabetes")
    assert job.result == "success", run.output
    log = next(step.log for step in job.steps.values() if step.name == "Gates")
    for runtime in ("pyfunc", "onnx", "dotnet"):
        assert f"inference.{runtime}: All 22 inference tests passed" in log
    assert "All 22 cases passed in pyfunc, onnx, dotnet." in run.summaries["PR/model (diabetes)"]


def test_the_job_that_tests_the_harness(act: Act, project: Callable[..., Path]) -> None:
    """It compiles without warnings, and its own tests pass."""
    run = act.run(project(template="factory", dotnet=True), job="harness", workflow="pr.yml")
    job = run.job("harness")
    assert job.result == "success", run.output
    log = next(step.log for step in job.steps.values() if step.name == "Test the harness")
    found = re.search(r"succeeded: (\d+)", log)
    assert found, log
    assert int(found[1]) > 120
