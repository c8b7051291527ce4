"""`mlroad dataset schema infer` and `check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.data.schema import load_schema
from mlroad.data.version import load_version
from tests.unit.data.conftest import Repo

PEOPLE = "id,name,age,joined,team,score\n" + "".join(
    f"{i},person {i},{20 + i % 50},2026-01-{1 + i % 28:02},{'red' if i % 3 else 'blue'},"
    f"{'' if i == 7 else i / 4}\n"
    for i in range(100)
)
SCHEMA = """\
fields:
  - name: id
    type: integer
    constraints: {required: true, unique: true}
  - name: name
    type: string
    constraints:
      pattern: "person [0-9]+"
      minLength: 8
      maxLength: 9
  - name: age
    type: integer
    constraints:
      minimum: 18
      exclusiveMaximum: 120
  - name: joined
    type: date
    constraints: {minimum: 2026-01-01, maximum: "2026-12-31"}
  - name: team
    constraints:
      enum: [red, blue]
  - name: score
    type: number
primaryKey: id
"""


@pytest.fixture
def people(repo: Repo) -> Repo:
    """A dataset with the schema above."""
    repo.write("raw/people.csv", PEOPLE)
    repo.good("add people raw/people.csv")
    repo.write("datasets/people/schema.yml", SCHEMA)
    repo.good("schema infer people:1")
    return repo


def changed(repo: Repo, old: str, new: str) -> str:
    """Add the next version with some text replaced; it inherits the schema. Then check it."""
    assert old in PEOPLE
    repo.write("raw/people.csv", PEOPLE.replace(old, new, 1))
    repo.good("add people raw/people.csv")
    said = repo.dataset("schema check people:2")
    assert said.code == 1, said
    assert "give it its own schema: mlroad dataset schema infer people:2" in said.out
    return said.out


def test_infer_writes_what_check_accepts(repo: Repo) -> None:
    repo.write("raw/people.csv", PEOPLE)
    repo.good("add people raw/people.csv")
    assert "Wrote datasets/people/schema.yml" in repo.good("schema infer people:1 --key id")
    schema = load_schema(repo / "datasets/people/schema.yml")
    assert [(field.name, field.kind) for field in schema.fields] == [
        ("id", "integer"),
        ("name", "string"),
        ("age", "integer"),
        ("joined", "date"),
        ("team", "string"),
        ("score", "number"),
    ]
    assert schema.key == ("id",)
    found = {field.name: dict(field.constraints) for field in schema.fields}
    assert found["age"] == {"required": True, "minimum": 0}
    assert found["team"] == {"required": True, "enum": ("blue", "red")}
    assert found["score"] == {"minimum": 0}
    assert load_version(repo / "datasets/people/1.yml").schema == "schema.yml"
    assert "100 rows and 6 columns match datasets/people/schema.yml" in repo.good("schema check")
    assert "1 version verified" in repo.good("verify")


def test_infer_can_take_bounds(repo: Repo) -> None:
    repo.write("raw/people.csv", PEOPLE)
    repo.good("add people raw/people.csv")
    repo.good("schema infer people:1 --bounds --file bounded.yml")
    field = load_schema(repo / "datasets/people/bounded.yml").field("age")
    assert field is not None
    assert (field.constraints["minimum"], field.constraints["maximum"]) == (20, 69)


def test_infer_says_why_a_column_is_a_string(repo: Repo) -> None:
    repo.write("raw/people.csv", PEOPLE.replace(",23,", ",n.a.,"))
    repo.good("add people raw/people.csv")
    repo.good("schema infer people:1")
    text = (repo / "datasets/people/schema.yml").read_text(encoding="utf-8")
    assert '# Mixed: 98.0% are a number; 2 are not, such as "n.a."' in text


@pytest.mark.parametrize(
    "values",
    ["yes,no", "1.0,x", "null,~", "- a,b: c", '"a ""b""",#c', "é,{}", "'a,b'", "2026-01-01x,0x1f"],
)
def test_odd_names_and_values_survive_the_file(repo: Repo, values: str) -> None:
    rows = "".join(f"{values}\n" for _ in range(20))
    repo.write("raw/odd.csv", f"{values}\n{rows}")
    repo.good("add odd raw/odd.csv")
    repo.good("schema infer odd:1")
    repo.good("schema check odd:1")


