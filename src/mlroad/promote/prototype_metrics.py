"""models/<name>/metrics.json: the metrics that a prototype was tagged with, and the code that they belong to.

Runs are not in git, so a tag needs this file: `mlroad promote` compares the metrics of its own run with them.
`mlroad ready --fix` writes it from a finished run of the code as it is in the folder.

    {"schema": 1, "model": "churn", "run": "20261124-101500-000000", "ended": "2026-11-24T10:16:00+00:00",
     "source": "sha256:…", "datasets": {"churn:1": "sha256:…"}, "metrics": {"auc": 0.81},
     "inference_tests": {"suite": "sha256:…", "cases": 24, "passed": true}, "python": "3.11.9"}

``source`` is `mlroad.core.model_source.source_digest`, ``suite`` is `mlroad.models.suite.suite_digest`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json, write_text
from mlroad.core.model_source import METRICS
from mlroad.core.problems import Position, Problem, UserError
from mlroad.models.finished_run import Run
from mlroad.run.run_values import metrics_of

_AGAIN = "Delete it, and write it again with `mlroad ready MODEL --fix`."


@dataclass(frozen=True, slots=True)
class PrototypeMetrics:
    """The content of metrics.json."""

    model: str
    run: str
    source: str
    datasets: Mapping[str, str]
    """The dataset versions that the run read, ``name:version``, with their digests."""
    metrics: Mapping[str, float]
    suite: str = ""
    """The digest of the inference tests that the model of this run passed; empty if there is no such test."""
    cases: int = 0
    ended: str = ""
    python: str = ""

    def text(self) -> str:
        """The file's content."""
        found = asdict(self)
        tests = {"suite": found.pop("suite"), "cases": found.pop("cases"), "passed": bool(self.suite)}
        content = {"schema": 1, **found, "inference_tests": tests}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_metrics(model: Path) -> PrototypeMetrics | None:
    """The metrics.json of a model folder; None if it has none. Raises UserError if it cannot be used."""
    file = model / METRICS
    try:
        return parse_metrics(file, file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(file, str(error.strerror)) from None


def parse_metrics(file: Path, content: bytes) -> PrototypeMetrics:
    """The same for its content. ``file`` is for messages."""
    try:
        found = json.loads(content, parse_constant=_not_finite)
        if found["schema"] != 1:
            raise _unusable(file, "another version of mlroad wrote it")
        tests = found.get("inference_tests") or {}
        return PrototypeMetrics(
            model=str(found["model"]),
            run=str(found["run"]),
            source=str(found["source"]),
            datasets={str(name): str(digest) for name, digest in found["datasets"].items()},
            metrics={str(name): _number(value) for name, value in found["metrics"].items()},
            suite=str(tests.get("suite") or "") if tests.get("passed") is True else "",
            cases=int(tests.get("cases") or 0),
            ended=str(found.get("ended") or ""),
            python=str(found.get("python") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(file, f"{type(error).__name__} {error}") from None


def metrics_of_run(run: Run, root: Path) -> dict[str, float]:
    """The finite metrics of a run: those that it logged, else the numbers in its output ``metrics``."""
    logged = metrics_of([run.record], root)[run.id]
    return _finite(logged) or _finite(_output(run.folder / "outputs" / "metrics"))


def write_metrics(model: Path, metrics: PrototypeMetrics) -> Path:
    """Write metrics.json. Raises OSError."""
    write_text(model / METRICS, metrics.text())
    return model / METRICS


def _output(path: Path) -> dict[str, Any]:
    return read_json(path / "metrics.json" if path.is_dir() else path)


def _finite(found: Mapping[str, Any]) -> dict[str, float]:
    numbers = {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {name: float(value) for name, value in sorted(numbers.items()) if math.isfinite(value)}


def _number(value: Any) -> float:
    if not math.isfinite(float(value)):  # 1e999 is valid JSON
        _not_finite(str(value))
    return float(value)


def _not_finite(text: str) -> None:
    raise ValueError(f"{text} is not a finite number")


def _unusable(file: Path, why: str) -> UserError:
    return UserError(Problem(Position(file), "MR826", f"This file cannot be used: {why}.", _AGAIN))
