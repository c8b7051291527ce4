"""`mlroad runs MODEL` and `mlroad runs diff A B`, on records and an MLflow store as runs leave them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlroad.run.run_values import differing, short_names
from tests.unit.cli.command import Command

A, B, C = "20261128-101500-000001", "20261128-104200-000002", "20261128-110000-000003"


def record(
    name: str, alpha: str, *, learner: str = "ridge", mlflow: str | None = None, **more: Any
) -> dict[str, Any]:
    """What run.json holds of a run of prep and train."""
    return {
        "id": name,
        "state": "completed",
        "started": f"2026-11-28T{name[9:11]}:{name[11:13]}:00.000+00:00",
        "seconds": 2.0,
        "parameters": {"learner": learner},
        "inputs": {"raw": {"type": "uri_file", "path": "/x/raw.csv", "digest": "sha256:" + 64 * "a"}},
        "steps": {
            "prep": {"state": "reused", "exit_code": None, "inputs": {"raw": {"path": "/x"}}},
            "train": {
                "state": "completed",
                "exit_code": 0,
                "seconds": 1.5,
                "inputs": {"alpha": {"value": alpha}, "learner": {"value": learner}},
                "mlflow_run_id": mlflow,
            },
        },
        **more,
    }


@pytest.fixture
def mlroad(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for folder in ("models/m/steps", "models/empty/steps", "datasets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "models/m/pipeline.yml").write_text("type: pipeline\n")
    _write(tmp_path, record(A, "0.1", mlflow="one"), "x = 1\n")
    _write(tmp_path, record(B, "10.0", mlflow="two", mlroad="0.3"), "x = 2\n")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("create table latest_metrics (key, value, timestamp, step, is_nan, run_uuid)")
        rows = [("mae", 45.5, "one"), ("mae", 44.25, "two"), ("r2", 0.5, "two"), ("mae", 0.0, "other")]
        store.executemany("insert into latest_metrics values (?, ?, 0, 0, 0, ?)", rows)
        store.commit()
    return Command(tmp_path, capfd, monkeypatch)


def _write(root: Path, about: dict[str, Any], script: str) -> None:
    folder = root / ".runs" / "m" / about["id"]
    (folder / "code" / "0").mkdir(parents=True)
    (folder / "code" / "0" / "train.py").write_text(script)
    (folder / "run.json").write_text(json.dumps(about))


def test_what_differs_and_the_metrics(mlroad: Command) -> None:
    said = mlroad("runs", "models/m")
    assert (said.code, said.out.splitlines()) == (0, [
        f"{'run':22}  when              state      alpha  mae    r2",
        f"{B}  2026-11-28 10:42  completed  10.0   44.25  0.5",
        f"{A}  2026-11-28 10:15  completed  0.1    45.5   -",
    ])  # fmt: skip


def test_runs_that_did_not_get_far(mlroad: Command) -> None:
    """A missing record, a run without MLflow, and a damaged store cost only their own part."""
    _write(mlroad.repo, record(C, "10.0", state="failed", learner="forest", steps={}), "")
    (mlroad.repo / ".runs/m/20261128-120000-000004").mkdir()
    (mlroad.repo / "mlflow.db").write_text("not a database")
    lines = mlroad("runs", "m").out.splitlines()
    assert lines[0].split() == ["run", "when", "state", "learner", "alpha"]
    assert lines[1].split() == [C, "2026-11-28", "11:00", "failed", "forest", "-"]
    assert len(lines) == 4


def test_for_programs(mlroad: Command) -> None:
    for arguments in (("runs", "m", "--json"), ("runs", "--json", "m")):
        found = json.loads(mlroad(*arguments).out)
        assert [about["run"] for about in found] == [B, A]
        assert found[0]["metrics"] == {"mae": 44.25, "r2": 0.5}
        assert found[0]["parameters"] == {"learner": "ridge", "raw": "raw.csv aaaaaaa", "train.alpha": "10.0"}
    assert [about["run"] for about in json.loads(mlroad("runs", "m", "--json", "--limit", "1").out)] == [B]
    assert mlroad("runs", "empty", "--json").out == "[]\n"


def test_diff(mlroad: Command) -> None:
    said = mlroad("runs", "diff", A, "02")
    assert said.code == 0
    lines = [line.split() for line in said.out.splitlines() if line]
    assert lines[0] == [A, "→", B]
    for expected in (
        ["train.alpha", "0.1", "10.0"], ["train.py", "changed"], ["mlroad", "0.3"],
        ["mae", "45.5", "44.25", "-1.25"],
    ):  # fmt: skip
        assert expected in lines, said.out
    assert "git diff --no-index .runs/m/" in said.out
    found = json.loads(mlroad("runs", "diff", A, B, "--json").out)
    assert found["parameters"] == {"train.alpha": ["0.1", "10.0"]}
    assert found["data"] == {}
    assert mlroad("runs", "diff", A, A).out == f"{A} → {A}\nNothing differs.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs", "diff", A, "99"), "There is no run 99 here. `mlroad runs MODEL` lists the ids."),
        (("runs", "diff", "2026", A), "2 runs match 2026."),
        (("runs", "other"), "There is no model other."),
        (("runs", "diff", A), "Missing argument 'AFTER'"),
    ],
)
def test_mistakes(mlroad: Command, arguments: tuple[str, ...], message: str) -> None:
    said = mlroad(*arguments)
    assert (said.code, message in said.err) == (2, True), said.text


def test_names() -> None:
    assert differing([{"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}]) == ["b"]
    assert short_names(["train.alpha", "prep.seed", "train.seed"]) == {
        "train.alpha": "alpha", "prep.seed": "prep.seed", "train.seed": "train.seed",
    }  # fmt: skip
