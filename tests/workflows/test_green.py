"""The whole generated CI on a fresh repo: every job and every step in the file runs and succeeds."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import add_wheel, commit_all, git
from tests.templates.team_edits import append, apply, change
from tests.templates.whole_update import new_repo, release, update_in
from tests.workflows.harness import Act, made_up_token
from tests.workflows.merge import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
NOT_IN_CI = (
    "a dependency", "a dependency group", "a lock file",  # CI would install them
    "a model", "a dataset", "data with the line ends of Windows",  # CI would run them
    "a standard page is renamed",
)  # fmt: skip
ALWAYS = ("lint", "types", "guard", "second-scan", "check", "ci")


@pytest.fixture(scope="module")
def updated(template_repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``updated(template="factory")``: a repo with a team's edits, after an update to a later release."""
    folder = tmp_path_factory.mktemp("updated")
    template = Path(shutil.copytree(template_repo, folder / "template"))
    release(template, "v9.0.0")
    append(template / "prototype_template/docs/tools.md", "\nA later release says this.\n")
    change(template / "copier.yml", ".editorconfig, ", "")
    (template / "prototype_template/.editorconfig").unlink()
    release(template, "v9.1.0")

    def get(**answers: Any) -> Path:
        place = folder / answers["template"] / "demo"
        repo = new_repo(template, place, "v9.0.0", project_name="demo", sample=False, dotnet=False, **answers)
        apply(repo, without=NOT_IN_CI)
        commit_all(repo, "Our own work")
        said = update_in(repo, "--to", "v9.1.0")
        assert said.code == 0, said.text
        assert "A later release says this." in (repo / "docs/tools.md").read_text(encoding="utf-8")
        add_wheel(template, repo)
        return repo

    return get


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


def test_without_a_model_and_with_advice_only(act: Act, updated: Callable[..., Path]) -> None:
    """Nothing to train, and a file that is not formatted, has type errors, and contains an allowed secret.

    All jobs but the team's run on the organization's own runner. The repo has edits, and was updated.
    """
    repo = updated(template="prototype")
    text = f'a  =  1\nexample = "{made_up_token()}"  # pragma: allowlist secret\n\n\n'
    text += 'def area() -> int:\n    return "wide"\n'
    (repo / "models" / "extra.py").write_text(text, encoding="utf-8")
    own = ["--var", "MLROAD_RUNNER=our-linux", "-P", "our-linux=-self-hosted"]
    run = act.run(repo, event="push", arguments=own)
    run.assert_green(dict.fromkeys((*ALWAYS, "ours"), ()))
    elsewhere = act.run(repo, event="push", arguments=own[:2])  # act has no runner for this label
    assert [job.id for job in elsewhere.jobs if job.steps] == ["ours"]  # the team's own names another
    assert "::warning title=ruff (unformatted)" in run.job("lint").steps["3"].log
    log = run.job("types").steps["2"].log
    assert "::warning file=models/extra.py,line=6,title=mypy::" in log
    assert "::notice::mypy reported errors" in log


def test_a_factory_without_a_model(act: Act, updated: Callable[..., Path]) -> None:
    """After an update, with a team's edits. mypy fails where there is no file, so its step is skipped.

    The pull request of a fork adds an experiment, which affects no model and is not linted. A fork gets no
    comment.
    """
    repo = updated(template="factory", experimentation=True)
    base = git(repo, "rev-parse", "HEAD").strip()
    trial = repo / "experimentation" / "trial"
    write(trial / "look.py", "import os\ndef f( x )->int: return 'a'\n")
    write(trial / "pipeline.yml", "jobs: nonsense\n")
    write(trial / "test_look.py", "def test_it(): assert False\n")
    run = act.run(repo, workflow="pr.yml", base=base, fork=True)
    jobs = ("lint", "types", "guard", "second-scan", "check", "selftest", "affected", "ci", "ours")
    run.assert_green(dict.fromkeys(jobs, ()), skipped=[("types", "Types")])
    told = run.summaries["PR/affected"]
    assert "no model is affected" in told
    assert "experimentation/trial/look.py" in told.partition("affecting no model")[2]


def test_with_mlroad_from_git(act: Act, project: Callable[..., Path]) -> None:
    """No wheel: mlroad comes from the template's repo, at the commit that this repo was rendered from."""
    repo = project(sample=False, toolkit="git")
    assert not (repo / "vendor").exists()
    run = act.run(repo, job="check")  # each job installs it in the same way
    run.assert_green({"check": ()})
    assert "there is no wheel to verify" in run.job("check").steps["1"].log
