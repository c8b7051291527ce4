"""MLflow: a parent run for the pipeline, a child per step, and no cost for steps that do not use it."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from modelkit.run.snapshot import freeze
from modelkit.run.tracking import uses_mlflow
from tests.run.project import Project

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"
PIPELINE = f"""type: pipeline
experiment_name: an experiment
inputs: {{depth: 3}}
jobs:
  plain:
    type: command
    {ENVIRONMENT}
    command: env | grep MLFLOW_ | cut -d = -f 1 | sort
  tracked:
    type: command
    {ENVIRONMENT}
    code: ./src
    command: python track.py ${{{{inputs.depth}}}} ${{{{inputs.other}}}}
    inputs: {{depth: "${{{{parent.inputs.depth}}}}", other: 5}}
"""
TRACK = """
import os
import sys

import mlflow

run_id = os.environ["MLFLOW_RUN_ID"]
mlflow.log_param("depth", "as the step says it")
mlflow.log_metric("score", 0.5)
print(run_id == mlflow.active_run().info.run_id, os.environ["MLFLOW_EXPERIMENT_NAME"])
sys.exit(int(sys.argv[1]) == 9)
"""


def query(project: Project, text: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(project.root / "mlflow.db") as store:
        return store.execute(text).fetchall()


@pytest.mark.slow
def test_runs_of_a_pipeline(project: Project) -> None:
    project.model("m", {"pipeline.yml": PIPELINE, "src/track.py": TRACK})
    result = project.run("models/m")
    assert result.exit == 0, result.out
    assert result.log("plain") == "MLFLOW_EXPERIMENT_NAME\nMLFLOW_TRACKING_URI\n"
    assert result.log("tracked").splitlines()[-1] == "True an experiment"
    runs = (
        "select r.name, status, e.name from runs r join experiments e using (experiment_id) order by r.name"
    )
    assert query(project, runs) == [
        ("m", "FINISHED", "an experiment"),
        ("plain", "FINISHED", "an experiment"),
        ("tracked", "FINISHED", "an experiment"),
    ]
    parent = query(project, "select run_uuid from runs where name = 'm'")[0][0]
    assert result.record["mlflow"]["run_id"] == parent
    children = query(project, "select value from tags where key = 'mlflow.parentRunId'")
    assert children == [(parent,), (parent,)]
    params = "select name, key, value from params join runs using (run_uuid) order by name, key"
    assert query(project, params) == [
        ("m", "depth", "3"),
        ("tracked", "depth", "as the step says it"),
        ("tracked", "other", "5"),
    ]
    where = query(project, "select artifact_uri from runs where name = 'tracked'")[0][0]
    assert str(where).startswith((project.root / "mlruns").as_uri())

    unchanged = project.run("models/m")
    assert set(unchanged.states.values()) == {"reused"}
    assert unchanged.record["mlflow"] is None

    partly = project.run("models/m", "--step", "plain", "--step", "tracked", "--set", "inputs.depth=9")
    assert partly.exit == 1
    assert query(project, "select status from runs where name in ('m', 'tracked') order by start_time")[
        -2:
    ] == [
        ("FAILED",),
        ("FAILED",),
    ]


@pytest.mark.slow
def test_a_reused_step_shows_its_earlier_metrics(project: Project) -> None:
    text = PIPELINE + f"  later: {{type: command, {ENVIRONMENT}, code: ./late, command: python late.py}}\n"
    project.model("m", {"pipeline.yml": text, "src/track.py": TRACK, "late/late.py": "import mlflow\n"})
    project.run("models/m")
    project.model("m", {"late/late.py": "import mlflow  # changed\n"})
    again = project.run("models/m")
    assert again.states == {"plain": "reused", "tracked": "reused", "later": "completed"}
    metrics = query(project, "select r.name, value from latest_metrics join runs r using (run_uuid)")
    assert metrics == [("tracked", 0.5), ("tracked", 0.5)]


def test_no_mlflow_no_store(project: Project) -> None:
    text = f"type: pipeline\njobs:\n  a: {{type: command, {ENVIRONMENT}, command: echo}}\n"
    project.model("m", {"pipeline.yml": text})
    result = project.run("models/m")
    assert result.exit == 0
    assert not (project.root / "mlflow.db").exists()
    assert not (project.root / "mlruns").exists()


@pytest.mark.slow
def test_a_store_that_does_not_work(project: Project) -> None:
    """The run goes on, and one line says that it is not tracked."""
    project.model("m", {"pipeline.yml": PIPELINE, "src/track.py": "print('mlflow is only mentioned')\n"})
    result = project.run("models/m", MLFLOW_TRACKING_URI="sqlite:////proc/no/such/place.db")
    assert result.exit == 0
    assert result.out.count("MLflow stopped working") == 1
    assert result.states == {"plain": "completed", "tracked": "completed"}


@pytest.mark.parametrize(
    ("command", "files", "uses"),
    [
        ("python a.py", {"a.py": "import mlflow"}, True),
        ("python a.py", {"a.py": "print(1)", "b.py": "import mlflow"}, False),
        ("python a.py", {"a.py": "import b", "b.py": "from mlflow import log_metric"}, True),
        ("python a.py", {"a.py": "from p.q import x", "p/q.py": "import mlflow.sklearn"}, True),
        ("python -m a", {"a.py": "import mlflow"}, True),
        ("mlflow run .", {}, True),
        ("cat ${{inputs.mlflow_model}}", {"a.py": ""}, False),
        ("bash go.sh", {"go.sh": "python x.py", "x.py": "import mlflow"}, False),
        ("python a.py", {"a.py": "", "conda.yml": "mlflow"}, False),
    ],
)
def test_who_uses_mlflow(tmp_path: Path, command: str, files: dict[str, str], uses: bool) -> None:
    from modelkit.problems import Position

    (tmp_path / "src").mkdir()
    for name, text in files.items():
        (tmp_path / "src" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "src" / name).write_text(text)
    frozen = freeze(tmp_path / "src", (), Position(tmp_path), tmp_path / "frozen")
    assert uses_mlflow(command, frozen) == uses


def test_the_runner_never_imports_what_is_heavy(project: Project) -> None:
    """Neither MLflow nor pandas nor SQLAlchemy, and rich only for a terminal."""
    import subprocess

    text = f"type: pipeline\njobs:\n  a: {{type: command, {ENVIRONMENT}, command: echo}}\n"
    project.model("m", {"pipeline.yml": text})
    code = (
        "import sys\nfrom pathlib import Path\nfrom modelkit.run.launch import Options, run\n"
        "assert run(Path('models/m'), Options()) == 0\n"
        "heavy = {'mlflow', 'pandas', 'sqlalchemy', 'rich', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project.root, env=project.environment(), check=True)
