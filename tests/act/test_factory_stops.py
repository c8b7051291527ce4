"""What the road from a merge to the champion stops, job by job and step by step: one merge of five models.

Each has one fault planted, which nothing before the step that must stop it can see.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.act.harness import Act, Run
from tests.act.quick_model import in_wrong_units, quick_model
from tests.support import commit_all, git

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
MODELS = ["alone", "answers", "locked", "units", "worse"]
# The words of GitHub for a ruleset that the workflow may not bypass.
LOCK = """#!/bin/sh
case "$1 $(git log -1 --format=%s "$3")" in
  "refs/heads/registry registry: register locked:"*)
    echo "error: GH013: Repository rule violations found for $1." >&2
    exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Merged:
    """A factory after the merge, and the run that it started."""

    repo: Path
    run: Run

    def steps(self, model: str) -> list[str]:
        """The steps of a model's candidate job that ran."""
        job = self.run.job("candidate", called=f"({model})")
        return [step.name for step in job.steps.values() if step.result]


@pytest.fixture(scope="module")
def merged(act: Act, rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Merged:
    repo = Path(shutil.copytree(rendered(template="factory"), tmp_path_factory.mktemp("stops") / "demo"))
    quick_model(repo, "worse", limit=50)
    quick_model(repo, "answers", retrained=0.01)
    quick_model(repo, "units", prod=in_wrong_units(repo))
    quick_model(repo, "locked")
    quick_model(repo, "alone")
    commit_all(repo, "Five models")
    hook = repo / ".git" / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(LOCK, encoding="utf-8", newline="\n")
    hook.chmod(0o755)
    run = act.run(repo, workflow="cd.yml", event="push", base="HEAD~1")
    assert sorted(job.name.partition("(")[2][:-1] for job in run.jobs if job.id == "candidate") == MODELS
    return Merged(repo, run)


@pytest.mark.parametrize(
    ("model", "step", "messages"),
    [
        ("worse", "Gates (dev)", ["mae is 55.09", "failed  metrics.mae.limit"]),
        ("answers", "Inference tests (prod)", ["golden-1"]),
        ("units", "Gates (prod)", ["failed  metrics.mae.limit"]),
        (
            "locked",
            "Register the candidate",
            [
                "The branch registry cannot be pushed to origin",
                "GH013: Repository rule violations found for refs/heads/registry.",
            ],
        ),
    ],
)
def test_red(merged: Merged, model: str, step: str, messages: list[str]) -> None:
    merged.run.assert_red("candidate", step, *messages, called=f"({model})")
    ran = merged.steps(model)
    assert ("Train on the prod data" in ran) == (model != "worse")
    assert ("Register the candidate" in ran) == (model == "locked")


def test_nobody_has_approved(merged: Merged) -> None:
    """The only model that was registered, and no champion."""
    assert merged.run.job("candidate", called="(alone)").result == "success", merged.run.output
    said = "::error title=approve::Nobody has approved. Give the environment production its reviewers"
    merged.run.assert_red("approve", "Make it the champion", said)
    log = git(merged.repo, "log", "--format=%s", "registry").splitlines()
    assert len(log) == 1
    assert log[0].startswith("registry: register alone:1")
