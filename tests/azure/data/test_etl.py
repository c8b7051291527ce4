"""`mlroad dataset register NAME --from-etl SOURCE`, which a job calls when it has new data."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.azure.loopback.cloud import ACCOUNT, CONTAINER, Cloud
from tests.azure.loopback.fixtures import SETTINGS, Mlroad
from tests.azure.loopback.server import arm_error

Deliver = Callable[..., dict[str, Any]]
HEADER = "day,sold\n"


def text(rows: int, more: int = 0) -> str:
    return HEADER + "".join(f"2026-01-{day:02},{day * 3 + more}\n" for day in range(1, rows + 1))


@pytest.fixture
def no_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def deliver(mlroad: Mlroad, repo: Path) -> Deliver:
    """``deliver("day,sold\\n…", "--stage", "prod")`` delivers a table and returns the result."""

    def run(content: str, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        landing = repo.parent / "landing" / "sales.csv"
        landing.parent.mkdir(exist_ok=True)
        landing.write_text(content, encoding="utf-8", newline="\n")
        file = repo.parent / "outcome.json"
        call = ("register", "sales", "--from-etl", str(landing), "--outcome", str(file))
        done = mlroad("dataset", *call, *arguments)
        assert done.exit_code == exit_code, done.out + done.err
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.usefixtures("no_azure")
def test_a_delivery_becomes_the_next_version_once(deliver: Deliver, mlroad: Mlroad, repo: Path) -> None:
    first = deliver(text(9), "--stage", "prod")
    assert (first["dataset"], first["new"], first["registered"]) == ("sales:1", True, None)
    second = deliver(text(10))
    assert (second["dataset"], second["new"]) == ("sales:2", True)
    assert "stage: prod" in (repo / "datasets/sales/2.yml").read_text(encoding="utf-8")
    before = files(repo / "datasets")
    for content, version in ((text(10), "sales:2"), (text(9), "sales:1")):
        again = deliver(content)
        assert (again["dataset"], again["new"]) == (version, False)
    assert files(repo / "datasets") == before
    assert mlroad("dataset", "verify").exit_code == 0


@pytest.mark.usefixtures("no_azure")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (HEADER, "MD611"),
        ("day\n" + "2026-01-01\n" * 9, "MD613"),
        (text(9).replace(",27", ",many"), "MD614"),
        ("", "MD301"),
        (text(9) + "2026-02-01\n", "MD303"),
        ("day,day\n" + "1,2\n" * 9, "MD304"),
    ],
)
def test_wrong_data_is_refused_and_nothing_is_made(
    deliver: Deliver, repo: Path, tmp_path: Path, content: str, code: str
) -> None:
    deliver(text(9))
    before = files(repo / "datasets")
    body = tmp_path / "body.md"
    refused = deliver(content, "--pr-body", str(body), exit_code=1)
    assert code in " ".join(refused["problems"])
    assert (refused["accepted"], refused["dataset"]) == (False, None)
    assert files(repo / "datasets") == before
    assert not body.exists()


@pytest.mark.usefixtures("no_azure")
def test_the_schema_decides(deliver: Deliver, mlroad: Mlroad, repo: Path) -> None:
    deliver(text(9))
    assert mlroad("dataset", "schema", "infer", "sales:1").exit_code == 0
    schema = repo / "datasets" / "sales" / "schema.yml"
    wide = text(9).replace("sold\n", "sold,shop\n").replace("\n2026", ",a\n2026").rstrip("\n") + ",a\n"
    wide = wide.replace("shop,a\n", "shop\n")
    refused = deliver(wide, exit_code=1)
    assert "MD411" in refused["problems"][0]
    added = schema.read_text(encoding="utf-8").replace("fieldsMatch: equal", "fieldsMatch: subset")
    added = added if "subset" in added else added.replace("fieldsMatch: exact", "fieldsMatch: subset")
    if "fieldsMatch" not in added:
        added += "fieldsMatch: subset\n"
    schema.write_text(added, encoding="utf-8", newline="\n")
    assert deliver(wide)["dataset"] == "sales:2"
    assert "schema: schema.yml" in (repo / "datasets/sales/2.yml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_azure")
def test_a_correct_loss_can_be_allowed_as_the_message_says(deliver: Deliver, repo: Path) -> None:
    deliver(text(9))
    refused = deliver(text(2), exit_code=3)
    (problem,) = refused["problems"]
    assert problem.endswith("If that is expected, allow it: --max-loss 0.78.")
    assert (refused["accepted"], refused["exceeded"]) == (False, ["loss"])
    assert deliver(text(2), "--max-loss", "0.78")["dataset"] == "sales:2"
    assert "accepted: loss" in (repo / "datasets/sales/2.yml").read_text(encoding="utf-8")
    # Losses are measured from the accepted version on.
    assert deliver(text(2, more=1), "--accept", "drift")["dataset"] == "sales:3"


@pytest.mark.usefixtures("no_azure")
@pytest.mark.parametrize(("before", "after", "advice"), [(1000, 580, "0.42"), (1000, 9, "--accept loss")])
def test_the_advice_about_a_loss_is_accepted(deliver: Deliver, before: int, after: int, advice: str) -> None:
    rows = "".join(f"{number},{number % 7}\n" for number in range(before))
    deliver(f"id,v\n{rows}")
    lines = rows.splitlines(keepends=True)
    part = "id,v\n" + "".join(lines[:after])
    (problem,) = [told for told in deliver(part, exit_code=3)["problems"] if "MD612" in told]
    assert advice in problem
    option = ("--accept", "loss") if advice.startswith("--") else ("--max-loss", advice)
    exceeded = deliver(part, *option, "--accept", "drift")["exceeded"]
    assert "loss" in exceeded


def orders(rows: int, seed: int = 1, times: float = 1) -> str:
    random = Random(seed)
    lines = (
        f"{i},{random.lognormvariate(3, 1) * times:.2f},shop {random.randrange(5)}\n" for i in range(rows)
    )
    return "order,amount,shop\n" + "".join(lines)


def twice(table: str) -> str:
    header, *rows = table.splitlines(keepends=True)
    return header + "".join(rows * 2)


@pytest.mark.usefixtures("no_azure")
@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (
            orders(400, times=100),
            "drift",
            "MD617: The column amount is strongly shifted: the median",
        ),
        (
            twice(orders(400)),
            "repeated",
            "MD616: 50.0 % of the rows repeat another row, compared",
        ),
        (orders(200), "loss", "MD612: The data has 200 rows, but sales:1 has 400."),
        (orders(1_000), "growth", "MD615: The data has 1,000 rows, 2.5 times as many as sales:1."),
    ],
)
def test_data_that_differs_too_much_waits_for_a_person(
    deliver: Deliver, repo: Path, content: str, kind: str, code: str
) -> None:
    deliver(orders(400))
    before = files(repo / "datasets")
    refused = deliver(content, exit_code=3)
    assert code in " ".join(refused["problems"])
    assert (refused["accepted"], refused["exceeded"], refused["dataset"]) == (False, [kind], None)
    assert files(repo / "datasets") == before
    accepted = deliver(content, "--accept", kind)
    assert accepted["dataset"] == "sales:2"
    assert f"accepted: {kind}" in (repo / "datasets/sales/2.yml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_azure")
def test_usual_deliveries_are_accepted(deliver: Deliver) -> None:
    """The next month alone, and the next month added, with other values of the same distribution."""
    deliver(orders(400))
    other = deliver(orders(350, seed=2))
    assert (other["dataset"], other["exceeded"]) == ("sales:2", [])
    assert deliver(orders(650, seed=2))["dataset"] == "sales:3"
    found = deliver(orders(640, seed=3, times=2), "--accept", "drift")["findings"]
    assert {"level", "column", "text"} == set(found[0])
    assert any(finding["column"] == "amount" and "shifted" in finding["text"] for finding in found)


@pytest.mark.usefixtures("no_azure")
def test_small_losses_do_not_add_up(deliver: Deliver) -> None:
    deliver(orders(400))
    assert deliver(orders(300))["dataset"] == "sales:2"
    refused = deliver(orders(225), exit_code=3)
    assert "The data has 225 rows, but sales:1 has 400." in refused["problems"][0]


@pytest.mark.usefixtures("no_azure")
def test_the_schema_sets_limits(deliver: Deliver, mlroad: Mlroad, repo: Path) -> None:
    deliver(orders(400))
    assert mlroad("dataset", "schema", "infer", "sales:1").exit_code == 0
    schema = repo / "datasets" / "sales" / "schema.yml"
    inferred = schema.read_text(encoding="utf-8")
    strict = "limits: {maxLoss: 0.1, maxDrift: stable}\n" + inferred
    schema.write_text(strict, encoding="utf-8", newline="\n")
    assert deliver(orders(350), exit_code=3)["exceeded"] == ["loss"]
    assert deliver(orders(380, times=1.3), exit_code=3)["exceeded"] == ["drift"]
    seasonal = strict.replace("name: amount\n", "name: amount\n    drift: seasonal\n")
    assert seasonal != strict
    schema.write_text(seasonal, encoding="utf-8", newline="\n")
    assert deliver(orders(380, times=100))["dataset"] == "sales:2"
    schema.write_text("limits: {maxLos: 0.1, maxDrift: much}\n" + inferred, encoding="utf-8", newline="\n")
    done = mlroad("dataset", "schema", "check", "sales:2")
    assert done.exit_code in (1, 2)
    assert "schema.yml:1" in done.out + done.err
    assert "Did you mean maxLoss?" in done.out + done.err
    assert "maxDrift is not one of: stable, shifted, strongly shifted." in done.out + done.err


@pytest.mark.usefixtures("no_azure")
def test_content_that_is_there_is_compared_byte_by_byte(deliver: Deliver, repo: Path) -> None:
    made = deliver(text(9))
    stored = repo / "datasets/sales/1/sales.csv"
    before, state = stored.read_bytes(), stored.stat()
    stored.write_bytes(before.replace(b"3", b"4", 1))
    os.utime(stored, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(AssertionError, match="MD203"):
        deliver(text(9))
    # What is missing is put back, because the delivered bytes have the digest of the version.
    stored.unlink()
    again = deliver(text(9))
    assert (again["dataset"], again["new"], stored.read_bytes()) == (made["dataset"], False, before)


@pytest.mark.usefixtures("no_azure")
def test_pictures_are_counted(mlroad: Mlroad, repo: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(6):
        (pictures / f"{number}.png").write_bytes(b"\x89PNG" + bytes([number]))
    call = ("dataset", "register", "pictures", "--from-etl", str(pictures))
    assert mlroad(*call).exit_code == 0
    for number in range(4):
        (pictures / f"{number}.png").unlink()
    lost = mlroad(*call)
    assert lost.exit_code == 3
    assert "MD612: The data has 2 files, but pictures:1 has 6." in lost.out


@pytest.mark.usefixtures("no_azure")
def test_the_body_contains_what_a_reviewer_needs(deliver: Deliver, repo: Path, tmp_path: Path) -> None:
    uses = repo / "models" / "m" / "pipeline.yml"
    uses.parent.mkdir(parents=True)
    uses.write_text("inputs: {a: {path: azureml:sales:1}, b: {path: azureml:sales:12}}\n", encoding="utf-8")
    deliver(text(9))
    body = tmp_path / "body.md"
    told = deliver(text(10, more=5), "--pr-body", str(body), "-m", "From @octocat <b>bold</b> `x`")
    assert told["title"] == "data: add sales:2 (dev)"
    said = body.read_text(encoding="utf-8")
    assert "| rows | 9 | 10 |" in said
    assert "The new sales has 1 more" in said
    assert "- `models/m/pipeline.yml`" in said
    assert "@octocat" not in said
    assert "<b>" not in said
    assert f"`{told['digest']}`" in said


@pytest.mark.usefixtures("no_azure")
def test_large_data_needs_a_workspace_or_local(deliver: Deliver, repo: Path) -> None:
    large = HEADER + "2026-01-01,1000000\n" * 300_000
    landing = repo.parent / "landing"
    landing.mkdir()
    with pytest.raises(AssertionError, match="MD607"):
        deliver(large)
    assert not list((repo / "datasets").iterdir())
    assert deliver(large, "--local")["dataset"] == "sales:1"


@pytest.mark.usefixtures("no_azure")
@pytest.mark.parametrize(
    "arguments",
    [
        ("sales:1", "--from-etl", "x.csv"),
        ("--from-etl", "x.csv"),
        ("a", "b", "--from-etl", "x.csv"),
        ("sales", "--from-etl", "nowhere.csv"),
        ("sales", "--from-etl", "https://example.org/x.csv"),
        ("no good", "--from-etl", "x.csv"),
        ("sales", "--from-etl", "x.csv", "--max-loss", "1"),
        ("sales", "--from-etl", "x.csv", "--pr-body", "no/such/folder.md"),
    ],
)
def test_a_wrong_call(mlroad: Mlroad, repo: Path, arguments: tuple[str, ...]) -> None:
    (repo / "x.csv").write_text(text(3), encoding="utf-8")
    done = mlroad("dataset", "register", *arguments)
    assert done.exit_code == 2
    assert done.err
    assert not list((repo / "datasets").iterdir())


def test_with_a_workspace_it_is_registered(cloud: Cloud, deliver: Deliver, tmp_path: Path) -> None:
    body = tmp_path / "body.md"
    told = deliver(text(9), "--pr-body", str(body))
    assert told["registered"].endswith("/data/sales/versions/1")
    assert cloud.arm.data["sales", "1"]["tags"]["digest"] == told["digest"]
    assert f"- Azure ML: [sales:1]({told['url']})" in body.read_text(encoding="utf-8")


def test_an_interrupted_call_is_finished_by_the_next(
    cloud: Cloud, deliver: Deliver, mlroad: Mlroad, repo: Path
) -> None:
    cloud.proxy.fail("PUT", "/versions/1$", lambda: arm_error(403, "Forbidden", "No."))
    with pytest.raises(AssertionError, match="you lack permission in"):
        deliver(text(9))
    assert (repo / "datasets/sales/1.yml").is_file()
    told = deliver(text(9))
    assert (told["dataset"], told["new"]) == ("sales:1", False)
    assert told["registered"]


def test_version_numbers_in_the_cloud_are_not_used_again(cloud: Cloud, deliver: Deliver, repo: Path) -> None:
    """Yesterday's pull request was not merged, and this is a fresh clone of main."""
    deliver(text(9))
    merged = shutil.copytree(repo / "datasets", repo.parent / "main")
    yesterday = deliver(text(10))
    assert yesterday["dataset"] == "sales:2"

    shutil.rmtree(repo / "datasets")
    shutil.copytree(merged, repo / "datasets")
    again = deliver(text(10))
    assert (again["dataset"], again["new"]) == ("sales:2", True), "the same content keeps its number"

    shutil.rmtree(repo / "datasets")
    shutil.copytree(merged, repo / "datasets")
    assert deliver(text(11))["dataset"] == "sales:3"
    assert set(cloud.arm.data) == {("sales", "1"), ("sales", "2"), ("sales", "3")}


def test_data_delivered_to_the_cloud_stays_there(cloud: Cloud, mlroad: Mlroad, repo: Path) -> None:
    at = "azureml://datastores/workspaceblobstore/paths/landing/"
    for month in (1, 2):
        for part in range(5):
            blob = f"landing/{month}/{part}.csv"
            cloud.blobs.put(ACCOUNT, CONTAINER, blob, text(5, more=month + 7 * part).encode())
        done = mlroad("dataset", "register", "sales", "--from-etl", f"{at}{month}/")
        assert done.exit_code == 0, done.err
        assert f"Registered sales:{month}" in done.out
        assert cloud.arm.data["sales", str(month)]["dataUri"].endswith(f"/paths/landing/{month}/")
        # On a fresh machine, the previous version is fetched for the comparison.
        shutil.rmtree(repo / "data")
    assert not cloud.proxy.asked("PUT", "blob"), "nothing is copied"
    assert "rows: '25'" in (repo / "datasets/sales/2.yml").read_text(encoding="utf-8")

    gone = mlroad("dataset", "register", "sales", "--from-etl", f"{at}3/")
    assert gone.exit_code == 2
    assert "There is nothing below" in gone.err
