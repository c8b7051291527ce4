"""`mlroad dataset compatible`, which `mlroad check` also uses: dev and prod agree on the schema."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlroad.data.compatible import check_dev_prod
from tests.unit.data.conftest import Repo

DEV = "id,age,team\n" + "".join(f"{i},{20 + i},{'red' if i % 2 else 'blue'}\n" for i in range(20))
SCHEMA = """\
fieldsMatch: equal
primaryKey: id
fields:
  - name: id
    type: integer
    constraints: {required: true}
  - name: age
    type: integer
    constraints:
      required: true
      minimum: 0
  - name: team
    type: string
    constraints:
      enum: [red, blue]
"""


@pytest.fixture
def people(repo: Repo) -> Repo:
    """people:1 for dev and people:2 for prod, each with its own schema; the two schemas are equal."""
    repo.write("raw/people.csv", DEV)
    repo.good("add people raw/people.csv")
    repo.write("datasets/people/schema.yml", SCHEMA)
    repo.write("datasets/people/schema-prod.yml", SCHEMA)
    repo.good("schema infer people:1")
    repo.write("raw/people.csv", DEV + "99,50,red\n")
    repo.good("add people raw/people.csv --stage prod")
    repo.good("schema infer people:2 --file schema-prod.yml")
    return repo


def prod(repo: Repo, old: str, new: str) -> None:
    """Change the schema of the prod version."""
    assert old in SCHEMA
    repo.write("datasets/people/schema-prod.yml", SCHEMA.replace(old, new, 1))


def away(repo: Repo) -> None:
    """Remove the prod data, as in a repo that stores its large data elsewhere."""
    shutil.rmtree(repo / "datasets/people/2")


def test_they_agree(people: Repo) -> None:
    assert "people:1 and people:2 have the same schema: 3 columns." in people.good(
        "compatible people:1 people:2"
    )
    assert people.good("compatible") == people.good("compatible people:1 people:2")
    away(people)
    people.good("compatible")
    assert check_dev_prod(people.path) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "type: integer\n    constraints:\n",
            "type: number\n    constraints:\n",
            7,
            "MD503: The column age is number in people:2, but integer",
        ),
        (
            "  - name: team",
            "  - name: income\n    type: number\n  - name: team",
            12,
            "MD502: people:2 has the column income (number)",
        ),
        ("  - name: age", "  - name: years", 7, "MD502: people:2 has the column years"),
        (
            "primaryKey: id",
            "primaryKey: [id, age]",
            2,
            "MD505: The key is id, age in people:2, but id in people:1",
        ),
        (
            "      required: true\n",
            "",
            7,
            "MD504: The column age may be missing in people:2, but is required",
        ),
        (
            "enum: [red, blue]",
            "enum: [red, blue, green]",
            15,
            "MD504: The column team of people:2 allows green",
        ),
        ("    constraints:\n      enum: [red, blue]\n", "", 12, "MD504: The column team allows any value"),
    ],
)
def test_they_disagree(people: Repo, old: str, new: str, line: int, words: str) -> None:
    prod(people, old, new)
    away(people)
    people.refused(
        "compatible people:1 people:2", f"schema-prod.yml:{line}", words, "have different schemas", code=1
    )
    people.refused("compatible", words, code=1)
    (problem, *_) = check_dev_prod(people.path)
    assert problem.severity == "error"
    assert (problem.at.file, problem.at.line) == (people / "datasets/people/schema-prod.yml", line)


def test_a_column_that_prod_lacks_is_reported_at_its_version(people: Repo) -> None:
    prod(people, SCHEMA[SCHEMA.index("  - name: team") :], "")
    away(people)
    people.refused("compatible", "people/2.yml:", "MD501: people:2 lacks the column team (string)", code=1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minimum: 0", "minimum: 18", "minimum of the column age is 18 in people:2, but 0 in people:1"),
        ("enum: [red, blue]", "enum: [red]", "does not allow blue"),
        ("type: string\n", "type: string\n    description: The team's colour\n", ""),
        ("enum: [red, blue]", "enum: [blue, red]", ""),
    ],
)
def test_differences_that_are_allowed(people: Repo, old: str, new: str, words: str) -> None:
    prod(people, old, new)
    away(people)
    said = people.good("compatible")
    assert words in said
    assert ("warning" in said) == bool(words)


def test_prod_data_that_grew_a_column_under_the_same_schema(people: Repo) -> None:
    people.write("raw/people.csv", "id,age,team,income\n1,30,red,5000\n")
    people.good("add people raw/people.csv --stage prod")
    people.refused("compatible", "MD411: people:3 has the column income", code=1)


def test_without_schemas_the_data_is_compared(repo: Repo) -> None:
    pair(repo, "x,y\n1,2\n", "y,x,z\n1,word,3\n")
    said = repo.refused("compatible", "MD502: a:2 has the column z (integer)", code=1)
    assert "MD503: The column x is string in a:2, but integer in a:1" in said
    assert "warning: The columns of a:2 are in a different order" in said
    assert check_dev_prod(repo.path) == []
    shutil.rmtree(repo / "datasets/a/2")
    repo.refused("compatible", "a/2.yml:", "MD507: a:2 names no schema, and its data is not on this machine")


def pair(repo: Repo, dev: str, prod: str) -> None:
    """a:1 for dev and a:2 for prod, without schemas."""
    repo.write("raw/a.csv", dev)
    repo.good("add a raw/a.csv")
    repo.write("raw/a.csv", prod)
    repo.good("add a raw/a.csv --stage prod")


@pytest.mark.parametrize(
    ("dev", "prod", "words"),
    [
        ("price\n" + "3\n4\n" * 20, "price\n" + "3.5\n4\n" * 20, ""),
        ("price\n" + "3.5\n4\n" * 20, "price\n" + "3\n4\n" * 20, ""),
        ("a,b\n1,x\n2,y\n", "a,b\n", ""),
        ("a,b\n", "a,b\n1,x\n2,y\n", ""),
        ("a,b\n1,\n2,\n", "a,b\n1,3\n2,4\n", ""),
        ("year\n2013\n2014\n", 'year\n"2,013"\n"2,014"\n', "numbers with separators, such as 2,013"),
        ("a,b\n" + "1,x\n2,y\n" * 20, "a,b\n" + "1,x\n2,y\n" * 19 + "1,\n2,\n", "missing in 2 rows of a:2"),
        ("b\n" + "x\ny\n" * 20, "b\n" + "x\ny\n" * 20 + "z\n", "has values that a:1 does not have: z"),
        ("b\n" + "".join(f"n{i}\n" for i in range(40)), "b\n" + "".join(f"m{i}\n" for i in range(40)), ""),
    ],
)
def test_what_a_file_happens_to_contain_is_no_error(repo: Repo, dev: str, prod: str, words: str) -> None:
    pair(repo, dev, prod)
    said = repo.good("compatible")
    assert words in said
    assert ("warning" in said) == bool(words)


@pytest.mark.parametrize(
    ("dev", "prod", "words"),
    [
        (
            "a,b\n" + "1,x\n2,y\n" * 20,
            "a,b\n" + "1,x\n2,\n" * 20,
            "MD504: The column b is missing in 20 rows",
        ),
        ("a\n" + "1\n2\n" * 20, "a\n" + '1\n""\n' * 20, "MD504: The column a is missing in 20 rows of a:2"),
        ("b\n" + "x\ny\n" * 20, "b\n" + "x\nz\n" * 20, "MD504: The column b of a:2 has values"),
        ("d\n2026-01-01\n", "d\nsoon\n", "MD503: The column d is string in a:2, but date in a:1"),
        ("b\ntrue\nfalse\n", "b\n1.5\n2.5\n", "MD503: The column b is number in a:2, but boolean in a:1"),
        ("b\ntrue\nfalse\n", "b\n1\n0\n", "but boolean in a:1. Convert one of them"),
        ("b\n1\n0\n", "b\ntrue\nfalse\n", "but integer in a:1. Convert one of them"),
    ],
)
def test_what_a_model_has_not_seen_is_an_error(repo: Repo, dev: str, prod: str, words: str) -> None:
    pair(repo, dev, prod)
    repo.refused("compatible", "a/2.yml", words, code=1)


def test_prod_data_without_a_schema_is_compared_with_that_of_dev(people: Repo) -> None:
    people.write("raw/people.csv", "id,age,team\n" + "".join(f"{i},,green\n" for i in range(40)))
    people.good("add people raw/people.csv --stage prod")
    file = people / "datasets/people/3.yml"
    text = file.read_text(encoding="utf-8")
    people.write(
        "datasets/people/3.yml", "".join(line for line in text.splitlines(True) if "schema.yml" not in line)
    )
    people.refused("compatible", "values that people:1 does not have: green", code=1)


def test_only_the_newest_of_each_stage_must_agree(people: Repo) -> None:
    prod(people, "type: string", "type: any")
    people.write("raw/people.csv", DEV + "98,51,red\n")
    people.good("add people raw/people.csv --stage prod")
    (people / "datasets/people/3.yml").write_text(
        (people / "datasets/people/3.yml")
        .read_text(encoding="utf-8")
        .replace("schema-prod.yml", "schema.yml"),
        encoding="utf-8",
    )
    assert "people:1 and people:3 have the same schema" in people.good("compatible")


def test_no_pair_is_nothing_to_compare(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    assert "No dataset has both a dev and a prod version." in repo.good("compatible")


def test_mistakes(people: Repo) -> None:
    people.refused("compatible people:1", "One version cannot be compared")
    people.refused("compatible people:1 people:9", "people:9 does not exist")
    people.write("datasets/people/schema-prod.yml", SCHEMA.replace("integer", "whole"))
    people.refused("compatible", "schema-prod.yml:5", "whole is not a type")
    (problem, *_) = check_dev_prod(people.path)
    assert problem.at.line == 5
    people.write("datasets/people/1/people.csv", "id,age,team\n1,2,red\n")
    people.write("datasets/people/schema-prod.yml", SCHEMA)
    people.refused("compatible", "MD203")


def test_a_broken_version_file_is_left_to_verify(people: Repo, tmp_path: Path) -> None:
    people.write("datasets/people/3.yml", "name: [")
    assert "people:1 and people:2 have the same schema" in people.good("compatible")
    assert people.dataset("verify").code != 0
