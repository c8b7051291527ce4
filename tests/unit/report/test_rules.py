"""The report lists the rules that changed since the champion's verdict, which the registry holds."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.registry.local_registry import LocalRegistry
from mlroad.registry.signed_facts import SIGNERS
from mlroad.report import make_report
from tests.unit.data.test_report import NASTY, Page
from tests.unit.registry.repos import rewrite_lineage
from tests.unit.report.conftest import (
    DIGEST,
    Repo,
    inference,
    model_digest,
    regression_rows,
    verdict_of,
    write_json,
)

RULES = {"gates.yml": DIGEST, "waivers.yml": None, "data.yml": DIGEST, "inference_tests": DIGEST}
OTHER = f"sha256:{'ef' * 32}"

Report = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one version. Creating its database takes seconds."""
    folder = tmp_path_factory.mktemp("registry")
    staged = folder / "staged"
    lineage = {"schema": 1, "id": "ab" * 32, "run": "1", "model": "diabetes", "datasets": [], "verdict": {}}
    write_json(staged / "lineage.json", lineage)
    LocalRegistry(folder / ".registry").add("diabetes", lineage, staged)
    return folder / ".registry"


@pytest.fixture
def report(repo: Repo, registered: Path) -> Report:
    """Return the page and the Markdown of a report, after functions have changed the two verdicts."""
    shutil.copytree(registered, repo.path / ".registry")
    [content] = (repo.path / ".registry").glob("models/diabetes/*")

    def make(
        now: Callable[[dict[str, Any]], object], before: Callable[[dict[str, Any]], object] = lambda _: None,
        twin: str = "dev_verdict",
    ) -> tuple[str, str]:  # fmt: skip
        mine = verdict_of(model_digest(repo.path))
        mine["rules"] = dict(RULES)
        mine["champion"]["version"] = "1"
        theirs = copy.deepcopy(mine)
        now(mine)
        before(theirs)
        for key in ("schema", "model", "run", "stage", "checks"):  # the lineage does not contain these
            del theirs[key]
        changed = {"holdout": theirs.pop("holdout"), "verdict": {}, twin: theirs}
        rewrite_lineage(content, lambda lineage: lineage.update(changed))
        repo.judge(mine, regression_rows(), inference(model_digest(repo.path)))
        repo.good("report diabetes")
        return Page(repo.page).text, repo.markdown

    return make


def gates(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    """Change gates.yml and a limit in it."""

    def do(verdict: dict[str, Any]) -> None:
        verdict["rules"]["gates.yml"] = OTHER
        change(verdict)

    return do


def test_unchanged_rules_are_not_mentioned(report: Report) -> None:
    page, markdown = report(lambda _: None)
    assert "The rules" not in page + markdown


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (lambda v: v["metrics"]["mae"].update(limit=75), "loosened", "mae limit changed from 60 to 75."),
        (lambda v: v["metrics"]["mae"].update(limit=50), "stricter", "mae limit changed from 60 to 50."),
        (lambda v: v["metrics"]["r2"].update(limit=0.1), "loosened", "r2 limit changed from 0.3 to 0.1."),
        (lambda v: v["metrics"]["r2"].update(limit=0.4), "stricter", "r2 limit changed from 0.3 to 0.4."),
        (
            lambda v: v["metrics"]["mae"].update(max_regression=9),
            "loosened",
            "mae max_regression changed from 3 to 9.",
        ),
        (lambda v: v["metrics"]["mae"].update(limit=None), "loosened", "mae limit was removed; it was 60."),
        (lambda v: v["metrics"]["rmse"].update(limit=70), "stricter", "rmse limit is new: 70."),
        (lambda v: v["metrics"].pop("rmse"), "loosened", "rmse max_regression was removed; it was 4."),
        (
            lambda v: [s.update(limit=80) for s in v["slices"]],
            "loosened",
            "mae by sex: limit changed from 65 to 80.",
        ),
        (lambda v: v.update(slices=[]), "loosened", "mae by sex: limit was removed; it was 65."),
        (lambda v: v["latency"].update(budget_ms=500), "loosened", "latency in ms changed from 100 to 500."),
        (
            lambda v: v["size"].update(budget_bytes=10**6),
            "stricter",
            "size in bytes changed from 20,000,000 to 1,000,000",
        ),
        (lambda v: v["onnx"].update(budget=5), "loosened", "onnx max_difference changed from 0.5 to 5."),
        (lambda v: v.update(inference={}), "loosened", "inference_tests no longer lists pyfunc."),
        (lambda v: v.update(decide_by="rmse"), "changed", "decide_by changed from mae to rmse."),
        (
            lambda v: v["holdout"].update(dataset="eyes:2"),
            "changed",
            "holdout changed from diabetes_holdout:1 to eyes:2.",
        ),
        (lambda _: None, "changed", "No limit or allowed regression changed."),
    ],
)
def test_what_gates_yml_allows(report: Report, change: Any, kind: str, told: str) -> None:
    page, markdown = report(gates(change))
    start = "The rules are looser than when" if kind == "loosened" else "The rules have changed since"
    for text in (page, markdown):
        assert f"{start} champion 1 was judged" in text
    assert f"{kind}{told}" in page
    shown = told.replace("_", r"\_")
    assert f"{'⚠️ ' if kind == 'loosened' else ''}{kind} `gates.yml`: {shown}" in markdown
    assert page.index(start) < page.index("Metrics")
    assert markdown.index(start) < markdown.index("### Metrics")


