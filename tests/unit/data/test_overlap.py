"""`mlroad dataset overlap`: rows of the training data that are also in the holdout."""

from __future__ import annotations

import duckdb
import pytest

from tests.unit.data.conftest import Repo

TRAIN = "row,id,age,city\n" + "".join(f"{i},p{i},{20 + i},Oslo\n" for i in range(10))


@pytest.fixture
def pair(repo: Repo) -> Repo:
    """train:1 and holdout:1, which share the people p0 and p1; p1 is a year older in the holdout."""
    repo.write("raw/train.csv", TRAIN)
    repo.good("add train raw/train.csv")
    repo.write("raw/holdout.csv", "row,id,age,city\n0,p0,20,Oslo\n1,p1,22,Oslo\n7,q7,27,Oslo\n8,,28,Oslo\n")
    repo.good("add holdout raw/holdout.csv")
    return repo


def test_shared_rows_are_reported_and_fail(pair: Repo) -> None:
    said = pair.refused("overlap train:1 holdout:1", code=1)
    assert "1 of 10 rows of train:1 (10.0 %) are in holdout:1 too" in said
    assert "1 of 4 rows of holdout:1 (25.0 %) are in train:1 too" in said
    assert "row = 0, id = p0, age = 20, city = Oslo" in said


def test_by_key(pair: Repo) -> None:
    said = pair.refused("overlap train:1 holdout:1 --key id", "(id equal)", code=1)
    assert "2 of 10 rows of train:1" in said
    assert "id = p0" in said


def test_rows_without_a_key_are_not_compared(pair: Repo) -> None:
    pair.write("raw/train.csv", "row,id,age,city\n9,,1,Oslo\n")
    pair.good("add train raw/train.csv")
    assert "share no rows" in pair.good("overlap train:2 holdout:1 --key id")


def test_columns_to_ignore(pair: Repo) -> None:
    pair.write("raw/train.csv", TRAIN.replace("\n0,", "\n100,"))
    pair.good("add train raw/train.csv")
    assert "share no rows (4 columns equal; 10 and 4 rows)" in pair.good("overlap train:2 holdout:1")
    pair.refused("overlap train:2 holdout:1 --ignore row", "(3 columns equal)", code=1)


def test_some_may_be_allowed(pair: Repo) -> None:
    pair.good("overlap train:1 holdout:1 --allow 1")
    pair.refused("overlap train:1 holdout:1 --key id --allow 1", code=1)


def test_repeated_rows_count_on_both_sides(repo: Repo) -> None:
    repo.write("raw/a.csv", "a\n1\n1\n1\n2\n")
    repo.good("add a raw/a.csv")
    repo.write("raw/b.csv", "a\n1\n3\n3\n")
    repo.good("add b raw/b.csv")
    said = repo.refused("overlap a:1 b:1", code=1)
    assert "3 of 4 rows of a:1 (75.0 %)" in said
    assert "1 of 3 rows of b:1 (33.3 %)" in said
    assert "3 rows of a:1 occur in it more than once" in said
    assert "2 rows of b:1 occur in it more than once" in said


def test_formats_and_types_do_not_hide_a_row(repo: Repo) -> None:
    repo.write("raw/a.csv", "id,x\n1,0.5\n2,\n")
    repo.good("add a raw/a.csv")
    repo.write("raw/b.jsonl", '{"x": 0.5, "id": 1.0, "extra": 1}\n')
    repo.good("add b raw/b.jsonl")
    duckdb.execute(f"COPY (SELECT 2::SMALLINT AS id, 'nan'::FLOAT AS x) TO '{repo / 'raw/c.parquet'}'")
    repo.good("add c raw/c.parquet")
    repo.refused("overlap a:1 b:1", "1 of 2 rows of a:1", code=1)
    repo.refused("overlap a:1 c:1", "1 of 2 rows of a:1", code=1)


def test_the_same_picture_under_another_name(repo: Repo) -> None:
    repo.write("raw/train/cat.png", "a cat")
    repo.write("raw/train/dog.png", "a dog")
    repo.good("add train raw/train")
    repo.write("raw/test/x/1.png", "a cat")
    repo.write("raw/test/x/2.png", "a bird")
    repo.good("add test raw/test")
    said = repo.refused("overlap train:1 test:1", "share files", code=1)
    assert "path = cat.png" in said
    assert "1 of 2 files of test:1" in said


def test_mistakes(pair: Repo) -> None:
    pair.refused("overlap train:1 holdout:1 --key idd", "Did you mean id?")
    pair.refused("overlap train:1 holdout:1 --ignore rows", "Did you mean row?")
    pair.refused("overlap train:1 holdout:2", "holdout:2 does not exist")
    pair.write("raw/other.csv", "x,y\n1,2\n")
    pair.good("add other raw/other.csv")
    pair.refused("overlap train:1 other:1", "no column in common")
