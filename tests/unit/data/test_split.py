"""`mlroad dataset split`: no row on both sides, no row lost, and a stable holdout."""

from __future__ import annotations

import json
import random
from pathlib import Path
from unittest.mock import Mock

import pytest

from mlroad.core.problems import UserError
from mlroad.data import create_version as creation
from mlroad.data.store import find, local_path
from mlroad.data.version import DatasetVersion, write_version
from tests.unit.data.conftest import Repo


def table(ids: range | list[int], seed: int = 1) -> str:
    chance = random.Random(seed)
    rows = [f'{number},"a, {number % 5}",{chance.random():.6f}' for number in ids]
    return "\n".join(["id,group name,value", *rows]) + "\n"


def lines(repo: Repo, reference: str) -> list[str]:
    return local_path(repo.path, find(repo.path, reference)).read_text(encoding="utf-8").splitlines()


def keys(repo: Repo, reference: str) -> set[str]:
    """The first value of each row."""
    return {line.split(",")[0] for line in lines(repo, reference)[1:]}


def sides(repo: Repo, name: str) -> list[Path]:
    """Split for the first time; return the paths of the two sides."""
    return [local_path(repo.path, find(repo.path, f"{name}_{side}:1")) for side in ("train", "holdout")]


def test_every_row_is_on_one_side_in_its_old_order(repo: Repo) -> None:
    text = table(range(1000))
    repo.write("raw/all.csv", text)
    repo.good("add all raw/all.csv")
    said = repo.good("split all:1 --share 0.3")
    header, *rows = text.splitlines()
    train, holdout = lines(repo, "all_train:1"), lines(repo, "all_holdout:1")
    assert train[0] == holdout[0] == header
    held = set(holdout[1:])
    assert holdout[1:] == [row for row in rows if row in held]
    assert train[1:] == [row for row in rows if row not in held]
    assert 250 < len(held) < 350
    assert f"all_holdout:1  {len(held)} rows, frozen from now on" in said
    assert find(repo.path, "all_train:1").parent == "all:1"


