"""waivers.yml: only for failed thresholds, with an owner, a reason and an end date that has not passed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mlroad.gate.checks import GateChecks
from mlroad.gate.waivers import apply_waivers

TODAY = date(2026, 11, 24)
QUOTE = '"'
GOOD = "- gate: metrics.mae.limit\n  owner: '@octocat'\n  reason: We know.\n  expires: 2026-12-31\n"


def judged(tmp_path: Path, text: str) -> GateChecks:
    """A failed, a passed and a broken check, after applying the waivers in ``text``."""
    checks = GateChecks()
    checks.add("metrics.mae.limit", "failed", "mae is 9.", 9, 8)
    checks.add("slices.sex=1.mae.regression", "failed", "mae is 9.", 9, 8)
    checks.add("metrics.r2.limit", "passed", "r2 is 1.", 1, 0)
    checks.add("size", "broken", "No model.")
    checks.add("data.holdout", "broken", "Changed.")
    checks.add("predictions", "failed", "Constant.")
    checks.add("inference.pyfunc", "failed", "1 of 2 failed.")
    file = tmp_path / "waivers.yml"
    if text:
        file.write_text(text, encoding="utf-8")
    board_waivers = apply_waivers(checks, file, TODAY)
    assert all(waiver.used is False or waiver.expires >= TODAY for waiver in board_waivers)
    return checks


def result(checks: GateChecks, id_: str) -> tuple[str, str]:
    [check] = [check for check in checks.found if check.id == id_]
    return check.result, check.what


def test_none(tmp_path: Path) -> None:
    assert "waivers" not in judged(tmp_path, "").ids()


@pytest.mark.parametrize("day", ["2026-11-24", "2026-12-31", '"2026-12-31"', "2027-11-24"])
def test_valid(tmp_path: Path, day: str) -> None:
    checks = judged(tmp_path, GOOD.replace("2026-12-31", day))
    word, what = result(checks, "metrics.mae.limit")
    assert word == "waived"
    assert f"Waived by @octocat until {day.strip(QUOTE)}" in what
    assert result(checks, "waivers") == ("passed", "1 of 1 waivers were needed.")
    assert result(checks, "slices.sex=1.mae.regression")[0] == "failed"


def test_a_slice(tmp_path: Path) -> None:
    checks = judged(tmp_path, GOOD.replace("metrics.mae.limit", "slices.sex=1.mae.regression"))
    assert result(checks, "slices.sex=1.mae.regression")[0] == "waived"


def test_a_team_may_answer_for_it(tmp_path: Path) -> None:
    checks = judged(tmp_path, GOOD.replace("@octocat", "@my-org/data_science"))
    assert result(checks, "metrics.mae.limit")[0] == "waived"


def test_not_needed(tmp_path: Path) -> None:
    checks = judged(tmp_path, GOOD.replace("mae", "r2"))
    assert result(checks, "metrics.r2.limit")[0] == "passed"
    assert result(checks, "waivers") == (
        "passed",
        "0 of 1 waivers were needed. Unused: metrics.r2.limit.",
    )


def test_broken_stays_broken(tmp_path: Path) -> None:
    checks = judged(tmp_path, GOOD.replace("metrics.mae.limit", "size"))
    assert result(checks, "size")[0] == "broken"


@pytest.mark.parametrize(
    ("old", "new", "word", "words"),
    [
        ("2026-12-31", "2026-11-23", "failed", "expired on 2026-11-23"),
        ("2026-12-31", "2027-11-26", "failed", "ends on 2027-11-26: a waiver must end within a year"),
        ("'@octocat'", "octocat", "broken", 'waivers.yml:2:10: MR704: owner is "octocat". Write @user or'),
        ("'@octocat'", "'@octocat @other'", "broken", 'owner is "@octocat @other"'),
        ("'@octocat'", "'@my-org/'", "broken", 'owner is "@my-org/"'),
        ("metrics.mae.limit", "metrics.mea.limit", "failed", "Did you mean metrics.mae.limit?"),
        ("metrics.mae.limit", "data.holdout", "failed", "data.holdout cannot be waived"),
        ("metrics.mae.limit", "inference.pyfunc", "failed", "inference.pyfunc cannot be waived"),
        ("metrics.mae.limit", "predictions", "failed", "predictions cannot be waived"),
        ("metrics.mae.limit", "waivers", "failed", "no check waivers"),
        ("  reason: We know.\n", "", "broken", "waivers.yml:1:3: MR703: The key reason is missing"),
        ("We know.", '" "', "broken", "waivers.yml:3:11: MR704: reason is empty"),
        ("  owner: '@octocat'\n", "", "broken", "The key owner is missing"),
        ("  expires: 2026-12-31\n", "", "broken", "The key expires is missing"),
        ("2026-12-31", "never", "broken", "waivers.yml:4:12: MR704: expires is not a date"),
        ("2026-12-31", "2026-02-30", "broken", "2026-02-30"),
        ("owner", "ower", "broken", "Did you mean owner?"),
        ("- gate: metrics.mae.limit\n  owner", "gate: x\nowner", "broken", "waivers.yml"),
        (GOOD, "gate: metrics.mae.limit\n", "broken", "This file should contain a list"),
        (GOOD, "- metrics.mae.limit\n", "broken", "This is not a waiver"),
        (GOOD, GOOD + GOOD, "failed", "has two waivers"),
    ],
)
def test_red(tmp_path: Path, old: str, new: str, word: str, words: str) -> None:
    assert old in GOOD
    checks = judged(tmp_path, GOOD.replace(old, new))
    found, what = result(checks, "waivers")
    assert found == word
    assert words in what
    assert result(checks, "data.holdout")[0] == "broken"
    assert result(checks, "predictions")[0] == result(checks, "inference.pyfunc")[0] == "failed"
    if word == "broken":  # then none of the waivers apply
        assert result(checks, "metrics.mae.limit")[0] == "failed"
