"""The verdict of inference tests: the same JSON for every runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mlroad.core.problems import Problem
from mlroad.core.text import count
from mlroad.models.cases import Case
from mlroad.models.suite import Suite


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a case. ``what`` is one sentence, empty for a case that simply passed."""

    id: str
    kind: str
    line: int
    """Of cases.jsonl."""
    passed: bool
    what: str = ""
    code: str = ""

    @classmethod
    def of(cls, case: Case, what: str = "", code: str = "") -> Result:
        """That of a case; it has passed if there is no code."""
        return cls(case.id, case.kind, case.line, not code, what, code)


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one row."""

    p50: float
    p95: float
    p99: float

    def json(self) -> dict[str, float]:
        return {f"p{of}_ms": round(its, 4) for of, its in ((50, self.p50), (95, self.p95), (99, self.p99))}


@dataclass(frozen=True, slots=True)
class InferenceVerdict:
    """The results of all cases. ``reason`` says why no case could be run, and ``problems`` where to look."""

    model: str
    run: str
    results: tuple[Result, ...] = ()
    judged_by: str = ""
    """tolerance or retrained: which of the suite's two tolerances applied to the golden cases."""
    reason: str = ""
    problems: tuple[Problem, ...] = ()
    latency: Latency | None = None
    budget_ms: float | None = None
    """The 95th percentile that the suite allows."""
    model_digest: str = ""
    suite_digest: str = ""
    runtime: str = "pyfunc"
    in_batch_only: int = 0
    """The cases that were asked as a part of a batch, and not alone."""

    @property
    def passed(self) -> bool:
        tested = not self.reason and bool(self.results) and all(result.passed for result in self.results)
        return tested and not self.too_slow

    @property
    def too_slow(self) -> str:
        """A sentence, if it was timed and takes longer than the suite allows."""
        if self.latency is None or self.budget_ms is None or self.latency.p95 <= self.budget_ms:
            return ""
        took = f"One row takes {self.latency.p95:.3g} ms (95th percentile)"
        return f"{took}, and suite.yml allows {self.budget_ms:g} ms."

    @property
    def about_batches(self) -> str:
        """A sentence, if not every case was asked alone."""
        if not self.in_batch_only:
            return ""
        asked = f"{len(self.results) - self.in_batch_only:,} of {count(len(self.results), 'case')}"
        return f"{asked} were asked alone as well; the other golden cases in batches only, to save time."

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if not result.passed]

    def json(self) -> dict[str, Any]:
        """The verdict as every runtime writes it."""
        return {
            "schema": 1,
            "runtime": self.runtime,
            "model": self.model,
            "run": self.run,
            "model_digest": self.model_digest,
            "suite_digest": self.suite_digest,
            "passed": self.passed,
            "reason": self.reason or self.too_slow,
            "judged_by": self.judged_by,
            "cases": len(self.results),
            "failed": len(self.failed),
            "in_batch_only": self.in_batch_only,
            "results": [
                {"id": r.id, "kind": r.kind, "passed": r.passed, "what": r.what} for r in self.results
            ],
            "latency": self.latency and self.latency.json(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def all_failed(suite: Suite, verdict: InferenceVerdict, problem: Problem) -> InferenceVerdict:
    """``verdict`` for a problem that concerns all cases of the suite."""
    failed = tuple(Result.of(case, problem.what, problem.code) for case in suite.cases)
    return replace(verdict, results=failed, reason=problem.what, problems=(problem,))


def unusable_suite(verdict: InferenceVerdict, problems: Sequence[Problem]) -> InferenceVerdict:
    """``verdict`` for a suite with mistakes in it."""
    return replace(verdict, reason=f"The suite cannot be used: {problems[0]}", problems=tuple(problems))
