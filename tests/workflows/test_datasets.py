"""The factory's datasets.yml: deliveries become pull requests, merges are verified and registered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mlroad.data.add import add_data
from tests.azure.loopback import arm, blobs
from tests.azure.loopback.cloud import ACCOUNT, CONTAINER, Cloud
from tests.support import git
from tests.workflows.harness import Act

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="act's host mode needs a POSIX shell"),
]
IDS = ("AZURE_CLIENT_ID=1", "AZURE_TENANT_ID=2")
LOGIN = "azure/login@a457da9ea143d694b1b9c7c869ebb04ebe844ef5"
APP_STEP = "Sign in as the App, so that CI runs on the pull request"
APP = ("--var", "TEMPLATE_APP_ID=1", "--secret", "TEMPLATE_APP_PRIVATE_KEY=made-up")
NO_AZURE = [("deliver", LOGIN)]
NO_APP = [("deliver", APP_STEP)]


def table(rows: int) -> str:
    return "day,sold\n" + "".join(f"2026-01-{day:02},{day}\n" for day in range(1, rows + 1))


def inputs(**given: str) -> dict[str, str]:
    return {"dataset": "sales", "source": "landing.csv", "stage": "prod", "max-loss": "0.5", **given}


@pytest.fixture
def factory(project: Callable[..., Path]) -> Path:
    repo = project(template="factory", sample=False)
    (repo / "landing.csv").write_text(table(9), encoding="utf-8", newline="\n")
    return repo


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    yield made
    made.close()


@pytest.fixture
def azure(cloud: Cloud, tmp_path: Path) -> list[str]:
    """act's arguments for a repo with a workspace, in which jobs can sign in."""
    folder = tmp_path / "azure"
    (folder / "bin").mkdir(parents=True)
    arm_token, blob_token = cloud.entra.issue(arm.AUDIENCE), cloud.entra.issue(blobs.AUDIENCE)
    az = folder / "bin" / "az"
    az.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{blobs.AUDIENCE}*) token={blob_token} ;; *) token={arm_token} ;; esac\n'
        'echo "{\\"accessToken\\": \\"$token\\", \\"expires_on\\": 4102444800, '
        '\\"expiresOn\\": \\"2100-01-01 00:00:00.000000\\", \\"tokenType\\": \\"Bearer\\"}"\n',
        encoding="utf-8",
    )
    az.chmod(0o755)
    variables = "".join(f"{name}={value}\n" for name, value in cloud.network().items())
    (folder / "env").write_text(variables, encoding="utf-8")
    settings = [*IDS, *(f"{name}={value}" for name, value in cloud.workspace().items())]
    return [
        *(part for setting in settings for part in ("--var", setting)),
        "--env",
        f"ACT_AZURE={folder}",
    ]


def deliver(act: Act, repo: Path, given: dict[str, str], arguments: Sequence[str] = ()) -> str:
    """Run a delivery that must succeed; return the requests to GitHub."""
    run = act.run(repo, workflow="datasets.yml", event="workflow_dispatch", arguments=arguments, inputs=given)
    run.assert_green({"deliver": []}, skipped=[*NO_AZURE, *NO_APP])
    return run.gh_log.read_text(encoding="utf-8") if run.gh_log.is_file() else ""


def test_a_delivery_becomes_a_pull_request_without_a_cloud(act: Act, factory: Path) -> None:
    asked = deliver(act, factory, inputs(description="More days"))
    assert "gh pr create --head data/sales-1 --title data: add sales:1 (prod)" in asked
    assert "## sales:1\n\nMore days" in asked
    changed = git(factory, "diff", "--name-only", "HEAD", "data/sales-1").split()
    assert changed == ["datasets/sales/1.yml", "datasets/sales/1/landing.csv"]
    assert "add sales:1 (prod)" in git(factory, "log", "-1", "--format=%s", "data/sales-1")

    # Again before the merge: the branch does not change, the text is updated.
    before = git(factory, "rev-parse", "data/sales-1")
    again = deliver(act, factory, inputs(), ["--env", "ACT_GH_PULL=7"])
    assert "gh pr edit 7 --body-file" in again
    assert "pr create" not in again
    assert git(factory, "rev-parse", "data/sales-1") == before

    # Other data before the merge: it must not be dropped without a word.
    (factory / "landing.csv").write_text(table(8), encoding="utf-8", newline="\n")
    run = act.run(factory, workflow="datasets.yml", event="workflow_dispatch", inputs=inputs())
    run.assert_red(
        "deliver",
        "Open or update the pull request",
        "The branch data/sales-1 has an earlier delivery with other data.",
    )
    assert git(factory, "rev-parse", "data/sales-1") == before
    (factory / "landing.csv").write_text(table(9), encoding="utf-8", newline="\n")

    # Again after the merge: there is nothing to do.
    git(factory, "merge", "--quiet", "data/sales-1")
    assert "gh pr" not in deliver(act, factory, inputs())


def test_wrong_data_is_red_and_asks_for_nothing(act: Act, factory: Path) -> None:
    (factory / "landing.csv").write_text("day,sold\n2026-01-01\n", encoding="utf-8")
    run = act.run(factory, workflow="datasets.yml", event="workflow_dispatch", inputs=inputs())
    run.assert_red("deliver", "Check the data and create the version", "landing.csv:2: MD303", "rejected")
    assert "MD303" in run.summaries["Datasets/deliver"]
    assert not run.gh_log.is_file() or "gh pr" not in run.gh_log.read_text(encoding="utf-8")


def test_with_a_workspace_and_an_app(act: Act, factory: Path, cloud: Cloud, azure: list[str]) -> None:
    source = "azureml://datastores/workspaceblobstore/paths/landing/sales.csv"
    cloud.blobs.put(ACCOUNT, CONTAINER, "landing/sales.csv", table(9).encode())
    run = act.run(
        factory,
        workflow="datasets.yml",
        event="workflow_dispatch",
        arguments=[*azure, *APP],
        inputs=inputs(source=source),
    )
    run.assert_green({"deliver": []})
    assert cloud.arm.data["sales", "1"]["dataUri"].endswith("/paths/landing/sales.csv")
    asked = run.gh_log.read_text(encoding="utf-8")
    assert "Azure ML: [sales:1](https://ml.azure.com/data/sales/1/" in asked
    assert git(factory, "log", "-1", "--format=%an", "data/sales-1").strip() == "test-app[bot]"
    assert git(factory, "diff", "--name-only", "HEAD", "data/sales-1").split() == ["datasets/sales/1.yml"]


def test_a_merge_is_verified_and_registered(
    act: Act, factory: Path, cloud: Cloud, azure: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(factory)
    made = add_data(Path(), "sales", "landing.csv", stage="prod", kind=None, description="", address="")
    assert made.startswith("Created sales:1")
    run = act.run(factory, workflow="datasets.yml", event="push", arguments=azure)
    run.assert_green({"verify": [], "register": []})
    assert ("sales", "1") in cloud.arm.data
    assert "Registered sales:1" in run.summaries["Datasets/register"]

    # A merge is also verified without a workspace.
    run = act.run(factory, workflow="datasets.yml", event="push")
    run.assert_green({"verify": []})

    data = factory / "datasets" / "sales" / "1" / "landing.csv"
    data.write_text(table(8), encoding="utf-8", newline="\n")
    run = act.run(factory, workflow="datasets.yml", event="push", arguments=azure)
    run.assert_red("verify", "Verify the datasets", "MD203")
    assert not [job for job in run.jobs if job.id == "register" and job.result == "success"]
