"""The verdict records the files with its rules; `mlroad register` compares them with the commit."""

from __future__ import annotations

import sys

import pytest

from mlroad.models.suite import file_digest, suite_digest
from tests.unit.gate.conftest import Factory

pytestmark = pytest.mark.slow


def test_the_verdict_names_its_rules(first: Factory) -> None:
    folder = first.repo / "models" / "toy"
    rules = first.green()["rules"]
    assert rules == {
        "gates.yml": file_digest(folder / "gates.yml"),
        "evaluation.py": None,
        "waivers.yml": None,
        "data.yml": file_digest(folder / "data.yml"),
        "inference_tests": None,
    }
    first.gates("inference_tests: []")
    first.write("waivers.yml", "[]\n")
    first.write("inference_tests/suite.yml", "model: toy\r\n")
    first.write("inference_tests/cases.jsonl", "{}\n")
    again = first.green()["rules"]
    assert again["waivers.yml"] == file_digest(folder / "waivers.yml")
    assert again["inference_tests"] == suite_digest(folder)


def test_a_looser_limit_that_is_not_committed_registers_nothing(first: Factory) -> None:
    first.gates(**{"limit: 3,": "limit: 30,"})
    said, _ = first.gate("--run", first.prod)
    assert said.code == 0
    said = first.command("register", "toy", "--run", first.prod)
    assert said.code == 1
    assert "models/toy/gates.yml differs from HEAD" in said.text
    first.gates(**{"limit: 30,": "limit: 3,"})
    assert first.gate("--run", first.prod)[0].code == 0
    assert first.command("register", "toy", "--run", first.prod).code == 0


def test_a_model_that_changes_the_rules_while_it_is_judged(first: Factory) -> None:
    file = first.repo / "models" / "toy" / "gates.yml"
    first.plant(f"open({str(file)!r}, 'a').write('# mine\\n'); return line")
    said, _ = first.gate()
    # On Linux the model's process cannot reach the file; elsewhere the gate sees that it has changed.
    if sys.platform == "linux":
        assert said.code == 1
        assert "# mine" not in file.read_text(encoding="utf-8")
    else:
        assert said.code == 2
        assert "was changed while the gate read it" in said.text
