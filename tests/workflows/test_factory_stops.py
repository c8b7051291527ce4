"""The steps that stop a bad model between a merge and the champion, tested with the merge of merge.py.

The models with a fault are the same otherwise, so each also shows that the other steps accept good models.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import call, commit_all
from tests.workflows.attacks import attack_while_training
from tests.workflows.harness import Act
from tests.workflows.merge import GOOD, Merged, registry_log

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
# A model, the step of its judge that must stop it, and that step's message.
STOPPED = [
    ("attacks", "Gates (dev)", ["failed  metrics.mae.limit: mae is 55.09", "at most 50"]),
    ("loaded", "Gates (prod)", ["failed  metrics.mae.limit: mae is 1,363"]),
]


def test_what_a_merge_stops(merged: Merged) -> None:
    run = merged.run
    for model, step, messages in STOPPED:
        run.assert_red("judge", step, *messages, called=f"({model})")
        for job in ("champion", "train"):
            assert run.job(job, called=f"({model})").result == "success", run.told()
        assert not [job for job in run.jobs if job.id == "publish" and f"({model})" in job.name], model
    registered = {
        line.split()[2].partition(":")[0] for line in registry_log(merged.repo) if " register " in line
    }
    assert registered == set(GOOD), run.told()
    # A registered version asks for approval, in a run of its own.
    assert set(merged.approvals) == set(GOOD)


def test_in_one_job_the_attack_would_succeed(act: Act, rendered: Callable[..., Path], tmp_path: Path) -> None:
    """The workflow as it was when one job trained, judged and published: so the attack is real.

    (A model that attacks while it is loaded is stopped there as well: by its closed-off process.)
    """
    factory = Path(shutil.copytree(rendered(template="factory"), tmp_path / "demo", symlinks=True))
    workflows = factory / ".github" / "workflows"
    shutil.copy(Path(__file__).with_name("one_job_model.yml"), workflows / "model.yml")
    caller = (workflows / "cd.yml").read_text(encoding="utf-8")
    (workflows / "cd.yml").write_text(caller[: caller.index("    secrets:")], encoding="utf-8")
    commit_all(factory, "The workflow of before")
    attack_while_training(factory, "attacks")
    commit_all(factory, "One model")
    run = act.run(factory, workflow="cd.yml", event="push", base="HEAD~1")
    log = call(["git", "log", "--format=%s", "registry"], factory, check=False).stdout
    published = {line.split()[2].partition(":")[0] for line in log.splitlines()}
    assert published == {"attacks"}, run.output
