"""`mlroad dataset diff`: rows, columns, statistics and shifts, checked against pandas and random data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlroad.core.text import number
from mlroad.data.column_plots import Bars, Bins
from mlroad.data.diff import Diff, compare
from mlroad.data.diff_findings import findings, headline
from mlroad.data.open_table import open_table
from mlroad.data.profile import EXACT_UP_TO
from mlroad.data.sql import TableEngine
from tests.unit.data.conftest import Repo


def diff(before: Path, after: Path, key: Sequence[str] = ()) -> Diff:
    with TableEngine() as engine:
        return compare(engine, open_table(engine, before, "x:1"), open_table(engine, after, "x:2"), key)


def texts(found: Diff) -> str:
    return "\n".join(f"{finding.level} {finding.column}: {finding.text}" for finding in findings(found))


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(
        st.integers(0, 30), st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", ""])), max_size=20
    ),
    after=st.dictionaries(
        st.integers(0, 30), st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", ""])), max_size=20
    ),
)
def test_rows_by_key_are_what_dictionaries_say(
    tmp_path: Path, before: dict[int, tuple[int, str]], after: dict[int, tuple[int, str]]
) -> None:
    files = [
        written(tmp_path, f"{i}.csv", "k,n,s\n" + "".join(f"{k},{n},{s}\n" for k, (n, s) in rows.items()))
        for i, rows in enumerate((before, after))
    ]
    rows = diff(files[0], files[1], ["k"]).rows
    assert rows is not None
    common = before.keys() & after.keys()
    changed = {k for k in common if before[k] != after[k]}
    assert rows.added == len(after.keys() - before.keys())
    assert rows.removed == len(before.keys() - after.keys())
    assert rows.changed == len(changed)
    assert rows.same == len(common - changed)
    expected = {
        name: count
        for position, name in enumerate(("n", "s"))
        if (count := sum(before[k][position] != after[k][position] for k in changed))
    }
    assert (rows.changed_in or {}) == expected


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(st.integers(0, 5), max_size=15), after=st.lists(st.integers(0, 5), max_size=15))
def test_repeated_rows_are_counted_each_time(tmp_path: Path, before: list[int], after: list[int]) -> None:
    files = [
        written(tmp_path, f"{i}.csv", "n,s\n" + "".join(f"{n},x\n" for n in rows))
        for i, rows in enumerate((before, after))
    ]
    rows = diff(files[0], files[1]).rows
    assert rows is not None
    counts = [(before.count(n), after.count(n)) for n in range(6)]
    assert rows.added == sum(max(0, b - a) for a, b in counts)
    assert rows.removed == sum(max(0, a - b) for a, b in counts)
    assert rows.same == sum(min(a, b) for a, b in counts)


def test_figures_are_those_of_pandas(tmp_path: Path) -> None:
    random.seed(3)
    frame = pd.DataFrame(
        {
            "whole": [random.randint(-50, 50) for _ in range(997)],
            "ratio": [random.gauss(10, 3) if i % 9 else None for i in range(997)],
            "word": [random.choice("abcdefgh") for _ in range(997)],
        }
    )
    file = tmp_path / "a.csv"
    frame.to_csv(file, index=False)
    columns = {column.name: column.after for column in diff(file, file).columns}
    for name in ("whole", "ratio"):
        found = columns[name]
        assert found is not None
        assert found.missing == frame[name].isna().sum()
        assert found.distinct == frame[name].nunique()
        assert (found.lowest, found.highest) == (frame[name].min(), frame[name].max())
        assert found.mean == pytest.approx(frame[name].mean())
        assert found.std == pytest.approx(frame[name].std())
        assert found.median == pytest.approx(frame[name].median())
    word = columns["word"]
    assert word is not None
    assert dict(word.categories) == frame["word"].value_counts().to_dict()


def test_every_value_is_in_one_bin(tmp_path: Path) -> None:
    values = [0.0, 0.0, 1.0, 5.0, 10.0, *[float(i % 7) + 0.5 for i in range(80)], 1e9]
    before = written(tmp_path, "1.csv", "v,n\n" + "".join(f"{v},{int(v)}\n" for v in values))
    after = written(tmp_path, "2.csv", "v,n\n" + "".join(f"{v + 1},{int(v) + 1}\n" for v in values))
    for column in diff(before, after).columns:
        plot = column.plot
        assert isinstance(plot, Bins | Bars)
        if isinstance(plot, Bins):
            assert sum(plot.before) + plot.below[0] + plot.above[0] == len(values)
            assert sum(plot.after) + plot.below[1] + plot.above[1] == len(values)
        else:
            assert sum(b for _, b, _ in plot.values) + plot.others[0] == len(values)


def test_nothing_changed(tmp_path: Path) -> None:
    before = written(tmp_path, "1.csv", "a,b\n1,x\n2,y\n")
    after = written(tmp_path, "2.jsonl", '{"b": "y", "a": 2}\n{"b": "x", "a": 1}\n')
    found = diff(before, after)
    assert found.is_same
    assert "has the same 2 rows as x:1, with the columns in a different order" in headline(found)
    assert "different order" in texts(found)


def test_missing_is_missing_in_every_format(tmp_path: Path) -> None:
    before = written(tmp_path, "1.csv", "a,b\n1,0.5\n2,\n")
    after = tmp_path / "2.parquet"
    duckdb.execute(f"COPY (SELECT * FROM (VALUES (1, 0.5), (2, 'nan'::DOUBLE)) v(a, b)) TO '{after}'")
    assert diff(before, after).is_same
    assert diff(before, after, ["a"]).is_same


def test_infinite_numbers(tmp_path: Path) -> None:
    before = written(tmp_path, "1.csv", "a\n1.5\n2\n3\n")
    after = written(tmp_path, "2.csv", "a\n1.5\ninf\n-inf\n")
    found = diff(before, after)
    assert "holds 2 infinite values (0 before)" in texts(found)
    assert found.columns[0].after is not None
    assert found.columns[0].after.mean == 1.5


@pytest.mark.parametrize(
    ("before", "after", "key", "words"),
    [
        ("a\n1\n2\n", "b\n1\n2\n", "", "2 : The two versions have no column in common"),
        ("a,b\n1,2\n", "a,b\n", "", "2 : x:2 has no rows"),
        ("a,b\n", "a,b\n", "", ""),
        ("a,b\n1,2\n", "a\n1\n", "", "2 b: was removed"),
        ("a\n1\n", "a,b\n1,2\n", "", "1 b: is new (integer)"),
        (
            "a\n1\n2\n3\n4\n",
            "a\n1\n2\n3\nn.a.\n",
            "",
            '2 a: changed from integer to string. 1 values are not a number, such as "n.a.".',
        ),
        (
            "a\n1\n2\n",
            "a\n1.0\n7.0\n",
            "",
            "1 a: changed from integer to number, but all values are still whole",
        ),
        ("a\n1\n2\n", "a\n1.5\n7.0\n", "", "2 a: changed from integer to number."),
        ("a,b\n1,x\n2,y\n", "b,a\nx,1\ny,2\n", "", "1 : The columns are in a different order"),
        (
            "k,b\n1,x\n2,y\n",
            "k,b\n1,x\n2,z\n",
            "k",
            "1 : 1 rows (50.0 %) have the same key but different values: b in 100.0 %",
        ),
        ("k,b\n1,x\n2,y\n", "k,b\n3,x\n4,z\n", "k", "1 : No row of x:1 was found again by the key k"),
        ("a,b\n" + "1,x\n" * 20, "a,b\n" + "1,x\n" * 10, "", "1 : The number of rows dropped from 20 to 10"),
        (
            "a,b\n" + "1,x\n" * 20,
            "a,b\n" + "1,x\n" * 19 + "1,\n",
            "",
            "0 b: was never missing, but is now: 0.0 % before, 5.0 % after",
        ),
        (
            "a,b\n" + "1,x\n" * 20,
            "a,b\n" + "1,x\n" * 10 + "1,\n" * 10,
            "",
            "2 b: was never missing, but is now: 0.0 % before, 50.0 % after",
        ),
        ("a,b\n" + "1,x\n" * 20, "a,b\n" + "1,x\n" * 19 + "1,q\n", "", '0 b: has new values: "q"'),
        ("a,b\n" + "1,x\n" * 20, "a,b\n" + "1,x\n1,q\n" * 10, "", '1 b: has new values: "q"'),
        ("a,b\n" + "1,x\n" * 19 + "1,q\n", "a,b\n" + "1,x\n" * 20, "", '0 b: lost values: "q"'),
    ],
)
def test_findings(tmp_path: Path, before: str, after: str, key: str, words: str) -> None:
    found = diff(written(tmp_path, "1.csv", before), written(tmp_path, "2.csv", after), [key] if key else [])
    assert words in texts(found)
    assert headline(found)


def test_a_key_is_not_a_shift(tmp_path: Path) -> None:
    before = written(
        tmp_path, "1.csv", "k,v\n" + "".join(f"{i * 7919 % 3001},{i % 7}\n" for i in range(3000))
    )
    after = written(tmp_path, "2.csv", "k,v\n" + "".join(f"-{i + 9000},{i % 7}\n" for i in range(3000)))
    assert "shifted" in texts(diff(before, after))
    assert "shifted" not in texts(diff(before, after, ["k"]))


def test_a_large_table_is_sampled_for_plots_alone(tmp_path: Path) -> None:
    rows = EXACT_UP_TO + 200_000
    for version, moved in ((1, 0), (2, 300)):
        duckdb.execute(
            f"COPY (SELECT i AS k, hash(i) % 1000 + {moved} AS v, md5((i % 50000)::VARCHAR) AS s"
            f" FROM range({rows}) t(i)) TO '{tmp_path / f'{version}.parquet'}'"
        )
    found = diff(tmp_path / "1.parquet", tmp_path / "2.parquet", ["k"])
    assert found.is_sample
    assert found.rows is not None
    assert (found.rows.changed, found.rows.looked_at, found.rows.same) == (rows, 200_000, 0)
    value = found.columns[1]
    assert value.before is not None
    assert (value.before.lowest, value.before.highest) == (0, 999)
    assert value.before.median == pytest.approx(500, abs=5)
    assert value.shift.level == "strongly shifted"
    text = found.columns[2].before
    assert text is not None
    assert not text.distinct_is_exact
    assert text.distinct == pytest.approx(50_000, rel=0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1234567, "1,234,567"), (0.12345, "0.1235"), (-2.5, "-2.5"), (12345.678, "12,346"),
        (1e-9, "1e-09"), (2.5e12, "2,500,000,000,000"), (2.55e12 + 0.5, "2.55e+12"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers_are_readable(value: float, text: str) -> None:
    assert number(value) == text


def test_the_command(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.write("raw/numbers.csv", "id,name,size\n1,one,1\n2,TWO,2\n4,four,4\n")
    repo.good("add numbers raw/numbers.csv")
    said = repo.good("diff numbers:1 numbers:2 --key id")
    assert "as many rows (3) as numbers:1. Columns: 1 new" in said
    assert "3 → 3: 1 added, 1 removed, 1 changed, 1 unchanged (by id)" in said
    assert "size (added)" in said
    assert repo.dataset("diff numbers:1 numbers:2 --exit-code").code == 1
    assert repo.dataset("diff numbers:1 numbers:1 --exit-code").code == 0
    repo.refused("diff numbers:1 numbers:2 --key nam", "Did you mean name?")
    repo.refused("diff numbers:1 numbers:2 --key size", "numbers:1 has no such column")
    repo.refused("diff numbers:1 numbres:2", "Did you mean numbers?")
    repo.refused("diff numbers:1 numbers@latest", "can name different data tomorrow")
    repo.refused("diff numbers:1 numbers:2 --html nowhere/out.html", "nowhere does not exist")
    repo.refused("diff numbers:1 numbers:2 --html datasets", "datasets cannot be written")


def test_a_key_that_is_not_unique(repo: Repo) -> None:
    repo.write("raw/a.csv", "k,l,v\n1,1,x\n1,2,y\n2,1,z\n")
    repo.good("add a raw/a.csv")
    repo.write("raw/a.csv", "k,l,v\n1,1,x\n1,2,Y\n")
    repo.good("add a raw/a.csv")
    repo.refused("diff a:1 a:2 --key k", "--key k is not unique: a:1 has 2 rows with k = 1")
    assert "0 added, 1 removed, 1 changed" in repo.good("diff a:1 a:2 --key k --key l")


def test_the_schema_gives_key_and_types(repo: Repo) -> None:
    repo.write("raw/a.csv", "k,code\n1,10\n2,20\n")
    repo.good("add a raw/a.csv")
    repo.write(
        "datasets/a/schema.yml",
        "fields: [{name: k, type: integer}, {name: code, type: string}]\nprimaryKey: k\n",
    )
    repo.good("schema infer a:1")
    repo.write("raw/a.csv", "k,code\n1,10\n3,x7\n")
    repo.good("add a raw/a.csv")
    said = repo.good("diff a:1 a:2")
    assert "(by k)" in said
    assert "→ string" not in said


def test_data_that_was_touched_is_refused(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.write("datasets/numbers/1/numbers.csv", "id,name\n9,nine\n")
    repo.refused("diff numbers:1 numbers:1", "MD203")
    repo.refused("overlap numbers:1 numbers:1", "MD203")


def test_folders_of_pictures_are_compared_by_file(repo: Repo) -> None:
    for name in ("cats/a.png", "cats/b.png", "dogs/c.png"):
        repo.write(f"raw/pets/{name}", f"picture {name}")
    repo.good("add pets raw/pets")
    repo.write("raw/pets/dogs/d.png", "another")
    repo.write("raw/pets/cats/a.png", "repainted")
    (repo / "raw/pets/cats/b.png").unlink()
    repo.good("add pets raw/pets")
    said = repo.good("diff pets:1 pets:2 --html out.html")
    assert "1 added, 1 removed, 1 changed, 1 unchanged (by path)" in said
    assert "cats/b.png" in (repo / "out.html").read_text(encoding="utf-8")
