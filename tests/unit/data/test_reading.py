"""How files are read: partition folders, delimiters, decimal commas, encodings, and what is refused."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlroad.core.problems import UserError
from mlroad.data.open_table import open_table
from mlroad.data.sql import TableEngine
from tests.unit.data.conftest import Repo


def read(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str, ...]]]:
    """The columns with their kinds, and all values as text."""
    with TableEngine() as engine:
        table = open_table(engine, path)
        rows = engine.rows(f"SELECT COLUMNS(*)::VARCHAR FROM {table.view} ORDER BY ALL")
        return [(column.name, column.kind) for column in table.columns], rows


def labels(folder: Path, first: str, second: str) -> Path:
    for label, number in ((first, 1), (second, 2)):
        part = folder / f"label={label}" / "part.parquet"
        part.parent.mkdir(parents=True)
        duckdb.execute(f"COPY (SELECT {number} AS x) TO '{part}'")
    return folder


def test_folder_names_are_a_column(repo: Repo) -> None:
    labels(repo / "one", "a", "b")
    labels(repo / "two", "b", "a")
    repo.good("add hive one")
    repo.good("add hive two")
    assert "2 → 2: 2 added, 2 removed, 0 unchanged" in repo.good("diff hive:1 hive:2")
    repo.good("schema infer hive:1")
    assert "name: label" in (repo / "datasets/hive/schema.yml").read_text(encoding="utf-8")
    repo.good("split hive:1 --share 0.5")


@pytest.mark.parametrize(("suffix", "text"), [("csv", "v,w\n1.50,x\n"), ("jsonl", '{"v": 1.50, "w": "x"}\n')])
def test_folder_names_are_read_as_texts_are(tmp_path: Path, suffix: str, text: str) -> None:
    for year, code in (("2023", "007"), ("2024", "a%20b"), ("2025", "__HIVE_DEFAULT_PARTITION__")):
        part = tmp_path / "run=1" / "data" / f"year={year}" / f"code={code}" / f"part.{suffix}"
        part.parent.mkdir(parents=True)
        part.write_text(text, encoding="utf-8")
    columns, rows = read(tmp_path / "run=1" / "data")
    assert columns == [("v", "number"), ("w", "string"), ("year", "integer"), ("code", "string")]
    assert rows == [
        ("1.5", "x", "2023", "007"),
        ("1.5", "x", "2024", "a b"),
        ("1.5", "x", "2025", None),
    ]


def test_a_folder_named_like_an_option(tmp_path: Path) -> None:
    for name in ("a", "b"):
        part = tmp_path / f"format={name}" / "x.jsonl"
        part.parent.mkdir()
        part.write_text('{"v": 1}\n', encoding="utf-8")
    assert read(tmp_path)[0] == [("v", "integer"), ("format", "string")]


def test_folders_with_other_keys_are_refused(tmp_path: Path) -> None:
    labels(tmp_path, "a", "b")
    duckdb.execute(f"COPY (SELECT 3 AS x) TO '{tmp_path}/part.parquet'")
    with pytest.raises(UserError, match="Its folders name"):
        read(tmp_path)


def test_a_column_cannot_be_inside_and_outside(tmp_path: Path) -> None:
    (tmp_path / "v=1").mkdir()
    (tmp_path / "v=1" / "part.csv").write_text("v\n1\n", encoding="utf-8")
    with pytest.raises(UserError, match="The column v appears 2 times"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b,c\n1,2,3,\n4,5,6,\n", 2),
        ("a,b\n1,\n3,4,\n", 3),
        ("a,b\n1,2\n3,4,,\n", 3),
        ('a,b\n"x\ny",2\n3,4,\n', 4),
        ("a,b\r\n1,2,\r\n", 2),
    ],
)
def test_a_delimiter_at_the_end_of_a_row_is_refused(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode())
    with pytest.raises(UserError) as refused:
        read(file)
    assert refused.value.problems[0].at.line == line
    assert "MD303" in str(refused.value)


def test_missing_values_at_the_end_of_a_row_are_not_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('a,b,c\n1,2,\n3,,\n4,"5,\n",6\n', encoding="utf-8")
    assert len(read(file)[1]) == 3


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Umsatz, netto, EUR, ohne;Datum\n12;2024-01-01\n", ["Umsatz, netto, EUR, ohne", "Datum"]),
        ("a;b\n1,5;2,5\n", ["a", "b"]),
        ("a,b\nx;y,z\n", ["a", "b"]),
        ('"a;b",c\n"1;2",3\n', ["a;b", "c"]),
        ("a|b|c\n1|2|3\n", ["a", "b", "c"]),
        ("a, b; c\n", ["a", " b; c"]),
        # Wide: what is looked at ends inside a row.
        (
            ";".join(f"height, mm, nr {i}" for i in range(400))
            + "\n"
            + 60 * (";".join(400 * ["1,5"]) + "\n"),
            [f"height, mm, nr {i}" for i in range(400)],
        ),
    ],
)
def test_the_delimiter_is_the_one_that_all_rows_have(tmp_path: Path, text: str, columns: list[str]) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text, encoding="utf-8")
    assert [name for name, _ in read(file)[0]] == columns


def test_infer_accepts_its_own_draft_with_infinite_values(repo: Repo) -> None:
    repo.write("raw/a.csv", "v,w\nNaN,1\ninf,2\n-inf,3\n1.5,4\nnan,5\n")
    repo.good("add a raw/a.csv")
    repo.good("schema infer a:1")
    assert "5 rows and 2 columns match" in repo.good("schema check a:1")


def test_lines_without_keys_make_no_column(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("{}\n{}\n", encoding="utf-8")
    with pytest.raises(UserError, match="No line has a key"):
        read(file)
    file.write_text('{}\n{"a": 1}\n', encoding="utf-8")
    assert read(file) == ([("a", "integer")], [("1",), (None,)])


def test_columns_without_values_have_any_type(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,\n2,\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": null}\n', encoding="utf-8")
    for name in ("a.csv", "a.jsonl"):
        assert read(tmp_path / name)[0] == [("a", "integer"), ("b", "any")]


GERMAN = "Ort;Umsatz;Datum\nKöln;1,5;2024-01-01\nBonn;-2,25;2024-01-02\n"


def test_a_version_names_its_delimiter_decimal_comma_and_encoding(repo: Repo) -> None:
    repo.write("raw/umsatz.csv", GERMAN.encode("cp1252"))
    said = repo.refused(
        "add umsatz raw/umsatz.csv", "umsatz.csv:2: MD302: Byte 0xF6 is not UTF-8", "--encoding"
    )
    assert "read_csv(…, encoding='cp1252')" in said
    repo.good("add umsatz raw/umsatz.csv --delimiter ';' --decimal , --encoding cp1252")
    assert "encoding: cp1252" in (repo / "datasets/umsatz/1.yml").read_text(encoding="utf-8")
    repo.good("schema infer umsatz:1")
    text = (repo / "datasets/umsatz/schema.yml").read_text(encoding="utf-8")
    assert "type: number\n    # -2.25 to 1.5" in text
    # The next version is read in the same way, unless it says otherwise.
    repo.write("raw/umsatz.csv", GERMAN.replace("1,5", "1,50").encode("cp1252"))
    repo.good("add umsatz raw/umsatz.csv")
    assert "umsatz:2 has the same 2 rows as umsatz:1." in repo.good("diff umsatz:1 umsatz:2")
    repo.good("schema check")
    repo.good("verify --full")
    repo.write("raw/umsatz.csv", GERMAN.replace("1,5", "1,6"))
    repo.good("add umsatz raw/umsatz.csv --encoding utf-8")
    assert "1 added, 1 removed, 1 unchanged" in repo.good("diff umsatz:1 umsatz:3")


def test_a_violation_is_found_in_its_line_whatever_the_dialect(repo: Repo) -> None:
    repo.write("raw/a.csv", "a|b\n1|x\n2|ö\n".encode("utf-16"))
    repo.write(
        "datasets/a/schema.yml", "fields: [{name: a, type: integer, constraints: {maximum: 1}}, {name: b}]\n"
    )
    repo.good("add a raw/a.csv --encoding utf-16")
    repo.refused("schema check a:1", "a.csv:3: MD413", code=1)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("delimiter: ';;'", "The delimiter ';;' is not one character"),
        ("decimal: '-'", "The decimal '-' is not a comma or a point"),
        ("encoding: klingon", "The encoding 'klingon' is not an encoding"),
        ("encoding: base64", "The encoding 'base64' is not an encoding"),
    ],
)
def test_a_wrong_tag_is_reported_with_its_line(repo: Repo, tag: str, words: str) -> None:
    repo.good("add numbers raw/numbers.csv")
    file = repo / "datasets/numbers/1.yml"
    file.write_text(file.read_text(encoding="utf-8") + f"  {tag}\n", encoding="utf-8")
    repo.refused("diff numbers:1 numbers:1", "1.yml:", "MD102", words)


def test_a_number_with_a_point_is_text_if_the_decimal_is_a_comma(repo: Repo) -> None:
    repo.write("raw/a.csv", "v;w\n1.234;2\n1,5;3\n")
    repo.good("add a raw/a.csv --decimal ,")
    repo.good("schema infer a:1")
    assert "name: v\n    type: string" in (repo / "datasets/a/schema.yml").read_text(encoding="utf-8")


def test_a_link_to_a_single_file_elsewhere_is_refused(repo: Repo, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n", encoding="utf-8")
    (repo / "raw/link.csv").symlink_to(outside)
    repo.refused("add a raw/link.csv", "is a link to", "outside of the dataset")
    (repo / "raw/beside.csv").symlink_to(repo / "raw/numbers.csv")
    repo.good("add b raw/beside.csv")