def test_both_sides_have_the_given_stage(repo: Repo) -> None:
    repo.write("raw/all.csv", table(range(300)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1 --stage prod")
    assert {find(repo.path, f"all_{side}:1").stage for side in ("train", "holdout")} == {"prod"}


def test_the_order_of_rows_changes_nothing(repo: Repo) -> None:
    header, *rows = table(range(300)).splitlines()
    repo.write("raw/one.csv", "\n".join([header, *rows]) + "\n")
    random.Random(2).shuffle(rows)
    repo.write("raw/two.csv", "\n".join([header, *rows]) + "\n")
    for name in ("one", "two"):
        repo.good(f"add all raw/{name}.csv")
    repo.good("split all:1")
    repo.good("split all:2 --renew")
    assert set(lines(repo, "all_holdout:1")) == set(lines(repo, "all_holdout:2"))


def test_rows_with_one_key_stay_together(repo: Repo) -> None:
    repo.write("raw/visits.csv", "patient,day\n" + "".join(f"{n % 60},{n}\n" for n in range(600)))
    repo.good("add visits raw/visits.csv")
    repo.good("split visits:1 --key patient")
    train, holdout = (keys(repo, f"visits_{side}:1") for side in ("train", "holdout"))
    assert not train & holdout
    assert len(train | holdout) == 60


def test_the_holdout_stays_frozen(repo: Repo) -> None:
    repo.write("raw/all.csv", table(range(500)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1 --key id")
    frozen = keys(repo, "all_holdout:1")
    gone = min(frozen, key=int)
    # The next version has new rows, lacks one row of the holdout, and gives all others new values.
    repo.write("raw/all.csv", table([n for n in range(700) if str(n) != gone], seed=2))
    repo.good("add all raw/all.csv")
    said = repo.good("split all:2")
    assert f"all_holdout:1  {len(frozen)} rows, frozen: unchanged" in said
    assert "all:2 no longer has 1 row of all_holdout:1" in said
    train = keys(repo, "all_train:2")
    assert not train & frozen
    assert train | frozen == {str(number) for number in range(700)}
    assert not (repo / "datasets/all_holdout/2.yml").exists()
    repo.refused("split all:2 --share 0.5", "all_holdout:1 is frozen", "--renew")
    repo.refused("split all:2 --share 0", "0<x<1")
    repo.refused("split all:2 --key value", "all_holdout:1 is frozen")
    repo.good("split all:2 --share 0.2 --key id")
    assert "already existed" in repo.good("split all:2")
    repo.good("split all:2 --key id --share 0.5 --renew")
    assert (repo / "datasets/all_holdout/2.yml").exists()


@pytest.mark.parametrize("reference", ["all_train:1", "all_holdout:1", "all_train:2"])
def test_a_split_repeats(repo: Repo, reference: str) -> None:
    repo.write("raw/all.csv", table(range(500)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1")
    repo.write("raw/all.csv", table(range(600)))
    repo.good("add all raw/all.csv")
    repo.good("split all:2")
    assert "same digest" in repo.good(f"repeat {reference}")


def test_parquet(repo: Repo) -> None:
    import duckdb

    database = duckdb.connect()

    def rows(query: str) -> list[tuple[object, ...]]:
        return database.execute(query).fetchall()

    file = repo / "raw/all.parquet"
    columns = "i AS id, i::VARCHAR || ' é' AS name, CASE WHEN i % 3 > 0 THEN i / 7 END AS x, [i, 2] AS list"
    rows(f"COPY (SELECT {columns} FROM range(300000) t(i)) TO '{file.as_posix()}'")
    repo.good("add all raw/all.parquet")
    repo.good("split all:1 --key id")
    train, holdout = sides(repo, "all")
    both = f"(FROM '{train.as_posix()}' UNION ALL FROM '{holdout.as_posix()}')"
    assert not rows(f"FROM {both} EXCEPT ALL FROM '{file.as_posix()}'")
    assert rows(f"SELECT count(*), count(DISTINCT id) FROM {both}") == [(300000, 300000)]
    assert rows(f"DESCRIBE FROM '{train.as_posix()}'") == rows(f"DESCRIBE FROM '{file.as_posix()}'")
    assert "same digest" in repo.good("repeat all_train:1"), "the bytes of Parquet too"
    texts = f"SELECT * REPLACE (id::VARCHAR AS id) FROM '{file.as_posix()}'"
    rows(f"COPY ({texts}) TO '{(repo / 'raw/b.parquet').as_posix()}'")
    repo.good("add all raw/b.parquet")
    repo.refused("split all:2", "The column id is VARCHAR, but BIGINT in the frozen holdout")


def test_json_lines_are_kept_to_the_letter(repo: Repo) -> None:
    deep = {"b": [1], "a": None}
    rows = [json.dumps({"id": n, "deep": deep, "text": "é"}, ensure_ascii=n % 2 > 0) for n in range(200)]
    repo.write("raw/all.jsonl", "\n".join(rows) + "\n")
    repo.good("add all raw/all.jsonl")
    repo.good("split all:1 --key id")
    both = lines(repo, "all_train:1") + lines(repo, "all_holdout:1")
    assert sorted(both) == sorted(rows)
    assert "same digest" in repo.good("repeat all_holdout:1")


def test_pictures(repo: Repo) -> None:
    for number in range(60):
        repo.write(f"raw/pets/{'cats' if number % 2 else 'dogs'}/{number}.png", f"picture {number // 2}")
    repo.good("add pets raw/pets")
    repo.good("split pets:1 --share 0.4")
    train, holdout = sides(repo, "pets")
    contents = [{file.read_bytes() for file in side.rglob("*.png")} for side in (train, holdout)]
    assert not contents[0] & contents[1], "the same picture under two names is on one side"
    assert sum(1 for side in (train, holdout) for _ in side.rglob("*.png")) == 60
    repo.refused("split pets:1 --key name --renew", "a folder of files has none")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("split all:1 --share 0", "0<x<1"),
        ("split all:1 --share 1.5", "0<x<1"),
        ("split all:1 --key idd", "There is no column idd"),
        ("split all:1 --key const", "would be empty"),
        ("split all:2", "all has the versions 1"),
        ("split all:1 --holdout other", "was not created by a split"),
    ],
)
def test_what_cannot_be_split(repo: Repo, arguments: str, words: str) -> None:
    repo.write("raw/all.csv", "id,const\n" + "".join(f"{n},1\n" for n in range(50)))
    repo.good("add all raw/all.csv")
    repo.good("add other raw/all.csv")
    repo.refused(arguments, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--train same --holdout same", "(same) and the holdout (same) would be one dataset"),
        ("--train Same --holdout same", "(Same) and the holdout (same) would be one dataset"),
        ("--train all_holdout", "would be one dataset"),
        ("--train all", "--train is all, the dataset that is split"),
        ("--holdout all --renew", "--holdout is all, the dataset that is split"),
        ("--train ALL", "ALL and all differ only in case"),
        ("--train con", "is not a valid dataset name"),
        ("--train old_holdout", "old_holdout:1 is the other side of a split"),
        ("--holdout old_train", "old_train:1 is the other side of a split"),
        ("--holdout old_train --renew", "old_train:1 is the other side of a split"),
    ],
)
def test_names_that_the_sides_cannot_have(repo: Repo, arguments: str, words: str) -> None:
    repo.write("raw/all.csv", table(range(100)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1 --train old_train --holdout old_holdout")
    repo.refused(f"split all:1 {arguments}", words)
    assert not (repo / "datasets/same").exists()


def test_names_that_the_sides_can_have(repo: Repo) -> None:
    repo.write("raw/all.csv", table(range(100)))
    repo.good("add all raw/all.csv")
    repo.good("add mine raw/all.csv")
    repo.good("split all:1 --train mine --holdout mine2")
    repo.good("split mine:2 --train all_train --holdout all_holdout")
    repo.good("split all:1 --train mine --holdout mine2 --renew --share 0.5")


@pytest.mark.parametrize("suffix", ["csv", "folder"])
@pytest.mark.parametrize("small", [0, 5_000_000])
def test_a_split_that_fails_half_way_leaves_nothing(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, suffix: str, small: int
) -> None:
    monkeypatch.setattr(creation, "SMALL", small)
    for number in range(50):
        repo.write(f"raw/folder/{number}.png", f"picture {number}")
    repo.write("raw/all.csv", table(range(100)))
    repo.good(f"add all raw/{'all.csv' if suffix == 'csv' else 'folder'}")
    before, folders = repo.files(), {*repo.path.glob("d*/*")}

    def full(version: DatasetVersion) -> None:
        if version.name == "all_train":
            raise UserError("The disk is full.")
        write_version(version)

    monkeypatch.setattr(creation, "write_version", full)
    repo.refused("split all:1", "The disk is full.")
    assert (repo.files(), {*repo.path.glob("d*/*")}) == (before, folders)
    monkeypatch.setattr(creation, "write_version", write_version)
    assert "frozen from now on" in repo.good("split all:1")
    assert "verified" in repo.good("verify")


def test_a_failed_split_of_a_later_version_keeps_the_frozen_holdout(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("raw/all.csv", table(range(100)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1")
    repo.write("raw/all.csv", table(range(120)))
    repo.good("add all raw/all.csv")
    monkeypatch.setattr(creation, "write_version", Mock(side_effect=UserError("The disk is full.")))
    repo.refused("split all:2", "The disk is full.")
    assert (repo / "datasets/all_holdout/1.yml").exists()


def test_a_holdout_that_no_longer_fits(repo: Repo) -> None:
    repo.write("raw/all.csv", table(range(100)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1 --key id")
    repo.write("raw/all.csv", table(range(1000, 1100)))
    repo.good("add all raw/all.csv")
    repo.refused("split all:2", "has none of the rows of all_holdout:1")
    repo.write("raw/all.csv", table(range(100)).replace("id,", "key,"))
    repo.good("add all raw/all.csv")
    repo.refused("split all:3", "lacks the column id")


def test_tampered_data_is_not_split(repo: Repo, tmp_path: Path) -> None:
    repo.write("raw/all.csv", table(range(100)))
    repo.good("add all raw/all.csv")
    repo.good("split all:1")
    for name in ("all_holdout", "all"):
        file = local_path(repo.path, find(repo.path, f"{name}:1"))
        file.write_bytes(file.read_bytes().replace(b"a, 1", b"b, 1", 1))
        repo.refused("split all:1", f"{file.name}: MD203")
