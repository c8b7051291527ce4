"""A workspace as the registry: version numbers, aliases, files, and errors of Azure."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.azure.errors import AzureError
from mlroad.core.digests import digest_of
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.registry.azure_registry import AzureRegistry
from mlroad.registry.base import Version
from mlroad.registry.open_registry import open_registry
from mlroad.registry.registered_model import judged_digest
from mlroad.registry.version_lineage import lineage_id
from tests.azure.loopback.cloud import Cloud
from tests.azure.loopback.registry import NAME
from tests.azure.loopback.server import Response, arm_error

pytestmark = pytest.mark.slow
VERSION = r"/models/tiny/versions/\d+$"
Add = Callable[..., Version]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repo whose registry is the workspace."""
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "factory.yml").write_text("registry: azureml\n", encoding="utf-8")
    (folder / "datasets").mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def registry(cloud: Cloud, root: Path) -> AzureRegistry:
    found = open_registry(root_here())
    assert isinstance(found, AzureRegistry)
    return found


def staged(root: Path, run: str, twin: bool = True, by: str = "me") -> tuple[dict[str, Any], Path]:
    """What `mlroad register` passes on: the lineage, and a folder with the content."""
    folder = root / ".registry" / ".staged" / f"{run}-{by}"
    for name, size in (("model", 100), ("dev/model", 10)) if twin else (("model", 100),):
        (folder / name / "data").mkdir(parents=True)
        (folder / name / "MLmodel").write_text(f"run: {run}\n", encoding="utf-8")
        (folder / name / "data" / "weights.bin").write_bytes(bytes(size))
    lineage: dict[str, Any] = {
        "schema": 1,
        "model": "tiny",
        "run": run,
        "by": by,
        "commit": "c" * 40,
        "model_digest": digest_of(folder / "model"),
        "dev_model_digest": digest_of(folder / "dev" / "model") if twin else None,
        "datasets": [
            {"input": "raw", "stage": "prod", "dataset": "sales:1", "digest": "sha256:0", "parents": []}
        ],
        "verdict": {"verdict": "better", "passed": True, "headline": "It is better."},
    }
    lineage["id"] = lineage_id(run, lineage["model_digest"])
    for place in (".", "model", "dev/model") if twin else (".", "model"):
        (folder / place / "lineage.json").write_text(json.dumps(lineage), encoding="utf-8")
    (folder / "verdict.json").write_text("{}", encoding="utf-8")
    return lineage, folder


@pytest.fixture
def add(registry: AzureRegistry, root: Path) -> Add:
    """``add("run-1")``: a registered version."""

    def do(run: str, **options: Any) -> Version:
        lineage, folder = staged(root, run, **options)
        return registry.add("tiny", lineage, folder)

    return do


def test_a_version_and_its_content(cloud: Cloud, registry: AzureRegistry, add: Add, root: Path) -> None:
    made = add("run-1")
    assert (made.model, made.number, made.aliases) == ("tiny", 1, ())
    assert made.tags["passed"] == "true"
    assert made.tags["datasets"] == "prod:raw=sales:1"
    assert made.created.utcoffset() is not None
    assert dict(made.lineage)["run"] == "run-1"
    assert registry.models() == ["tiny"]
    stored = cloud.models.stored["tiny", "1"]
    assert stored["modelType"] == "mlflow_model"
    place = f"{made.tags['lineage_id'][:16]}-{made.tags['lineage_digest'].removeprefix('sha256:')[:8]}"
    assert stored["modelUri"].endswith(f"/paths/factory/registry/tiny/{place}/model/")
    assert all(isinstance(value, str) for value in stored["tags"].values())
    assert not list((root / ".registry" / ".staged").iterdir())


def test_models_are_downloaded_once_and_complete(
    cloud: Cloud, registry: AzureRegistry, add: Add, root: Path
) -> None:
    made = add("run-1")
    prod, dev = registry.model_path(made, "prod"), registry.model_path(made, "dev")
    assert prod == Path(".registry", "cache", "tiny", "1", "model")
    assert prod and judged_digest(prod) == made.tags["model_digest"]
    assert dev and judged_digest(dev) == made.tags["dev_model_digest"]
    for model in (prod, dev):
        assert json.loads((model / "lineage.json").read_text(encoding="utf-8")) == dict(made.lineage)
    before = len(cloud.proxy.log)
    assert registry.model_path(made, "prod") == prod
    assert len(cloud.proxy.log) == before
    # A corrupted cache is downloaded again.
    (prod / "MLmodel").write_text("spoilt", encoding="utf-8")
    assert registry.model_path(made, "prod") == prod
    assert judged_digest(prod) == made.tags["model_digest"]
    (prod / "lineage.json").unlink()
    assert registry.model_path(made, "prod") == prod
    assert (prod / "lineage.json").is_file()


@pytest.mark.parametrize("file", ["MLmodel", "lineage.json"])
def test_a_model_changed_in_the_cloud_is_refused(
    cloud: Cloud, registry: AzureRegistry, add: Add, root: Path, file: str
) -> None:
    made = add("run-1")
    for key, blob in cloud.blobs.stored.items():
        if key.endswith(f"/model/{file}"):
            blob.content = b"other"
    with pytest.raises(UserError, match="is not the one that was registered"):
        registry.model_path(made, "prod")
    assert not list((root / ".registry" / "cache").rglob("MLmodel"))


