"""`NA` and its relatives are missing values, and every command says so."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest
import yaml
from frictionless import Schema
from frictionless.resources import TableResource

from mlroad.data.open_table import open_table
from mlroad.data.reading import MISSING, Reading
from mlroad.data.sql import TableEngine
from tests.unit.data.conftest import Repo


def penguins(factor: float = 1.0) -> str:
    drawn = random.Random(3)
    rows = []
    for number in range(344):
        bill = drawn.gauss(44, 5) * (factor if number % 3 == 0 else 1)
        text = "NA" if number in (3, 271) else f"{bill:.1f}"
        rows.append(f"{text},{'NA' if number % 40 == 4 else ('male', 'female')[number % 2]}\n")
    return "bill_length_mm,sex\n" + "".join(rows)


def table(folder: Path, values: list[str], reading: Reading | None = None) -> tuple[str, list[object]]:
    """The kind and the values of a column."""
    file = folder / "table.csv"
    file.write_text("v,x\n" + "".join(f"{value},x\n" for value in values), encoding="utf-8")
    with TableEngine() as engine:
        found = open_table(engine, file, reading=reading)
        return found.columns[0].kind, [row[0] for row in engine.rows(f"FROM {found.view}")]


@pytest.mark.parametrize("word", ["NA", "N/A", "NaN", "nan", "null", "None", "<NA>", "#N/A", "-", " NA"])
def test_a_column_of_numbers_stays_one(tmp_path: Path, word: str) -> None:
    assert table(tmp_path, ["1.5", word, "2"]) == ("number", [1.5, None, 2.0])
    assert table(tmp_path, ["2026-01-31", word])[0] == "date"


def test_a_text_column_misses_words_but_not_signs(tmp_path: Path) -> None:
    assert table(tmp_path, ["a", "NA", "None", "-"]) == ("string", ["a", None, None, "-"])
    assert table(tmp_path, ["+", "-", "-"])[1] == ["+", "-", "-"]
    assert table(tmp_path, ["-", "-"]) == ("string", ["-", "-"])
    assert table(tmp_path, ["NA", ""])[0] == "any"


def test_a_schema_decides(tmp_path: Path) -> None:
    assert table(tmp_path, ["NA", "DE"], Reading(missing=("",)))[1] == ["NA", "DE"]
    assert table(tmp_path, ["1", "?"], Reading(missing=("", "?"))) == ("integer", [1, None])


def test_every_step_with_penguins(repo: Repo) -> None:
    repo.write("raw/penguins.csv", penguins())
    said = repo.good("add penguins raw/penguins.csv")
    assert "bill_length_mm: 342 numbers, 2 `NA` read as missing" in said
    assert "sex: 335 values, 9 `NA` read as missing" in said
    repo.write("raw/penguins.csv", penguins(1.3))
    repo.good("add penguins raw/penguins.csv")
    assert "bill_length_mm is s" in repo.good("diff penguins:1 penguins:2")
    repo.good("schema infer penguins:1")
    schema = repo / "datasets/penguins/schema.yml"
    text = schema.read_text(encoding="utf-8")
    assert 'missingValues: ["", "NA"]' in text
    assert "enum: [female, male]" in text
    assert "type: number" in text
    repo.good("schema check penguins:1")
    # The reference reader agrees.
    resource = TableResource(
        path="penguins.csv",
        basepath=str(repo / "datasets/penguins/1"),
        schema=Schema.from_descriptor(yaml.safe_load(text)),
    )
    assert resource.validate().valid
    # Without the word, NA is a value that does not fit: the message names it.
    schema.write_text(text.replace(', "NA"', ""), encoding="utf-8")
    refused = repo.refused("schema check penguins:1", 'such as "NA"', code=1)
    assert "bill_length_mm are not of type number" in refused


def test_a_dash_is_declared_for_numbers(repo: Repo) -> None:
    repo.write("raw/a.csv", "n,rhesus\n" + "1,+\n-,-\n3,-\n" * 10)
    assert "n: 20 numbers, 10 `-` read as missing" in repo.good("add a raw/a.csv")
    repo.good("schema infer a:1")
    repo.good("schema check a:1")


def test_nearly_numbers_are_a_warning(repo: Repo) -> None:
    repo.write("raw/a.csv", "n,m\n" + "".join(f"{i},{i}\n" for i in range(98)) + "n.a.,3\n?,4\n")
    said = repo.good("add a raw/a.csv")
    assert "Warning: n is text, but 98.0 % of its values are numbers." in said
    assert '2 are not, such as "?", "n.a."' in said
    assert "Warning: m" not in said


def test_pandas_reads_the_same_values(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("v,w\n" + "".join(f"{word},{number}\n" for number, word in enumerate(["1", *MISSING])))
    frame = pd.read_csv(file)
    with TableEngine() as engine:
        found = open_table(engine, file)
        ours = [row[0] for row in engine.rows(f"FROM {found.view}")]
    assert [value is None for value in ours] == list(frame["v"].isna())
    assert sum(value is None for value in ours) == len(MISSING)
