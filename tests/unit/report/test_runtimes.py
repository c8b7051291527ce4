"""The inference tests of several runtimes in the report: cases by runtime, and the time of one row."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.data.test_report import Page
from tests.unit.report.conftest import DIGEST, Repo, inference, model_digest, verdict_of, write_json

TIMES = {
    "pyfunc": {"p50_ms": 4.0, "p95_ms": 8.0, "p99_ms": 9.5},
    "onnx": {"p50_ms": 0.1, "p95_ms": 0.2, "p99_ms": 0.3},
    "dotnet": {"p50_ms": 0.04, "p95_ms": 0.08, "p99_ms": 0.12},
}


def judge(repo: Repo, wrong: dict[str, int]) -> None:
    """Write what the gate writes of three runtimes; ``wrong`` are the first cases that fail, by runtime."""
    digest = model_digest(repo.path)
    verdict = verdict_of(digest)
    verdict["inference"] = {
        name: {
            "passed": not wrong.get(name), "cases": 40, "failed": wrong.get(name, 0), "suite_digest": DIGEST,
            "latency": times,
        }
        for name, times in TIMES.items()
    }  # fmt: skip
    verdict["inference"]["pyfunc"]["latency"] = None  # it is the gate's own check
    verdict["inference"]["dotnet"]["figures"] = {"cold_ms": 423.1, "answers_per_second": 8616, "peak_mb": 72}
    verdict["latency"] |= {"p50_ms": 4.0, "p95_ms": 8.0}
    parity = {"rows": 2000, "max_difference": 0.01, "p99_difference": 0.001, "flips": 3}
    verdict["export"] = {"digest": DIGEST, "parity": parity}
    repo.judge(verdict)
    for name in TIMES:
        tests: dict[str, Any] = inference(digest, wrong.get(name, 0)) | {"runtime": name}
        write_json(repo.gate / f"inference{'' if name == 'pyfunc' else f'-{name}'}.json", tests)
    repo.good("report diabetes")


def test_runtimes_that_agree_are_one_folded_line(repo: Repo) -> None:
    judge(repo, {})
    told = "All 40 cases passed in pyfunc, onnx, dotnet."
    assert f"<details><summary>{told}</summary>" in repo.page
    assert told in repo.markdown
    assert "❌" not in repo.markdown
    for told in ("423.1 ms (cold start)", "to 2000 rows differ", "by up to 0.01", "3 of them would be"):
        assert told in repo.markdown
        assert told in repo.page


def test_a_case_that_one_runtime_fails_comes_first(repo: Repo) -> None:
    judge(repo, {"dotnet": 2})
    told = "2 of 40 cases did not pass in pyfunc, onnx, dotnet."
    failed, _, others = repo.page.partition("<details><summary>The other 38 cases passed.</summary>")
    assert f"<details open><summary>{told}</summary>" in failed
    assert "golden-001" in failed
    assert "golden-002" not in failed
    assert "golden-002" in others
    assert told in repo.markdown
    rows = [line for line in repo.markdown.splitlines() if line.startswith("| `golden-")]
    assert rows[0] == "| `golden-000` | golden | ✅ passed | ✅ passed | ❌ failed |"
    assert rows[2].count("✅ passed") == 3
    assert "expected 151.3, got 160.3" in repo.markdown


def test_a_runtime_without_answers_has_no_results(repo: Repo) -> None:
    judge(repo, {})
    (repo.gate / "inference-dotnet.json").unlink()
    repo.good("report diabetes")
    assert "| `golden-000` | golden | ✅ passed | ✅ passed | – |" in repo.markdown


def test_the_time_of_each_runtime_is_a_bar(repo: Repo) -> None:
    judge(repo, {})
    assert re.findall(r'<b class="after" style="width:([\d.]+%)">', repo.page) == ["100.0%", "2.5%", "1.0%"]
    text = Page(repo.page).text
    assert "4 / 8 / –" in text
    assert "0.04 / 0.08 / 0.12" in text