def test_no_twin(registry: AzureRegistry, add: Add) -> None:
    assert registry.model_path(add("run-1", twin=False), "dev") is None


def test_adding_twice_is_one_version(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    assert add("run-1").number == 1
    assert add("run-2").number == 2
    assert add("run-1").number == 1
    assert len(cloud.models.stored) == 2


def test_versions_are_sorted_as_numbers(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    for number in range(1, 12):
        assert add(f"run-{number}").number == number
    assert [version.number for version in registry.versions("tiny")] == list(range(1, 12))
    assert registry.version("tiny", 9).number == 9
    with pytest.raises(UserError, match="tiny has the versions 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"):
        registry.version("tiny", 12)


def test_what_others_registered_is_left_alone(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    other = {"modelType": "custom_model", "modelUri": "azureml://datastores/a/paths/b", "tags": {}}
    cloud.models.stored["tiny", "4"] = other
    cloud.models.stored["tiny", "handmade"] = other
    cloud.models.stored["theirs", "1"] = other
    assert add("run-1").number == 5
    assert [version.number for version in registry.versions("tiny")] == [5]
    assert registry.models() == ["tiny"]


def test_an_alias_moves_by_one_write(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    one, two = add("run-1"), add("run-2")
    assert registry.by_alias("tiny", "champion") is None
    registry.set_alias(one, "champion")
    registry.set_alias(one, "candidate")
    before = len(cloud.proxy.asked("PUT", VERSION))
    registry.set_alias(two, "champion")
    assert len(cloud.proxy.asked("PUT", VERSION)) == before + 1
    champion = registry.by_alias("tiny", "champion")
    assert champion and champion.number == 2
    assert registry.version("tiny", 1).aliases == ("candidate",)
    # Move it back.
    registry.set_alias(one, "champion")
    assert registry.version("tiny", 1).aliases == ("candidate", "champion")
    assert registry.version("tiny", 2).aliases == ()
    # Setting the same version again causes no write.
    before = len(cloud.proxy.asked("PUT", VERSION))
    registry.set_alias(one, "champion")
    assert len(cloud.proxy.asked("PUT", VERSION)) == before


def test_an_alias_that_only_goes_forward(registry: AzureRegistry, add: Add) -> None:
    one, two = add("run-1"), add("run-2")
    registry.set_alias(two, "candidate", forward=True)
    registry.set_alias(one, "candidate", forward=True)
    assert registry.version("tiny", 2).aliases == ("candidate",)


def test_a_clock_that_is_ahead_does_not_block_an_alias(
    cloud: Cloud, registry: AzureRegistry, add: Add
) -> None:
    one, two = add("run-1"), add("run-2")
    cloud.models.stored["tiny", "1"]["tags"]["alias.champion"] = "2999-01-01T00:00:00.000000+00:00"
    registry.set_alias(two, "champion")
    champion = registry.by_alias("tiny", "champion")
    assert champion and champion.number == two.number
    registry.set_alias(one, "champion")
    champion = registry.by_alias("tiny", "champion")
    assert champion and champion.number == one.number


def test_a_failed_move_changes_nothing(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    one, two = add("run-1"), add("run-2")
    registry.set_alias(one, "champion")
    cloud.proxy.fail("PUT", VERSION, lambda: arm_error(403, "AuthorizationFailed", "No."))
    with pytest.raises(AzureError, match="AzureML Data Scientist"):
        registry.set_alias(two, "champion")
    champion = registry.by_alias("tiny", "champion")
    assert champion and champion.number == 1


def test_tags_are_added(registry: AzureRegistry, add: Add) -> None:
    made = add("run-1")
    registry.set_alias(made, "champion")
    registry.set_tags(made, {"history": "[]"})
    now = registry.version("tiny", 1)
    assert now.tags["history"] == "[]"
    assert now.tags["lineage_id"] == made.tags["lineage_id"]
    assert now.aliases == ("champion",)


def test_removing(cloud: Cloud, registry: AzureRegistry, add: Add, root: Path) -> None:
    one, two = add("run-1"), add("run-2")
    registry.set_alias(two, "candidate")
    with pytest.raises(UserError, match="tiny:2 is candidate"):
        registry.remove(two)
    registry.model_path(one, "prod")
    registry.remove(one)
    assert [version.number for version in registry.versions("tiny")] == [2]
    assert not [key for key in cloud.blobs.stored if one.tags["lineage_id"][:16] in key]
    assert [key for key in cloud.blobs.stored if two.tags["lineage_id"][:16] in key]
    assert not (root / ".registry" / "cache" / "tiny" / "1").exists()
    registry.set_alias(add("run-3"), "candidate")
    registry.remove(two)
    # The number of a deleted version is not used again.
    registry.remove(add("run-4"))
    assert add("run-5").number == 5


def test_killed_between_the_upload_and_the_version(
    cloud: Cloud, registry: AzureRegistry, add: Add, root: Path
) -> None:
    cloud.proxy.cut("PUT", VERSION, times=99)
    with pytest.raises(AzureError, match="Registering tiny:1 failed"):
        add("run-1")
    assert registry.versions("tiny") == []
    uploaded = len(cloud.proxy.asked("PUT", "/factory/registry/"))
    cloud.proxy.faults.clear()
    shutil.rmtree(root / ".registry")
    assert add("run-1").number == 1
    assert len(cloud.proxy.asked("PUT", "/factory/registry/")) == uploaded, "sent twice"
    assert len(cloud.models.stored) == 1


def test_a_lost_response_makes_no_second_version(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    cloud.proxy.lose("PUT", VERSION)
    assert add("run-1").number == 1
    assert len(cloud.models.stored) == 1


def test_one_run_registered_twice_at_once(
    cloud: Cloud, registry: AzureRegistry, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have checked before either registers; the second must not overwrite the first one's lineage."""
    files = registry._files
    put = files.put

    def later(*arguments: Any) -> str:
        monkeypatch.setattr(files, "put", put)
        registry.add("tiny", *staged(root, "run-1", by="somebody else"))
        return put(*arguments)

    monkeypatch.setattr(files, "put", later)
    registry.add("tiny", *staged(root, "run-1"))
    for made in registry.versions("tiny"):
        assert registry.model_path(made, "prod")
        assert made.lineage["by"] == made.tags["by"]


def test_a_number_that_someone_else_takes(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    """Someone else registers between the listing and the write."""
    other = {"modelType": "custom_model", "modelUri": "azureml://datastores/a/paths/b", "tags": {}}
    done = threading.Event()

    def taken() -> Response:
        done.set()
        cloud.models.stored["tiny", "1"] = other
        return arm_error(400, "UserError", "Asset paths cannot be updated.")

    cloud.proxy.fail("PUT", r"/models/tiny/versions/1$", taken)
    assert add("run-1").number == 2
    assert done.is_set()


@pytest.fixture
def sharing(cloud: Cloud, root: Path) -> AzureRegistry:
    """The registry of a repo that shares its champions."""
    text = f"registry: azureml\nazureml:\n  shared_registry: {NAME}\n"
    (root / "factory.yml").write_text(text, encoding="utf-8")
    found = open_registry(root_here())
    assert isinstance(found, AzureRegistry)
    return found


def test_champions_are_shared(cloud: Cloud, sharing: AzureRegistry, root: Path) -> None:
    one, two = (sharing.add("tiny", *staged(root, run)) for run in ("run-1", "run-2"))
    sharing.set_alias(one, "candidate")
    assert not cloud.shared.models
    sharing.set_alias(one, "champion")
    sharing.set_alias(two, "champion")
    sharing.set_alias(one, "champion")  # a rollback: the version is already in the shared registry
    assert sorted(cloud.shared.models) == [("tiny", "1"), ("tiny", "2")]
    assert cloud.shared.models["tiny", "1"]["tags"]["lineage_id"] == one.tags["lineage_id"]
    champion = sharing.by_alias("tiny", "champion")
    assert champion and champion.number == 1


def test_an_unshared_version_does_not_become_champion(
    cloud: Cloud, sharing: AzureRegistry, root: Path
) -> None:
    made = sharing.add("tiny", *staged(root, "run-1"))
    cloud.proxy.fail("POST", "/import$", lambda: arm_error(403, "AuthorizationFailed", "No."))
    with pytest.raises(AzureError, match="Sharing tiny:1 to the registry shared-models failed"):
        sharing.set_alias(made, "champion")
    assert sharing.by_alias("tiny", "champion") is None
    sharing.set_alias(made, "champion")
    assert sharing.version("tiny", 1).aliases == ("champion",)
    assert list(cloud.shared.models) == [("tiny", "1")]


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "AzureML Data Scientist"), (409, "changed by someone else"), (401, "az login")],
)
def test_azure_refuses(cloud: Cloud, registry: AzureRegistry, add: Add, status: int, said: str) -> None:
    cloud.proxy.fail("PUT", VERSION, lambda: arm_error(status, "Refused", "No."), times=99)
    with pytest.raises(AzureError, match=said):
        add("run-1")
    assert not cloud.models.stored


def test_throttled(cloud: Cloud, registry: AzureRegistry, add: Add) -> None:
    cloud.proxy.fail("PUT", VERSION, lambda: arm_error(429, "Busy", "Slow down.", Retry_After="1"))
    assert add("run-1").number == 1


@pytest.mark.parametrize("old", [b'"tiny"', b'"me"'])
def test_a_lineage_changed_in_the_cloud_is_refused(
    cloud: Cloud, registry: AzureRegistry, add: Add, old: bytes
) -> None:
    made = add("run-1")
    for key, blob in cloud.blobs.stored.items():
        if key.endswith("/lineage.json"):
            assert old in blob.content
            blob.content = blob.content.replace(old, b'"other"')
    with pytest.raises(UserError, match="The lineage of tiny:1 is not the one"):
        made.lineage["run"]
