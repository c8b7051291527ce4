"""`mlroad dataset split` by class, by time and of MLTables; the types that it keeps, and what it prints."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlroad.data.split_choice import IDENTITY, VALUE, SplitRule, choose
from mlroad.data.sql import TableEngine
from mlroad.data.store import find, local_path
from tests.unit.data.conftest import Repo


def side(repo: Repo, reference: str) -> Path:
    return local_path(repo.path, find(repo.path, reference))


def rows(repo: Repo, reference: str) -> list[dict[str, str]]:
    path = side(repo, reference)
    path = next(path.glob("data.*")) if path.is_dir() else path
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def csv(repo: Repo, name: str, header: str, lines: list[str]) -> None:
    repo.write(f"raw/{name}.csv", "\n".join([header, *lines]) + "\n")
    repo.good(f"add {name} raw/{name}.csv")


# ---- the rules ----

_PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=12, max_size=60)


def chosen(rule: SplitRule, pairs: list[tuple[int, int]]) -> set[int]:
    with TableEngine() as engine:
        values = ", ".join(f"('{identity}', {value})" for identity, value in pairs)
        engine.run(f"CREATE VIEW r AS SELECT * FROM (VALUES {values}) AS t({IDENTITY}, {VALUE})")
        return {int(row[0]) for row in engine.rows(f"FROM {choose(engine, rule, 'r')}")}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs=_PAIRS, share=st.floats(0.1, 0.9))
def test_no_training_row_is_as_new_as_the_limit(pairs: list[tuple[int, int]], share: float) -> None:
    if len({time for _, time in pairs}) == 1 or not _has_cut(pairs):
        return
    held = chosen(SplitRule("s", share, ("i",), by_time="t"), pairs)
    last: dict[int, int] = defaultdict(int)
    for identity, time in pairs:
        last[identity] = max(last[identity], time)
    limit = min(last[identity] for identity in held)
    assert {identity for identity in last if last[identity] >= limit} == held
    assert held != set(last)


def _has_cut(pairs: list[tuple[int, int]]) -> bool:
    last: dict[int, int] = defaultdict(int)
    for identity, time in pairs:
        last[identity] = max(last[identity], time)
    return len(set(last.values())) > 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(classes=st.lists(st.integers(0, 3), min_size=10, max_size=80), share=st.floats(0.1, 0.9))
def test_each_class_has_its_share(classes: list[int], share: float) -> None:
    sizes = Counter(classes)
    if len(sizes) * 2 > len(classes):
        return
    held = chosen(SplitRule("s", share, ("i",), stratify="c"), list(enumerate(classes)))
    got = Counter(classes[identity] for identity in held)
    for value, size in sizes.items():
        assert got[value] in range(size) if size > 1 else got[value] == 0
        assert abs(got[value] - share * size) <= 1 + 1e-9


# ---- by class ----


def test_stratify_keeps_a_rare_class_on_both_sides(repo: Repo) -> None:
    csv(repo, "all", "id,label", [f"{n},{'yes' if n % 50 == 0 else 'no'}" for n in range(500)])
    repo.good("split all:1 --stratify label --share 0.3")
    counts = {
        name: Counter(row["label"] for row in rows(repo, f"all_{name}:1")) for name in ("train", "holdout")
    }
    assert counts == {"train": {"yes": 7, "no": 343}, "holdout": {"yes": 3, "no": 147}}
    assert "same digest" in repo.good("repeat all_train:1")
    assert "same digest" in repo.good("repeat all_holdout:1")


def test_groups_stay_together_in_a_stratified_split(repo: Repo) -> None:
    lines = [f"{n % 100},{'ill' if n % 100 < 20 and n < 300 else 'well'}" for n in range(500)]
    csv(repo, "visits", "patient,state", lines)
    repo.good("split visits:1 --key patient --stratify state")
    held = {row["patient"] for row in rows(repo, "visits_holdout:1")}
    assert not held & {row["patient"] for row in rows(repo, "visits_train:1")}
    assert sum(int(patient) < 20 for patient in held) == 4
    assert len(held) == 20


def test_a_folder_of_pictures_by_class(repo: Repo) -> None:
    for number in range(60):
        repo.write(f"raw/pets/{'cats' if number < 10 else 'dogs'}/{number}.png", f"picture {number}")
    repo.good("add pets raw/pets")
    repo.good("split pets:1 --stratify folder")
    held = Counter(path.parent.name for path in side(repo, "pets_holdout:1").rglob("*.png"))
    assert held == {"cats": 2, "dogs": 10}
    repo.refused("split pets:1 --by-time size --renew", "There is no column size")


# ---- by time ----


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_newest_rows_are_the_holdout(repo: Repo, kind: str) -> None:
    days = [date(2025, 1, 1) + timedelta(days=n * 7 % 100) for n in range(300)]
    if kind == "csv":
        repo.write("raw/sales.csv", "day,n\n" + "".join(f"{day},{n}\n" for n, day in enumerate(days)))
    elif kind == "jsonl":
        lines = (json.dumps({"day": str(day), "n": n}) for n, day in enumerate(days))
        repo.write("raw/sales.jsonl", "\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table({"day": days, "n": range(300)}), repo / "raw/sales.parquet")
    repo.good(f"add sales raw/sales.{kind}")
    assert "sales_holdout:1  60 rows, frozen from now on" in repo.good("split sales:1 --by-time day")
    with TableEngine() as engine:
        from mlroad.data.open_table import open_table

        train, holdout = (
            open_table(engine, side(repo, f"sales_{name}:1")).view for name in ("train", "holdout")
        )
        assert engine.row(f"SELECT max(day) < (SELECT min(day) FROM {holdout}) FROM {train}") == (True,)
    assert "same digest" in repo.good("repeat sales_train:1")


def test_a_number_is_a_time_and_not_a_text(repo: Repo) -> None:
    csv(repo, "years", "year,n", [f"{year},{n}" for n in range(4) for year in (9, 10, 99, 100, 1000)])
    repo.good("split years:1 --by-time year")
    assert {row["year"] for row in rows(repo, "years_holdout:1")} == {"1000"}


# ---- what is refused ----


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--stratify id", "The column id has 50 values in 50 rows or groups"),
        ("--stratify labell", "There is no column labell. Did you mean label?"),
        ("--by-time label", "The column label is a string"),
        ("--by-time same", "All rows have the same same"),
        ("--by-time gaps", "The column gaps has no time in 10 rows"),
        ("--by-time id --stratify label", "cannot be combined"),
    ],
)
def test_what_cannot_decide(repo: Repo, arguments: str, words: str) -> None:
    lines = [f"{n},{'ab'[n % 2]},7,{n if n % 5 else ''}" for n in range(50)]
    csv(repo, "all", "id,label,same,gaps", lines)
    repo.refused(f"split all:1 {arguments}", words)


def test_a_frozen_holdout_keeps_its_rule(repo: Repo) -> None:
    csv(repo, "all", "id,label", [f"{n},{'ab'[n % 2]}" for n in range(50)])
    repo.good("split all:1 --stratify label")
    csv(repo, "all", "id,label", [f"{n},{'ab'[n % 2]}" for n in range(70)])
    repo.refused("split all:2 --by-time id", "all_holdout:1 is frozen and was created without --by-time")
    repo.refused("split all:2 --stratify id", "created with --stratify label")
    assert "10 rows, frozen: unchanged" in repo.good("split all:2")
    assert len(rows(repo, "all_train:2")) == 60


# ---- what is printed ----


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_are_counted_and_not_keys(repo: Repo, kind: str) -> None:
    def write(days: range) -> int:
        pairs = [(n % 40, n) for n in days]
        if kind == "csv":
            repo.write("raw/v.csv", "patient,day\n" + "".join(f"{a},{b}\n" for a, b in pairs))
        else:
            repo.write("raw/v.jsonl", "".join(json.dumps({"patient": a, "day": b}) + "\n" for a, b in pairs))
        repo.good(f"add v raw/v.{kind}")
        return len(pairs)

    write(range(800))
    repo.good("split v:1 --key patient")
    held = find(repo.path, "v_holdout:1").rows
    assert held
    assert held % 20 == 0
    write(range(400, 1200))
    said = repo.good("split v:2")
    assert f"v_holdout:1  {held} rows, frozen: unchanged" in said
    assert f"v_train:2  {800 - held} rows" in said
    assert "no longer has" not in said


# ---- MLTable ----

_MLTABLES = {
    "csv": "- read_delimited: {delimiter: ';', encoding: latin1, header: no_header}\n- take: 200\n",
    "jsonl": "- read_json_lines: {invalid_lines: drop}\n- drop_columns: [x]\n",
    "parquet": "- read_parquet\n- keep_columns: [id, label]\n",
}


@pytest.mark.parametrize("kind", _MLTABLES)
def test_an_mltable(repo: Repo, kind: str) -> None:
    name = f"raw/t/part.{kind}"
    if kind == "csv":
        repo.write(name, "".join(f"{n};é{n % 2}\n" for n in range(300)).encode("latin1"))
    elif kind == "jsonl":
        lines = (json.dumps({"id": n, "x": 1, "label": f"é{n % 2}"}) for n in range(200))
        repo.write(name, "\n".join(lines) + "\nbroken\n")
    else:
        (repo / "raw/t").mkdir(parents=True)
        table = {"id": range(200), "x": range(200), "label": [f"é{n % 2}" for n in range(200)]}
        pq.write_table(pa.table(table), repo / name)
    repo.write("raw/t/MLTable", f"paths:\n- file: ./part.{kind}\ntransformations:\n{_MLTABLES[kind]}")
    repo.good("add t raw/t")
    label = "Column2" if kind == "csv" else "label"
    said = repo.good(f"split t:1 --stratify {label} --share 0.25")
    assert "t_train:1  150 rows" in said
    assert "t_holdout:1  50 rows" in said
    assert find(repo.path, "t_train:1").type == "mltable"
    assert repo.dataset("overlap t_train:1 t_holdout:1").code == 0
    assert "same digest" in repo.good("repeat t_train:1")
    repo.good("split t:1")


# ---- the types of a Parquet table ----


def columns(size: int) -> dict[str, Any]:
    return {
        "id": pa.array(range(size), pa.int32()),
        "words": pa.array([f"w{n % 3}" for n in range(size)]).dictionary_encode(),
        "long": pa.array(["x"] * size, pa.large_string()),
        "zone": pa.array([n * 10**9 + 1 for n in range(size)], pa.timestamp("ns", tz="Europe/Berlin")),
        "list": pa.array([[1, 2]] * size, pa.list_(pa.int16(), 2)),
        "length": pa.array(range(size), pa.duration("ms")),
        "nothing": pa.nulls(size),
    }


@pytest.mark.parametrize("extra", ["", "half", "nested half", "milliseconds"])
@pytest.mark.parametrize("files", [1, 2])
def test_types_are_kept(repo: Repo, extra: str, files: int) -> None:
    size = 600
    content = columns(size)
    if extra == "half":
        content["h"] = pa.array([n / 4 for n in range(size)], pa.float16())
    elif extra == "nested half":
        content["h"] = pa.array([{"a": 0.5}] * size, pa.struct([("a", pa.float16())]))
    elif extra:
        content["h"] = pa.array(range(size), pa.timestamp("ms"))
    table = pa.table(content).replace_schema_metadata({"made by": "a test"})
    (repo / "raw/t").mkdir()
    for number in range(files):
        part = table.slice(number * size // files, size // files)
        pq.write_table(part, repo / f"raw/t/{number}.parquet")
    repo.good("add t raw/t" if files > 1 else "add t raw/t/0.parquet")
    repo.good("split t:1 --key id --stratify words")
    both = [pq.read_table(side(repo, f"t_{name}:1")) for name in ("train", "holdout")]
    for part in both:
        assert part.schema.names == table.schema.names
        assert part.schema.types == table.schema.types
        assert (part.schema.metadata or {}).get(b"made by") == b"a test"
    whole = pa.concat_tables([part.unify_dictionaries() for part in both]).sort_by("id")
    assert whole.to_pylist() == table.to_pylist()
    assert math.isclose(both[1].num_rows, 120, abs_tol=1)
    assert "same digest" in repo.good("repeat t_train:1")


def test_sixteen_bit_floats_without_pyarrow(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(
        pa.table({"id": range(50), "h": pa.array([0.5] * 50, pa.float16())}), repo / "raw/t.parquet"
    )
    repo.good("add t raw/t.parquet")
    monkeypatch.setattr("mlroad.data.split_parquet.find_spec", lambda _: None)
    repo.refused("split t:1", "The column h has 16-bit floats", "uv add --dev pyarrow")


def test_compressed_tables(repo: Repo) -> None:
    (repo / "raw/t.csv.gz").write_bytes(
        gzip.compress(b"id,c\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(100)))
    )
    repo.good("add t raw/t.csv.gz")
    assert "t_holdout:1  20 rows" in repo.good("split t:1 --stratify c")


def test_a_source_with_another_encoding_delimiter_and_decimal(repo: Repo) -> None:
    lines = "".join(f"M\u00fcller {row};{row},5\n" for row in range(40))
    repo.write("euro.csv", f"name;price\n{lines}".encode("cp1252"))
    repo.good("add euro euro.csv --encoding cp1252 --delimiter ';' --decimal ,")

    repo.good("split euro:1")

    header, first, *_ = side(repo, "euro_train:1").read_text(encoding="utf-8").splitlines()
    assert (header, first) == ("name;price", "M\u00fcller 0;0,5")
    repo.good("schema infer euro_train:1")
    schema = (repo / "datasets/euro_train/schema.yml").read_text(encoding="utf-8")
    assert "type: number" in schema
    assert "same digest" in repo.good("repeat euro_train:1")
    repo.write("more.csv", f"name;price\nM\u00fcller 99;9,5\n{lines}".encode("cp1252"))
    repo.good("add euro more.csv")
    assert "frozen: unchanged" in repo.good("split euro:2")