def test_a_loosened_rule_has_a_warning_chip_and_comes_first(report: Report, repo: Repo) -> None:
    def change(verdict: dict[str, Any]) -> None:
        verdict["metrics"]["mae"]["limit"] = 50
        verdict["metrics"]["r2"]["limit"] = 0.1

    page, _ = report(gates(change))
    assert page.index("r2 limit changed") < page.index("mae limit changed")
    assert '<span class="chip l1">loosened</span>' in repo.page


@pytest.mark.parametrize(
    ("key", "digest", "told"),
    [
        ("data.yml", OTHER, "changed `data.yml`: It changed."),
        ("inference_tests", OTHER, r"changed `inference_tests/`: It changed."),
        ("inference_tests", None, r"⚠️ loosened `inference_tests/`: It was removed."),
        ("waivers.yml", OTHER, "changed `waivers.yml`: No additional check is waived."),
    ],
)
def test_the_other_files(report: Report, key: str, digest: str | None, told: str) -> None:
    _, markdown = report(lambda verdict: verdict["rules"].update({key: digest}))
    assert told in markdown
    assert "gates.yml`" not in markdown


def test_a_new_waiver_loosens(report: Report) -> None:
    def change(verdict: dict[str, Any]) -> None:
        verdict["rules"]["waivers.yml"] = OTHER
        verdict["waivers"] = [
            {"gate": "size", "owner": "@o", "reason": "r", "expires": "2026-12-31", "used": False}
        ]

    page, markdown = report(change)
    assert "size is now waived." in page
    assert "⚠️ loosened `waivers.yml`: size is now waived." in markdown


def test_what_a_broken_verdict_could_not_measure_was_not_removed(report: Report) -> None:
    _, markdown = report(gates(lambda v: v.update(verdict="broken", passed=False, slices=[], latency=None)))
    assert "was removed" not in markdown


@pytest.mark.parametrize(
    ("now", "before", "twin"),
    [
        (lambda v: v.pop("rules"), lambda _: None, "dev_verdict"),
        (lambda v: v["rules"].update({"gates.yml": OTHER}), lambda v: v.pop("rules"), "dev_verdict"),
        (lambda v: v["rules"].update({"gates.yml": OTHER}), lambda v: v.update(rules="x"), "dev_verdict"),
        (lambda v: v.update(rules={"gates.yml": OTHER}, champion=None), lambda _: None, "dev_verdict"),
        (lambda v: v["rules"].update({"gates.yml": OTHER}), lambda _: None, "other_verdict"),
        (
            lambda v: (v["rules"].update({"gates.yml": OTHER}), v["champion"].update(version="9")),
            lambda _: None,
            "dev_verdict",
        ),
        (
            lambda v: (v["rules"].update({"gates.yml": OTHER}), v["champion"].update(version="x")),
            lambda _: None,
            "dev_verdict",
        ),
    ],
)
def test_unknown_rules_are_not_compared(report: Report, now: Any, before: Any, twin: str) -> None:
    page, markdown = report(now, before, twin)
    assert "The rules" not in page + markdown


def test_a_champion_without_a_signature_is_doubted(
    report: Report, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the repo names signers: elsewhere the registry is not even opened for that."""
    with monkeypatch.context() as closed:
        closed.setattr(make_report, "open_registry", None)
        for text in report(lambda _: None):
            assert "unverified" not in text
    (repo.path / ".github").mkdir()
    (repo.path / SIGNERS).write_text("registry ssh-ed25519 AAAA\n", encoding="utf-8")
    repo.good("report diabetes")
    for text in (Page(repo.page).text, repo.markdown):
        assert "champion 1 (unverified: " in text


def test_nasty_texts_stay_texts(report: Report, repo: Repo) -> None:
    nasty = " ".join(NASTY)

    def change(verdict: dict[str, Any]) -> None:
        verdict["metrics"][nasty] = {"limit": 1}
        verdict["holdout"]["dataset"] = f"@octocat {nasty}"
        verdict["champion"]["version"] = "1"

    report(gates(change))
    assert "<script" not in repo.page
    assert "<script" not in repo.markdown
    assert "@octocat" not in repo.markdown.split("### Metrics")[0]