def test_a_version_file_keeps_its_other_lines(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    file = repo / "datasets/numbers/1.yml"
    text = "# Ours\n" + file.read_text(encoding="utf-8") + "  note: '1' # why\n"
    file.write_text(text, encoding="utf-8")
    repo.good("schema infer numbers:1")
    assert file.read_text(encoding="utf-8") == text.replace("tags:\n", "tags:\n  schema: schema.yml\n")


def test_the_next_version_inherits_the_schema_or_gets_its_own(people: Repo) -> None:
    people.write("raw/people.csv", PEOPLE + "100,person 9,30,2026-02-01,red,1\n")
    people.good("add people raw/people.csv")
    assert "people:2: 101 rows" in people.good("schema check people:2")
    people.refused("schema infer people:2", "already names the schema schema.yml", "--file schema-2.yml")
    people.write("raw/people.csv", PEOPLE.replace("person 3,23", "person 3,7"))
    people.good("add people raw/people.csv")
    said = people.refused("schema check", "below the minimum 18", code=1)
    assert "people.csv:5: MD413" in said
    command = said.rpartition("mlroad dataset ")[2].strip()
    assert "schema-3.yml" in people.good(command)
    assert load_version(people / "datasets/people/3.yml").schema == "schema-3.yml"
    assert "people:3: 100 rows" in people.good("schema check")


def test_an_existing_schema_is_adopted_if_it_fits(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    fitting = "fields: [{name: id, type: integer}, {name: name, type: string}]\n"
    repo.write("datasets/numbers/schema.yml", fitting.replace("integer", "date"))
    repo.refused("schema infer numbers:1", "MD412", "--file schema-1.yml", code=1)
    repo.write("datasets/numbers/schema.yml", fitting)
    assert "numbers:1 fits datasets/numbers/schema.yml" in repo.good("schema infer numbers:1")
    assert (repo / "datasets/numbers/schema.yml").read_text(encoding="utf-8") == fitting


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "3,person 3",
            "3,Person 3",
            ":5: MD413: 1 of 100 values of name does not match the pattern person [0-9]+",
        ),
        ("3,person 3,", "3,person 3333,", "is longer than 9 characters"),
        (
            ",23,",
            ",17,",
            ':5: MD413: 1 of 100 values of age is below the minimum 18, such as "17" (first in row 4)',
        ),
        (",23,", ",120,", "is not below the exclusive maximum 120"),
        (",23,", ",23.5,", 'MD412: 1 of 100 values of age is not of type integer, such as "23.5"'),
        (",23,", ",old,", "schema.yml:12"),
        (",2026-01-04,", ",2025-12-31,", "is below the minimum 2026-01-01"),
        (",2026-01-04,", ",04.01.2026,", "MD412: 1 of 100 values of joined is not of type date"),
        (",red,", ",green,", 'is not in the enum, such as "green"'),
        ("\n5,", "\n,", ":7: MD413: 1 of 100 values of id is missing (first in row 6)"),
        ("\n5,", "\n4,", "MD414: One value of the key id occurs in several rows (id = 4 in 2)"),
        (",score\n", ",points\n", "MD411: people:2 has no column score"),
        (",score\n", ",points\n", "MD411: people:2 has the column points"),
        ("id,name", "name,id", "MD411: The columns of people:2 are in a different order"),
    ],
)
def test_check_finds(people: Repo, old: str, new: str, words: str) -> None:
    assert words in changed(people, old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (",23,", ",,"),
        (",blue,", ",,"),
        (",23,", ", 23 ,"),
        (",23,", ",119,"),
        ("person 3", "person 03"),
        (",0.25\n", ",1e-3\n"),
        (",0.25\n", ",-12\n"),
    ],
)
def test_check_lets_pass(people: Repo, old: str, new: str) -> None:
    people.write("raw/people.csv", PEOPLE.replace(old, new, 1))
    people.good("add people raw/people.csv")
    people.good("schema check people:2")


