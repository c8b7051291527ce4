"""What a report says of changes: of the rules since the base branch or a champion, and of the model."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mlroad.gate.show_verdict import show
from mlroad.report.changed_rules import changes_between
from tests.support import commit_all, git
from tests.unit.data.test_report import Page
from tests.unit.report.conftest import DIGEST, Repo, metric, model_digest, regression_rows, verdict_of

GATES = "task: regression\nmetrics: {mae: {limit: LIMIT}, own: {limit: 3}}\n"
OTHER = f"sha256:{'ef' * 32}"


def committed(repo: Repo, **files: str) -> str:
    """Write files of the model (``_yml`` is ``.yml``), commit them, and return the commit."""
    for name, text in files.items():
        path = (
            repo.path / "models" / "diabetes" / name.replace("_", ".").replace("environment.", "environment/")
        )
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if not (repo.path / ".git").exists():
        (repo.path / ".gitignore").write_text(".runs/\n", encoding="utf-8")
        git(repo.path, "init", "--quiet", "--initial-branch", "main")
    commit_all(repo.path, "Change")
    return git(repo.path, "rev-parse", "HEAD").strip()


def reported(repo: Repo, verdict: dict[str, Any]) -> tuple[str, str]:
    """The page and the Markdown."""
    repo.judge(verdict, regression_rows())
    repo.good("report diabetes")
    return Page(repo.page).text, repo.markdown


@pytest.mark.parametrize(
    ("limit", "kind"), [(75, "loosened"), (50, "stricter"), (60, "")], ids=["looser", "stricter", "same"]
)
def test_without_a_champion_the_base_branch_counts(repo: Repo, limit: int, kind: str) -> None:
    committed(repo, gates_yml=GATES.replace("LIMIT", "60"))
    committed(repo, gates_yml=GATES.replace("LIMIT", str(limit)))
    verdict = verdict_of(model_digest(repo.path), champion=False)
    verdict |= {"rules": {"gates.yml": DIGEST}}
    verdict["settings"] = {
        "task": "regression", "metrics.mae.limit": limit, "metrics.own.limit": 3,
        "bootstrap.resamples": 10_000, "bootstrap.confidence": 0.95, "bootstrap.seed": 7,
    }  # fmt: skip
    for text in reported(repo, verdict):
        assert (f"metrics.mae.limit changed from 60 to {limit}" in text) == bool(kind)
        assert ("The rules are looser than before" in text) == (kind == "loosened")
        assert ("The rules have changed" in text) == (kind == "stricter")


@pytest.mark.parametrize("content", ["bootstrap: [1]\n", "x: 2026-13-45\n", "[", "a: {[1]: 2}\n"])
def test_a_base_branch_with_gates_that_cannot_be_read(repo: Repo, content: str) -> None:
    committed(repo, gates_yml=content)
    committed(repo, gates_yml=GATES)
    verdict = verdict_of(model_digest(repo.path), champion=False)
    reported(repo, verdict | {"rules": {"gates.yml": DIGEST}, "settings": {"task": "regression"}})


WAIVER = {"gate": "size", "owner": "@octocat", "reason": "#12", "expires": "2026-12-31", "used": True}


@pytest.mark.parametrize(
    ("now", "kind", "what"),
    [
        ([WAIVER | {"expires": "2027-01-31"}], "loosened", "expires of size changed from 2026-12-31 to 2027"),
        ([WAIVER | {"expires": "2026-11-30"}], "stricter", "expires of size changed from 2026-12-31 to 2026"),
        ([WAIVER | {"owner": "@ada"}], "changed", "owner of size changed from @octocat to @ada."),
        ([WAIVER | {"reason": "#13"}], "changed", "reason of size changed from #12 to #13."),
        ([], "stricter", "size is no longer waived."),
        ([WAIVER, WAIVER | {"gate": "onnx"}], "loosened", "onnx is now waived."),
        ([WAIVER], "changed", "No additional check is waived."),
    ],
)
def test_changed_waivers(now: list[dict[str, Any]], kind: str, what: str) -> None:
    before = verdict_of(DIGEST) | {"rules": {"waivers.yml": DIGEST}, "waivers": [WAIVER]}
    [change] = changes_between(before, before | {"rules": {"waivers.yml": OTHER}, "waivers": now})
    assert change.kind == kind
    assert change.what.startswith(what)


def test_what_changed_in_the_model(repo: Repo) -> None:
    """Settings by their key, dependencies by their line, and the files; nothing of what stayed."""
    steps = {"environment_conda_yml": "dependencies:\n  - python=3.11\n  - numpy=2.0\n"}
    old = committed(repo, pipeline_yml="jobs: {train: {inputs: {alpha: 0.4, depth: 3}}}\n", **steps)
    steps = {"environment_conda_yml": "dependencies:\n  - python=3.11\n  - numpy=2.1\n"}
    new = committed(repo, pipeline_yml="jobs: {train: {inputs: {alpha: 0.5, seed: 1, depth: 3}}}\n", **steps)
    verdict = verdict_of(model_digest(repo.path))
    verdict["champion"]["commit"] = old
    verdict["candidate"]["commit"] = new
    page, markdown = reported(repo, verdict)
    for told in (
        "pipeline.yml: jobs.train.inputs.alpha: 0.4 → 0.5",
        "pipeline.yml: jobs.train.inputs.seed: (none) → 1",
        "added: - numpy=2.1",
        "removed: - numpy=2.0",
        "2 files changed",
    ):
        assert told in page, told
        assert told in markdown, told
    assert "depth" not in page
    assert "python=3.11" not in page
    for commits in ((new, new), (old, "f" * 40), (None, new)):
        verdict["champion"]["commit"], verdict["candidate"]["commit"] = commits
        page, markdown = reported(repo, verdict)
        assert "What changed in the model" not in page + markdown


def test_a_slice_of_an_own_metric_is_shown_the_right_way_round(better: Repo) -> None:
    """Only the verdict knows whether lower values of an own metric are better."""
    verdict = verdict_of(model_digest(better.path))
    own = metric("lower", 4.0, 5.0, 0.5, limit=6, max_regression=1, verdict="better", metric="own_cost")
    verdict["slices"] = [{"column": "sex", "value": "1", "rows": 60, **own}]
    reported(better, verdict)
    assert "interval −1.5 to −0.5; lower is better" in better.page
    assert "at most 6" in Page(better.page).text
    before = verdict | {"rules": {"gates.yml": OTHER}, "settings": {"slices.sex.own_cost.limit": 5}}
    now = copy.deepcopy(verdict) | {
        "rules": {"gates.yml": DIGEST}, "settings": {"slices.sex.own_cost.limit": 6},
    }  # fmt: skip
    assert [change.kind for change in changes_between(before, now)] == ["loosened"]


def test_warnings_are_shown_everywhere(
    better: Repo, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the page, in the Markdown, in plain lines, and in colour on a terminal."""
    verdict = verdict_of(model_digest(better.path))
    verdict["warnings"] = [{"id": "clock", "what": "The code reads the clock."}]
    page, markdown = reported(better, verdict)
    capfd.readouterr()
    show(verdict)
    plain = capfd.readouterr().out
    assert "warning clock: The code reads the clock.\n" in plain
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(verdict)
    for text in (page, markdown, capfd.readouterr().out):
        assert "clock" in text
        assert "The code reads the clock." in text
