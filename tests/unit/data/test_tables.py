"""Every table format, the inferred types of the columns, and broken tables."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import duckdb
import pytest

from mlroad.core.problems import UserError
from mlroad.data.open_table import count_rows, open_table
from mlroad.data.sql import TableEngine
from tests.unit.data.conftest import Repo

TYPED = (
    "whole;postcode;large;ratio;day;moment;yes;word;mixed;empty\n"
    "1;01234;100000000000000000000;1.5;2026-01-31;2026-01-31T10:00:00;True;a;7;\n"
    "-2;00007;100000000000000000001;2;2026-02-01;2026-02-01 10:00:00;false;'b';n.a.;\n"
)


def kinds(path: Path) -> dict[str, str]:
    with TableEngine() as engine:
        return {column.name: column.kind for column in open_table(engine, path).columns}


def values(path: Path) -> list[tuple[object, ...]]:
    with TableEngine() as engine:
        return engine.rows(f"FROM {open_table(engine, path).view}")


def test_texts_get_a_type_only_if_every_value_has_it(tmp_path: Path) -> None:
    file = tmp_path / "typed.csv"
    file.write_text(TYPED, encoding="utf-8")
    assert kinds(file) == {
        "whole": "integer",
        "postcode": "string",
        "large": "integer",
        "ratio": "number",
        "day": "date",
        "moment": "datetime",
        "yes": "boolean",
        "word": "string",
        "mixed": "string",
        "empty": "any",
    }
    assert values(file)[1][1] == "00007"
    assert values(file)[1][2] == 100000000000000000001


def test_one_bad_value_at_the_very_end_counts(tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    file.write_text("a\n" + "1\n" * 60_000 + "x\n", encoding="utf-8")
    assert kinds(file) == {"a": "string"}


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.ndjson", "a.jsonl.gz", "a.parquet"]
)
def test_the_same_table_in_every_format(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    rows = [(1, "x, y", 0.5), (2, 'say "hi"', None)]
    if ".parquet" in name:
        duckdb.execute(
            "CREATE OR REPLACE TABLE t AS SELECT * FROM "
            "(VALUES (1, 'x, y', 0.5::DOUBLE), (2, 'say \"hi\"', NULL)) v(n, s, f)"
        )
        duckdb.execute(f"COPY t TO '{file}'")
    else:
        mark = "\t" if ".tsv" in name else ","
        quoted = [
            f'{n}{mark}"{s.replace(chr(34), chr(34) * 2)}"{mark}{"" if f is None else f}\n'
            for n, s, f in rows
        ]
        text = f"n{mark}s{mark}f\n{''.join(quoted)}"
        if "json" in name:
            text = '{"n": 1, "s": "x, y", "f": 0.5}\n\n{"n": 2, "s": "say \\"hi\\"", "f": null}\n'
        content = text.encode()
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert kinds(file) == {"n": "integer", "s": "string", "f": "number"}
    assert values(file) == rows
    assert count_rows(file) == 2


def test_lines_may_end_and_break_in_every_way(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'\xef\xbb\xbfa,b\r\n1,"two\r\nlines"\r\n\r\n3,4')
    assert values(file) == [(1, "two\r\nlines"), (3, "4")]


def test_json_lines_keep_nested_and_mixed_values(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        '{"n": {"x": 1}, "l": [1, 2], "m": 1, "s": "007"}\n{"n": {"y": 2}, "l": [], "m": "one", "s": "8"}\n',
        encoding="utf-8",
    )
    assert kinds(file) == {"n": "object", "l": "array", "m": "any", "s": "string"}
    assert values(file)[0][2:] == ("1", "007")


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"part {number}.csv").write_text(f"a,b\n{number},x\n", encoding="utf-8")
    (tmp_path / "_SUCCESS").write_text("", encoding="utf-8")
    assert sorted(values(tmp_path)) == [(0, "x"), (1, "x"), (2, "x")]


def test_a_folder_of_other_files_is_the_table_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a b.PNG").write_bytes(b"picture")
    (tmp_path / "notes.md").write_text("notes", encoding="utf-8")
    assert [row[:4] for row in values(tmp_path)] == [
        ("cats/a b.PNG", "cats", ".png", 7),
        ("notes.md", "", ".md", 5),
    ]
    assert count_rows(tmp_path) is None


@pytest.mark.parametrize("name", ["it's.csv", "a [1] *.csv", "ä ö?.csv", "{x}.csv", "a;b.csv", "--.csv"])
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "1.csv").write_text("b\n1\n2\n", encoding="utf-8")
    (tmp_path / name).write_text("a'\"\n1\n", encoding="utf-8")
    assert kinds(tmp_path / name) == {"a'\"": "integer"}


MLTABLE = """\
$schema: https://azuremlschemas.azureedge.net/latest/MLTable.schema.json
type: mltable
paths:
  - pattern: ./*.txt
transformations:
  - read_delimited: {delimiter: ";", encoding: windows1252, header: no_header}
  - drop_columns: [Column2]
  - take: 2
"""


def test_mltable(tmp_path: Path) -> None:
    (tmp_path / "MLTable").write_text(MLTABLE, encoding="utf-8")
    (tmp_path / "a.txt").write_bytes("1;x;Köln\n2;y;Bonn\n3;z;Trier\n".encode("cp1252"))
    assert values(tmp_path) == [(1, "Köln"), (2, "Bonn")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("type: mltable\n", 1, "paths is missing"),
        ("paths: [{file: a.txt}]\n", 1, "transformations is missing"),
        ("paths:\n  - file: b.txt\ntransformations: [read_parquet]\n", 2, "b.txt matches no file"),
        ("paths:\n  - file: azureml://x/y\ntransformations: [read_parquet]\n", 2, "is in the cloud"),
        ("paths:\n  - file: ../x.txt\ntransformations: [read_parquet]\n", 2, "outside of the dataset"),
        ("paths:\n  - glob: a.txt\ntransformations: [read_parquet]\n", 2, "glob is not a kind of path"),
        ("paths:\n  - file: a.txt\ntransformations:\n  - read_delta_lake\n", 4, "read_delta_lake"),
        (MLTABLE.replace("take: 2", "filter: 'col(\"a\") > 1'"), 8, "filter is not supported"),
        (MLTABLE.replace("windows1252", "klingon"), 6, "klingon is not an MLTable encoding"),
        (MLTABLE.replace("no_header", "from_first_file"), 6, "from_first_file is not supported"),
        (MLTABLE.replace("header:", "headers:"), 6, "headers is not supported"),
        (MLTABLE.replace("Column2", "price"), 0, "column price"),
    ],
)
def test_unsupported_mltable_features_are_reported(tmp_path: Path, text: str, line: int, words: str) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "a.txt").write_text("1;2;3\n", encoding="utf-8")
    (tmp_path / "x.txt").write_text("1;2;3\n", encoding="utf-8")
    (folder / "MLTable").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        values(folder)
    assert words in str(refused.value)
    assert refused.value.problems[0].at.line == line


BROKEN = {
    "empty.csv": (b"", "empty.csv: MD301"),
    "empty.parquet": (b"", "empty.parquet: MD301"),
    "empty.jsonl": (b"", "empty.jsonl: MD301"),
    "blank.csv": (b"\n1,2\n", "blank.csv:1: MD304"),
    "latin.csv": ("a,b\n1,x\n2,café\n".encode("latin-1"), "latin.csv:3: MD302: Byte 0xE9"),
    "header.csv": ("ä,b\n1,2\n".encode("latin-1"), "header.csv:1: MD302: Byte 0xE4"),
    "utf16.csv": ("a,b\n1,2\n".encode("utf-16"), "add … --encoding utf-16`"),
    "short.csv": (b"a,b\n1,2\n3\n", "short.csv:3: MD303: This row has 1 value, but the header has 2."),
    "long.csv": (b"a,b\n1,2,3\n", "long.csv:2: MD303: This row has 3 values, but the header has 2."),
    "quote.csv": (b'a,b\n1,2\n3,"x\n', "quote.csv:3: MD303: A quote in this row is not closed."),
    "twice.csv": (b"a,b,a\n1,2,3\n", "twice.csv:1: MD304: The column a appears 2 times."),
    "case.csv": (b"Age,age\n1,2\n", "case.csv:1: MD304: The columns Age and age differ only in case."),
    "index.csv": (b",a\n0,1\n", "index.csv:1: MD304: Column 1 has no name."),
    "half.jsonl": (b'{"a": 1}\n{"a":\n', "half.jsonl:2: MD307"),
    "list.jsonl": (b"[1, 2]\n", "list.jsonl:1: MD307: This line is not a JSON object."),
    "twice.jsonl": (
        b'{"a": 1, "a": 2}\n',
        "twice.jsonl:1: MD307: This line is not valid JSON: duplicate key a",
    ),
    "case.jsonl": (b'{"a": 1}\n{"A": 2}\n', "case.jsonl: MD304"),
    "latin.jsonl": ('{"a": "é"}\n'.encode("latin-1"), "latin.jsonl:1: MD302"),
    "bom.jsonl": ('\ufeff{"a": 1}\n'.encode(), "bom.jsonl:1: MD302"),
    "no.parquet": (b"PAR1 this is none", "no.parquet: MD305"),
    "bad.csv.gz": (b"a,b\n1,2\n", "bad.csv.gz: MD305"),
    "not a table.xlsx": (b"PK", "not a table.xlsx: MD308"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_reported_by_file_and_line(tmp_path: Path, name: str) -> None:
    content, said = BROKEN[name]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UserError) as refused:
        values(file)
    assert said in str(refused.value)


def test_all_bad_rows_are_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,b\n1\n1,2\n1,2,3\n1,2\n4\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        values(file)
    assert [problem.at.line for problem in refused.value.problems] == [2, 4, 6]


def test_parquet_that_is_damaged_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    duckdb.execute(f"COPY (SELECT i, md5(i::VARCHAR) AS s FROM range(200_000) t(i)) TO '{file}'")
    content = bytearray(file.read_bytes())
    content[1000:90_000] = bytes(89_000)
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"), TableEngine() as engine:
        table = open_table(engine, file)
        engine.rows(f"SELECT sum(i), max(s) FROM {table.view}")


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    values(file)
    with pytest.raises(UserError):
        values(tmp_path / "missing.csv")
    assert not list((tmp_path / "temporary").iterdir())


def test_the_engine_reaches_no_network(tmp_path: Path) -> None:
    with TableEngine() as engine:
        settings = dict(
            engine.rows("SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions'")
        )
    assert settings == {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def test_broken_tables_through_the_command_line(repo: Repo) -> None:
    repo.write("raw/bad table.csv", "a,b\n1\n")
    repo.refused("add bad 'raw/bad table.csv'", "bad table.csv:2: MD303")
    repo.good("add bad 'raw/bad table.csv' --no-table")
    repo.write("raw/good.csv", "a,b\n1,2\n")
    repo.good("add bad raw/good.csv")
    repo.refused("diff bad:1 bad:2", "bad table.csv:2: MD303: This row has 1 value, but the header has 2.")
    repo.refused("diff bad:2 bad:3", "bad:3 does not exist")
    repo.refused("schema infer bad:1", "bad table.csv:2: MD303")


def test_a_link_out_of_the_folder_is_refused(repo: Repo) -> None:
    folder = repo.write("raw/many/a.csv", "a\n1\n").parent
    secret = repo.write("secret.csv", "a\n2\n")
    try:
        (folder / "b.csv").symlink_to(secret)
    except OSError:
        pytest.skip("this system makes no links")
    repo.refused("add many raw/many", "outside of the dataset")
    with pytest.raises(UserError, match="outside of the dataset"):
        values(folder)
    shutil.rmtree(folder)


def test_a_line_longer_than_any_table_has(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"a,b\n1,2\n3,{'x' * 17_000_000}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"long.csv:3: MD303: This row cannot be read \(line size"):
        values(file)


def test_counting_rows_reads_no_types_and_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"picture")
    (tmp_path / "a.csv").write_text("a\n1\nx\n", encoding="utf-8")

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("mlroad.data.open_table.digest_content", fail)
    monkeypatch.setattr("mlroad.data.open_table._copied", fail)
    assert count_rows(tmp_path / "pictures") is None
    assert count_rows(tmp_path / "a.csv") == 2


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ('Could not write file "a.csv": No space left on device', "There is no space left on the disk."),
        ("Corrupt header", "The data cannot be read: Corrupt header. Restore it"),
    ],
)
def test_a_full_disk_is_not_damaged_data(reason: str, told: str) -> None:
    with pytest.raises(UserError, match=told), TableEngine():
        raise duckdb.IOException(f"IO Error: {reason}")
