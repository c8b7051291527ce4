"""`mlroad train --target azureml`: what it submits, prints and leaves behind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.digests import digest_of
from mlroad.data.store import find
from tests.azure.loopback import arm
from tests.azure.loopback.cloud import Cloud
from tests.azure.models.conftest import IMAGE, MODEL, TABLE, Factory, write
from tests.support import git

pytestmark = pytest.mark.slow
INNER = """
    $schema: https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json
    type: pipeline
    name: tiny_inner
    version: "1"
    inputs:
      table:
        type: uri_folder
    outputs:
      model:
        type: mlflow_model
      metrics:
        type: uri_file
    jobs:
      fit:
        component: ./train.yml
        inputs:
          table: ${{parent.inputs.table}}
        outputs:
          model: ${{parent.outputs.model}}
          metrics: ${{parent.outputs.metrics}}
"""


def the_job(cloud: Cloud) -> tuple[str, dict[str, Any]]:
    """Return the name and the properties of the only submitted job."""
    ((name, job),) = cloud.jobs.stored.items()
    return name, job.properties


def the_run(repo: Path) -> Path:
    """The only run."""
    (folder,) = (repo / ".runs" / "tiny").iterdir()
    return folder


def record(repo: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((the_run(repo) / "run.json").read_text(encoding="utf-8"))
    return loaded


def test_a_job_becomes_a_candidate(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    done = factory.train()
    assert (done.exit_code, done.err) == (0, ""), done.out
    name, properties = the_job(cloud)
    assert f"https://ml.azure.com/runs/{name}?wsid={arm.WORKSPACE_ID}" in done.out

    outputs = the_run(tiny) / "outputs"
    assert {path: (outputs / "model" / path).read_bytes() for path in MODEL} == MODEL
    assert {path: (outputs / "table" / path).read_bytes() for path in TABLE} == TABLE
    assert (outputs / "metrics").read_bytes() == b'{"mae": 1.5}\n'

    train = json.loads((the_run(tiny) / "train.json").read_text(encoding="utf-8"))
    assert train["data"] == "dev"
    assert train["target"] == "azureml"
    assert train["job"]["name"] == name
    assert train["job"]["url"].startswith("https://ml.azure.com/runs/")
    assert properties["jobType"] == "Pipeline"


def test_the_record_is_that_of_the_local_runner(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    cloud.jobs.logs = {"train": "x"}
    cloud.blobs.put("mlstore", "azureml-logs", "train.txt", b"fitted\n")
    assert factory.train().exit_code == 0
    found = record(tiny)
    assert found["schema"] == 1
    assert found["state"] == "completed"
    assert found["exit_code"] == 0
    assert found["id"] == the_run(tiny).name
    assert found["pipeline"] == "models/tiny/pipeline.yml"
    assert found["git"] == {"commit": git(tiny, "rev-parse", "HEAD").strip(), "dirty": False}
    assert found["parameters"] == {"share": "0.25"}
    version = find(tiny, "sales:2")
    assert found["inputs"]["raw"]["dataset"] == "sales:2"
    assert found["inputs"]["raw"]["dataset_digest"] == version.digest
    assert {name: step["state"] for name, step in found["steps"].items()} == {
        "prep": "completed",
        "train": "completed",
    }
    assert found["steps"]["train"]["needs"] == ["prep"]
    assert found["steps"]["prep"]["seconds"] == 30
    assert (the_run(tiny) / found["steps"]["train"]["log"]).read_bytes() == b"fitted\n"
    for name, output in found["outputs"].items():
        assert output["path"] == f"outputs/{name}"
        assert output["digest"] == digest_of(the_run(tiny) / output["path"])
    assert sorted(found["outputs"]) == ["metrics", "model", "table"]


def test_the_job_names_its_commit_and_data(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert factory.train("--data", "prod").exit_code == 0
    name, properties = the_job(cloud)
    commit = git(tiny, "rev-parse", "HEAD").strip()
    assert re.fullmatch(r"tiny-prod-\d{8}-\d{6}-\d{6}-[0-9a-f]{4}", name)
    assert properties["tags"]["mlroad.commit"] == commit
    assert properties["tags"]["mlroad.run.model_folder"] == "tiny"
    assert properties["tags"]["mlroad.stage"] == "prod"
    assert properties["tags"]["dataset.sales:1"] == find(tiny, "sales:1").digest
    assert properties["inputs"]["raw"]["uri"].endswith("/data/sales/versions/1")
    assert properties["experimentName"] == "tiny"
    assert properties["settings"]["force_rerun"] is True
    place = f"azureml://datastores/workspaceblobstore/paths/factory/tiny/{name}"
    assert properties["outputs"]["model"]["uri"] == f"{place}/model/"
    assert properties["outputs"]["metrics"]["uri"] == f"{place}/metrics"


def test_states_are_printed_once_as_they_change(cloud: Cloud, factory: Factory) -> None:
    done = factory.train()
    lines = [line.rsplit("  ", 1)[1] for line in done.out.splitlines() if re.match(r"\s+\d+:\d\d  ", line)]
    assert lines.index("prep: running") < lines.index("train: running") < lines.index("job: completed")
    assert len(lines) == len(set(lines))


def test_data_is_registered_with_its_digest(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert "data sales:2 is now registered" in factory.train().out
    assert cloud.arm.data["sales", "2"]["tags"]["digest"] == find(tiny, "sales:2").digest
    assert ("sales", "1") not in cloud.arm.data
    again = factory.train()
    assert "data sales:2 is registered already" in again.out
    assert len(cloud.proxy.asked("PUT", "/data/sales/versions/2$")) == 1


def test_other_data_under_the_name_stops_it(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert factory.train().exit_code == 0
    cloud.arm.data["sales", "2"]["tags"]["digest"] = "sha256:" + "0" * 64
    done = factory.train()
    assert done.exit_code == 2
    assert "MD602" in done.err
    assert len(cloud.jobs.stored) == 1


def test_an_environment_is_made_once(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert "is new: Azure ML builds it" in factory.train().out
    ((name, version),) = cloud.environments.stored
    assert name == "factory"
    assert cloud.environments.stored[name, version]["image"] == IMAGE
    conda = tiny / "models" / "tiny" / "environment" / "conda.yml"
    # A comment does not change what is installed.
    conda.write_text(conda.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
    assert f"environment factory:{version} exists already" in factory.train().out
    assert len(cloud.proxy.asked("PUT", "/environments/")) == 1
    component = next(iter(cloud.components.stored.values()))["componentSpec"]
    assert component["environment"].endswith(f"/environments/factory/versions/{version}")


def test_another_conda_file_is_another_environment(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert factory.train().exit_code == 0
    conda = tiny / "models" / "tiny" / "environment" / "conda.yml"
    conda.write_text(conda.read_text(encoding="utf-8").replace("pandas>=2", "pandas>=3"), encoding="utf-8")
    assert "is new: Azure ML builds it" in factory.train().out
    assert len(cloud.environments.stored) == 2


def test_code_is_uploaded(cloud: Cloud, factory: Factory) -> None:
    assert factory.train().exit_code == 0
    uploaded = {key.rpartition("/")[2] for key in cloud.blobs.stored if "/snapshots/" in key}
    assert uploaded == {"prep.py", "train.py"}


def test_a_missing_compute_is_made_only_if_asked(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    (tiny / "factory.yml").write_text("azureml:\n  compute: cpu-cluster\n", encoding="utf-8")
    done = factory.train()
    assert done.exit_code == 2
    assert "has no compute cpu-cluster, which is named in factory.yml. Add --create-compute" in done.err
    assert not cloud.jobs.stored
    assert not cloud.computes.stored

    made = factory.train("--create-compute")
    assert made.exit_code == 0, made.err
    scale = cloud.computes.stored["cpu-cluster"]["scaleSettings"]
    assert (scale["minNodeCount"], scale["maxNodeCount"]) == (0, 1)
    _, properties = the_job(cloud)
    assert properties["settings"]["default_compute"].endswith("/computes/cpu-cluster")

    again = factory.train("--create-compute")
    assert again.exit_code == 0
    assert len(cloud.proxy.asked("PUT", "/computes/")) == 1


def test_two_trainings_are_two_runs(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    assert factory.train().exit_code == 0
    assert factory.train().exit_code == 0
    assert len(cloud.jobs.stored) == 2
    assert len(list((tiny / ".runs" / "tiny").iterdir())) == 2


def test_a_pipeline_in_the_pipeline(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    """The steps of a nested pipeline get the registered environment as well."""
    write(tiny / "models" / "tiny" / "components" / "inner.yml", INNER)
    pipeline = tiny / "models" / "tiny" / "pipeline.yml"
    text = pipeline.read_text(encoding="utf-8").replace("components/train.yml", "components/inner.yml")
    pipeline.write_text(text, encoding="utf-8")
    done = factory.train()
    assert done.exit_code == 0, done.err
    assert [name for name, _ in cloud.environments.stored] == ["factory"]
    (version,) = (version for _, version in cloud.environments.stored)
    found = record(tiny)["steps"]
    assert {name: its["state"] for name, its in found.items()} == {"prep": "completed", "train": "completed"}
    assert found["prep"]["environment"] == f"factory:{version}"


def test_a_step_with_its_own_environment_keeps_it(cloud: Cloud, tiny: Path, factory: Factory) -> None:
    component = tiny / "models" / "tiny" / "components" / "prep.yml"
    lines = component.read_text(encoding="utf-8").splitlines()
    start = lines.index("environment:")
    component.write_text("\n".join([*lines[:start], "environment: azureml:theirs:7", ""]), encoding="utf-8")
    cloud.environments.stored["theirs", "7"] = {"image": IMAGE}
    done = factory.train()
    assert done.exit_code == 0, done.err
    assert record(tiny)["steps"]["prep"]["environment"] == "theirs:7"
    assert record(tiny)["steps"]["train"]["environment"].startswith("factory:")
