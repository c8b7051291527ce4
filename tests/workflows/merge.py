"""One merge of four models, with which most tests of the factory's workflows start.

Two are good and become champions. Each of the others has one fault, which only the step that must stop it can
detect.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support import commit_all, git
from tests.unit.registry.github import GitHub, serving
from tests.workflows.attacks import attack_while_loading, attack_while_training
from tests.workflows.harness import Act, Run
from tests.workflows.quick_model import in_wrong_units, quick_model

GOOD = ("tuned", "second")
TEST = '''"""The step learns the mean."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "steps"))

from fit import fit


def test_it_learns_the_mean(tmp_path: Path) -> None:
    """Of two rows."""
    raw = tmp_path / "raw.csv"
    raw.write_text("bmi,progression\\n26,100\\n26,200\\n", encoding="utf-8")
    fit(raw, tmp_path / "model")
    assert (tmp_path / "model" / "mean.json").read_text(encoding="utf-8") == "150.0"
'''


@dataclass(frozen=True)
class Merged:
    """A factory after its first merge, the merge's run, and the runs that approved the good models."""

    repo: Path
    run: Run
    approvals: dict[str, Run]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def edit(file: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {file}"
    file.write_text(text, encoding="utf-8", newline="\n")


def set_slope(repo: Path, slope: int) -> None:
    """The slope of the model `tuned`: 10 is good, 5 fair, 2 misses its limit."""
    code = repo / "models" / "tuned" / "steps" / "saved" / "code" / "line.py"
    edit(code, r"(?<=self\.mean \+ )\d+(?= \*)", str(slope))


def registry_log(repo: Path) -> list[str]:
    """What was done to the registry, newest first."""
    return git(repo, "log", "--format=%s", "registry").splitlines()


def merge(act: Act, repo: Path) -> Merged:
    """Add the models to a fresh factory, run cd.yml, and approve what asks for it."""
    for name in GOOD:
        quick_model(repo, name, limit=65)
        shutil.copy(repo / "models" / "diabetes" / "MODEL_CARD.md", repo / "models" / name)
        write(repo / "models" / name / "tests" / "test_fit.py", TEST)
    set_slope(repo, 5)
    # The golden answer changes with the slope.
    edit(repo / "models/tuned/inference_tests/suite.yml", "^tolerance: .*", "tolerance: {absolute: 200}")
    attack_while_training(repo, "attacks")
    attack_while_loading(repo, "loaded", in_wrong_units(repo))
    commit_all(repo, "Four models")
    run = act.run(repo, workflow="cd.yml", event="push", base="HEAD~1")
    with serving(GitHub()) as github:
        approvals = {its["model"]: _approve(act, repo, github, its) for its in _dispatched(run)}
    return Merged(repo, run, approvals)


def _dispatched(run: Run) -> list[dict[str, str]]:
    """The inputs of the runs of approve.yml that a run has started."""
    lines = [
        line for line in run.gh_log.read_text(encoding="utf-8").splitlines() if "workflow run approve" in line
    ]
    return [dict(re.findall(r"-f (\w+)=(\S+)", line)) for line in lines]


def _approve(act: Act, repo: Path, github: GitHub, inputs: dict[str, str]) -> Run:
    """Run approve.yml as GitHub does after @octocat has approved the environment production."""
    title = f"Approve {inputs['model']}:{inputs['version']} ({inputs['lineage']})"
    github.add(1, title, ("octocat", "approved", "production"))
    return act.run(
        repo, workflow="approve.yml", event="workflow_dispatch", inputs=inputs, arguments=_api(github)
    )


def _api(github: GitHub) -> tuple[str, ...]:
    """Let the jobs ask this GitHub."""
    found = {"GITHUB_API_URL": github.address, "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1"}
    return tuple(word for name, value in found.items() for word in ("--env", f"{name}={value}"))
