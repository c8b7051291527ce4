"""`mlroad gate --base`: a change of the gates is also judged by the gates from before."""

from __future__ import annotations

import pytest

from tests.unit.gate.conftest import Factory

pytestmark = pytest.mark.slow


def report(factory: Factory) -> str:
    assert factory.command("report", "toy", "--run", factory.dev).code == 0
    return (factory.run / "gate" / "report.md").read_text(encoding="utf-8")


def test_a_looser_gate_does_not_judge_itself(later: Factory) -> None:
    later.plant("return 3 * x1 + 2")
    later.gates(**{"max_regression: 0.1": "max_regression: 2", "r2: {limit: 0.5}": "r2: {limit: 0.1}"})
    later.green()
    said, verdict = later.gate("--run", later.dev, "--base", "HEAD")
    assert said.code == 1, said.text
    assert verdict["passed"] is True
    assert "By the gates of HEAD, which this change edits:" in said.out
    text = report(later)
    assert text.startswith("> [!CAUTION]\n> **This pull request loosens the gates of toy.**\n")
    assert "> - loosened: gates.yml: metrics.mae.max_regression changed from 0.1 to 2" in text
    assert "> By the gates of the base branch: worse, **not passed**." in text
    assert "> By the gates of this pull request: equal, passed." in text


def test_a_stricter_gate_and_one_that_did_not_change(later: Factory) -> None:
    said, _ = later.gate("--run", later.dev, "--base", "HEAD")
    assert said.code == 0, said.text
    assert "By the gates of" not in said.out
    assert not report(later).startswith(">")
    later.gates(**{"mae: {limit: 3": "mae: {limit: 2.9"})
    said, _ = later.gate("--run", later.dev, "--base", "HEAD")
    assert said.code == 0, said.text
    assert report(later).startswith("> [!NOTE]\n> **This pull request changes the gates of toy.**\n")


def test_an_unknown_base(later: Factory) -> None:
    said, _ = later.gate("--run", later.dev, "--base", "nowhere")
    assert said.code == 2
    assert "does not have the commit nowhere" in said.err
