"""MLflow: a parent run for the pipeline, a child run per step, and no overhead for steps without MLflow."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from mlroad.run.code_snapshot import take_snapshot
from mlroad.run.mlflow_use import mlflow_use
from tests.unit.run.project import Project

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
    text = PIPELINE + f"  later: {{type: command, {ENVIRONMENT}, code: ./late, command: python late.py}}\n"
    project.model("m", {"pipeline.yml": text, "src/track.py": TRACK, "late/late.py": "import mlflow\n"})
    result = project.run("models/m")
    assert result.exit == 0, result.out
    seen = ["MLFLOW_DISABLE_TELEMETRY", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_URI"]
    assert result.log("plain").split() == seen
    assert result.log("tracked").splitlines()[-1] == "True an experiment"
    runs = (
        "select r.name, status, e.name from runs r join experiments e using (experiment_id) order by r.name"
    )
    assert query(project, runs) == [
        ("later", "FINISHED", "an experiment"),
        ("m", "FINISHED", "an experiment"),
        ("plain", "FINISHED", "an experiment"),
        ("tracked", "FINISHED", "an experiment"),
    ]
    parent = query(project, "select run_uuid from runs where name = 'm'")[0][0]
    assert result.record["mlflow"]["run_id"] == parent
    children = query(project, "select value from tags where key = 'mlflow.parentRunId'")
    assert children == [(parent,)] * 3
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
    named = "select name, status from runs where name like 'm:%' or status = 'FAILED' order by name"
    assert query(project, named) == [("m: depth=9", "FAILED"), ("tracked", "FAILED")]

    # A reused step shows its earlier metrics.
    project.model("m", {"late/late.py": "import mlflow  # changed\n"})
    again = project.run("models/m")
    assert again.states == {"plain": "reused", "tracked": "reused", "later": "completed"}
    assert query(project, named)[0] == ("m: code changed: late.py", "FINISHED")
    metrics = query(project, "select r.name, value from latest_metrics join runs r using (run_uuid)")
    assert metrics == [("tracked", 0.5)] * 3


def test_no_mlflow_no_store(project: Project) -> None:
    text = f"type: pipeline\njobs:\n  a: {{type: command, {ENVIRONMENT}, command: echo}}\n"
    project.model("m", {"pipeline.yml": text})
    result = project.run("models/m")
    assert result.exit == 0
    assert not (project.root / "mlflow.db").exists()
    assert not (project.root / "mlruns").exists()


@pytest.mark.slow
def test_a_store_that_does_not_work(project: Project) -> None:
    """The run continues, and one line says that it is not tracked."""
    project.model("m", {"pipeline.yml": PIPELINE, "src/track.py": "print('mlflow is only mentioned')\n"})
    result = project.run("models/m", MLFLOW_TRACKING_URI="sqlite:////proc/no/such/place.db")
    assert result.exit == 0
    assert result.out.count("MLflow failed, so") == 1
    assert result.states == {"plain": "completed", "tracked": "completed"}


MODELS_ONLY = """
# mlflow.log_metric is only mentioned
import logging
import mlflow.sklearn
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema
logging.getLogger("mlflow").setLevel(logging.ERROR)
mlflow.sklearn.save_model(mlflow.pyfunc.load_model("m").unwrap(), "n", signature=infer_signature(1))
"""


@pytest.mark.parametrize(
    ("command", "files", "use"),
    [
        ("python a.py", {"a.py": "import mlflow"}, "models"),
        ("python a.py", {"a.py": "print(1)", "b.py": "import mlflow"}, "none"),
        ("python a.py", {"a.py": "import b", "b.py": "from mlflow import log_metric"}, "tracking"),
        (
            "python a.py",
            {"a.py": "from p.q import x", "p/q.py": "import mlflow\nmlflow.start_run()"},
            "tracking",
        ),
        ("python -m a", {"a.py": "import mlflow\nmlflow.autolog()"}, "tracking"),
        ("mlflow run .", {}, "tracking"),
        ("cat ${{inputs.mlflow_model}}", {"a.py": ""}, "none"),
        ("bash go.sh", {"go.sh": "python x.py", "x.py": "import mlflow"}, "none"),
        ("bash go.sh", {"go.sh": "mlflow ui"}, "tracking"),
        ("python a.py", {"a.py": "", "conda.yml": "mlflow"}, "none"),
        ("python a.py", {"a.py": MODELS_ONLY}, "models"),
        ("python a.py", {"a.py": MODELS_ONLY + "mlflow.sklearn.log_model(1, name='m')"}, "tracking"),
        ("python a.py", {"a.py": MODELS_ONLY + "mlflow.sklearn.autolog()"}, "tracking"),
        ("python a.py", {"a.py": MODELS_ONLY + "getattr(mlflow, 'log_' + x)(1)"}, "tracking"),
        ("python a.py", {"a.py": MODELS_ONLY + "import mlflow.sklearn as m"}, "tracking"),
        ("python a.py", {"a.py": MODELS_ONLY + "from mlflow import MlflowClient"}, "tracking"),
        ("python a.py", {"a.py": MODELS_ONLY + "from mlflow.models import *"}, "tracking"),
        ("python a.py", {"a.py": "import mlflow\nif"}, "tracking"),
        (
            "python a.py",
            {"a.py": "import b\n" + MODELS_ONLY, "b.py": "import mlflow\nmlflow.log_metric"},
            "tracking",
        ),
    ],
)
def test_who_uses_mlflow(tmp_path: Path, command: str, files: dict[str, str], use: str) -> None:
    from mlroad.core.problems import Position

    (tmp_path / "src").mkdir()
    for name, text in files.items():
        (tmp_path / "src" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "src" / name).write_text(text)
    frozen = take_snapshot(tmp_path / "src", (), Position(tmp_path), tmp_path / "frozen")
    assert mlflow_use(command, frozen) == use


@pytest.mark.slow
def test_a_step_that_only_saves_a_model_does_not_wait(project: Project) -> None:
    """It has no MLflow run id while it runs, but its MLflow run with its inputs is created anyway."""
    save = """
import os
import mlflow.sklearn
print(os.environ.get("MLFLOW_RUN_ID"), os.environ["MLFLOW_TRACKING_URI"])
"""
    project.model("m", {"pipeline.yml": PIPELINE, "src/track.py": save})
    for state in ("completed", "reused"):
        result = project.run("models/m")
        assert result.exit == 0, result.out
        assert result.states["tracked"] == state
    assert result.record["steps"]["tracked"]["mlflow_run_id"] is not None
    assert next(project.root.glob(".runs/m/*/logs/tracked.txt")).read_text().startswith("None sqlite:")
    names = "select name, key, value from runs join params using (run_uuid) where key = 'other'"
    assert query(project, names) == [("tracked", "other", "5")]


def test_the_runner_never_imports_what_is_heavy(project: Project) -> None:
    """Not MLflow, pandas or SQLAlchemy, and rich only for a terminal."""
    import subprocess

    text = f"type: pipeline\njobs:\n  a: {{type: command, {ENVIRONMENT}, command: echo}}\n"
    project.model("m", {"pipeline.yml": text})
    code = (
        "import sys\nfrom pathlib import Path\nfrom mlroad.run.launch import run\n"
        "from mlroad.run.run_options import RunOptions\n"
        "assert run(Path('models/m'), RunOptions()).code == 0\n"
        "heavy = {'mlflow', 'pandas', 'sqlalchemy', 'rich', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project.root, env=project.environment(), check=True)
