"""Fixtures for all tests. A render takes half a second, so it is made once and copied for each test."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import REPO, clone_template, render

# These variables, which GitHub Actions sets, change the colours or the line width of messages.
for variable in ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "LINES", "PY_COLORS"):
    os.environ.pop(variable, None)

# Container images often set it. Then each program that a test starts would compile MLflow and pandas again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# As `mlroad` itself does: azure-ai-ml and DuckDB create many objects and little garbage.
gc.set_threshold(50_000)

# A shell starts background jobs with Ctrl-C ignored. Programs would inherit that from the tests.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine, making an example takes longer than Hypothesis allows.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# These render, start many programs, talk to a server, or compute a lot: too slow for a quick loop.
SLOW = (
    "workflows/test_repo_settings.py", "workflows/test_workflow_files.py", "azure/data/", "templates/",
    "unit/promote/",
    "unit/cli/test_check.py", "unit/cli/test_help_page.py", "unit/cli/test_main.py", "unit/cli/test_runs.py",
    "unit/data/test_add.py", "unit/data/test_compatible.py", "unit/data/test_derive.py",
    "unit/data/test_diff.py", "unit/data/test_drift.py", "unit/data/test_lineage.py",
    "unit/data/test_near_rows.py", "unit/data/test_overlap.py", "unit/data/test_report.py",
    "unit/data/test_schema.py", "unit/data/test_split.py", "unit/data/test_split_rules.py",
    "unit/data/test_use.py",
    "unit/gate/test_bad_figures.py", "unit/gate/test_new_in_factory.py", "unit/gate/test_own_metrics.py",
    "unit/gate/test_runtimes.py",
    "unit/guard/test_house.py", "unit/guard/test_secrets.py", "unit/models/test_onnx_models.py",
    "unit/registry/test_attacks.py", "unit/registry/test_branch.py", "unit/registry/test_champion.py",
    "unit/registry/test_clean.py", "unit/registry/test_proof.py", "unit/registry/test_register.py",
    "unit/registry/test_rules.py", "unit/registry/test_show.py",
    "unit/run/test_conformance.py", "unit/run/test_faults.py", "unit/run/test_graph.py",
    "unit/run/test_live.py", "unit/run/test_options.py", "unit/run/test_reuse.py",
)  # fmt: skip


# The longest tests. With several workers they come first, on one of them; the others take short tests from
# its end. So no worker waits for a long test at the end, and one session of act is enough.
LONGEST = ("azure/models/test_sample.py", "templates/test_tour.py", "workflows", "templates", "azure")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the areas above as slow, and start with the longest."""
    for item in items:
        if _place(item).startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    place = _place(item)
    return next((rank for rank, long in enumerate(LONGEST) if place.startswith(long)), len(LONGEST))


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(REPO / "tests").as_posix()


@pytest.fixture(autouse=True)
def without_leftovers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables that MLflow, or our registry for MLflow, sets: all tests share one process."""
    for name in [*os.environ]:
        if name.lstrip("_").startswith("MLFLOW_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def template_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone of the template, with the uncommitted changes as its last commit."""
    return clone_template(tmp_path_factory.mktemp("template") / "repo")


@pytest.fixture(scope="session")
def rendered(template_repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``rendered(template="factory", sample=False)``: a committed repo, which tests must not change."""
    made: dict[str, Path] = {}

    def get(**given: Any) -> Path:
        # Most tests need no harness in .NET. A prototyping repo is not asked.
        without = {"dotnet": False} if given.get("template") == "factory" else {}
        answers = {"template": "prototype", "project_name": "demo", **without, **given}
        key = repr(sorted(answers.items()))
        if key not in made:
            made[key] = render(template_repo, tmp_path_factory.mktemp("render") / "demo", **answers)
        return made[key]

    return get


@pytest.fixture
def project(rendered: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """``project(template="factory")``: a copy of a rendered repo, which a test may change."""

    def get(**answers: Any) -> Path:
        return Path(shutil.copytree(rendered(**answers), tmp_path / "demo", symlinks=True))

    return get