def test_parquet_and_json_lines_are_checked_too(repo: Repo) -> None:
    repo.write("raw/a.jsonl", '{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n{"a": -1, "b": "z"}\n')
    repo.good("add lines raw/a.jsonl")
    repo.write(
        "datasets/lines/schema.yml",
        "fields: [{name: a, type: integer, constraints: {minimum: 0}}, {name: b}]\n",
    )
    repo.refused("schema infer lines:1", "a.jsonl:4: MD413", "first in row 3", code=1)
    repo.write("datasets/lines/schema.yml", "fields: [{name: a, type: string}, {name: b}]\n")
    repo.good("schema infer lines:1")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("type: date", "type: datum", 17, "Did you mean date?"),
        ("type: date", "types: date", 17, "Did you mean type?"),
        ("enum: [red, blue]", "enum: red", 21, "enum is not a list"),
        ("enum: [red, blue]", "enum: [red, [blue]]", 21, "is not a scalar"),
        ("minimum: 18", "minimum: old", 14, "minimum is not a number"),
        ("minimum: 18", "mininum: 18", 14, "Did you mean minimum?"),
        ("minLength: 8", "minLength: -1", 9, "minLength is not a length"),
        ("minLength: 8", "minimum: 8", 9, "minimum applies to numbers and times, but this column is string"),
        ('"person [0-9]+"', '"person ["', 8, "not a regular expression"),
        ('"person [0-9]+"', '"(?=p)erson"', 8, "uses lookaround"),
        ("required: true", "required: maybe", 4, "is not true or false"),
        ("primaryKey: id", "primaryKey: ids", 24, "ids is not a column"),
        ("primaryKey: id", "foreignKeys: []", 24, "foreignKeys is not supported"),
        ("primaryKey: id", "fieldsMatch: partial", 24, "not one of: equal, exact, subset"),
        ("primaryKey: id", "missingValues: [no]", 24, "missingValues is not a list of strings"),
        ("primaryKey: id", "missingValues: NA", 24, "missingValues is not a list of strings"),
        ("- name: team", "- name: Age", 19, "Duplicate column Age"),
        ("- name: team", "- title: team", 19, "A column has no name"),
        ("fields:", "columns:", 1, "columns is not supported"),
        ("fields:", "fields: {", 1, "YAML"),
    ],
)
def test_a_wrong_schema_is_reported_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    file = tmp_path / "schema.yml"
    file.write_text(SCHEMA.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_schema(file)
    found = {problem.at.line: str(problem) for problem in refused.value.problems}
    assert words in str(refused.value)
    assert line in found or "YAML" in words


def test_mistakes_of_the_command_line(people: Repo) -> None:
    people.refused("schema infer people:1", "1.yml:", "already names the schema schema.yml")
    people.refused("schema infer people:9", "people:9 does not exist")
    people.write("raw/other.csv", "a\n1\n")
    people.good("add other raw/other.csv")
    people.refused("schema infer other:1 --key id", "other:1 has no such column")
    people.refused("schema infer other:1 --file ../schema.yml", "is not a valid schema file name")
    people.refused("schema infer other:1 --file 2.yml", "is not a valid schema file name")
    people.refused("schema check other:1", "other:1 names no schema")
    (people / "datasets/people/schema.yml").unlink()
    people.refused("schema check", "1.yml:", "MD403", "does not exist", code=1)
    people.refused("diff people:1 people:1", "MD403")


def test_check_refuses_data_that_was_touched(people: Repo) -> None:
    file = people / "datasets/people/1/people.csv"
    file.write_text(PEOPLE.replace("red", "rot"), encoding="utf-8")
    said = people.refused("schema check", "MD203", code=1)
    assert "its own schema" not in said, "its own schema would not help"


def test_lines_are_counted_past_values_that_hold_line_breaks(people: Repo) -> None:
    text = PEOPLE.replace("person 1,", '"person\n1",').replace(",23,", ",17,", 1)
    people.write("raw/people.csv", text)
    people.good("add people raw/people.csv")
    said = people.refused("schema check people:2", code=1)
    # Row 4 is on line 6, because row 2 takes two lines.
    assert "people.csv:6: MD413: 1 of 100 values of age is below" in said
