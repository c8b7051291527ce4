"""A type is taken only if it loses nothing, and two versions are the same exactly if their values are.

The law is tested with random tables: `diff` says "same rows" exactly if the canonical texts of both tables
agree. The lists are the members of each family that were once wrong.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlroad.data.open_table import open_table
from mlroad.data.reading import MISSING, WEAK
from mlroad.data.row_diff import compare_rows
from mlroad.data.sql import TableEngine

RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
Same = Callable[[Path, Path], bool]


@pytest.fixture(scope="module")
def engine() -> Iterator[TableEngine]:
    with TableEngine() as engine:
        yield engine


@pytest.fixture
def same(engine: TableEngine) -> Same:
    def compared(before: Path, after: Path) -> bool:
        rows = compare_rows(engine, open_table(engine, before), open_table(engine, after), [])
        assert rows
        return not (rows.added or rows.removed)

    return compared


def column(folder: Path, name: str, values: list[str]) -> Path:
    """A CSV file with one column of texts, and one that numbers the rows."""
    file = folder / name
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("v", "row"), *((value, row) for row, value in enumerate(values))])
    return file


def lines(folder: Path, name: str, values: list[str]) -> Path:
    """A JSON Lines file with one value (as JSON) in each line."""
    file = folder / name
    rows = (f'{{"v": {value}, "row": {row}}}\n' for row, value in enumerate(values))
    file.write_text("".join(rows), encoding="utf-8")
    return file


DIFFERENT = [
    (["2024-10-27T02:30:00+02:00"], ["2024-10-27T02:30:00+01:00"]),
    (["2024-10-27T02:30:00Z"], ["2024-10-27T02:30:00"]),
    (["2024-10-27T02:30:00-00:30"], ["2024-10-27T02:30:00+00:30"]),
    (["2024-01-01 00:00:00.123456789"], ["2024-01-01 00:00:00.123456788"]),
    (["2024-01-01T00:00:00.1234567Z"], ["2024-01-01T00:00:00.1234568Z"]),
    (["2024-01-01 00:00:00.1234567891"], ["2024-01-01 00:00:00.1234567892"]),
    (["1500-01-01 00:00:00.1234567"], ["1500-01-01 00:00:00.1234568"]),
    (["2024-01-01 24:00:00"], ["2024-01-02 00:00:00"]),
    (["2024-01-01"], ["2024-01-01 00:00:00"]),
    (["+491761234567890123"], ["+491761234567890124"]),
    (["491761234567890123", "0.5"], ["491761234567890124", "0.5"]),
    (["12345678901234567890123456789012345678901"], ["12345678901234567890123456789012345678902"]),
    (["1E5", "2E3"], ["100000", "2000"]),
    (["0.1000000000000000056"], ["0.1000000000000000055"]),
    (["0.12345678901234567"], ["0.12345678901234568"]),
    (["1.000000000000000056e-01"], ["1.000000000000000055e-01"]),
    (["9007199254740993.5"], ["9007199254740992.5"]),
    (["1e-400"], ["0.0"]),
    (["1.234567e-320"], ["1.234568e-320"]),
    (["1e400"], ["inf"]),
    (["007"], ["7"]),
    (["+5"], ["5"]),
    (["true"], ["1"]),
    (["true", "1"], ["true", "true"]),
    (["a"], ["a "]),
    (["é"], ["e\u0301"]),
    (["NA"], ["x"]),
]
SAME = [
    (["2024-10-27T02:30:00+02:00"], ["2024-10-27T00:30:00Z"]),
    (["2024-10-27T02:30:00.5+02:00"], ["2024-10-27 00:30:00.500+0000"]),
    (["2024-01-01T00:00:00.1234567+01:00"], ["2023-12-31T23:00:00.1234567Z"]),
    (["2024-01-01T10:00"], ["2024-01-01 10:00:00.000000000"]),
    (["1.50", "2"], ["1.5", "2.0"]),
    (["1", "2"], ["1.0", "2.00"]),
    (["9007199254740993"], ["9007199254740993.0"]),
    (["1e-05"], ["0.00001"]),
    (["1e+16"], ["10000000000000000"]),
    (["0.0"], ["-0.0"]),
    (["inf", "1"], ["Infinity", "1.0"]),
    (["True", "FALSE"], ["true", "false"]),
    ([" 1"], ["1"]),
    (["1", "NA"], ["1", ""]),
    (["1", "-"], ["1", "null"]),
    (["a", "N/A"], ["a", ""]),
]


JSON_DIFFERENT = [
    ("12345678901234567890123", "12345678901234567890124"),
    ("9007199254740993", "9007199254740992"),
    ("18446744073709551615", "18446744073709551614"),
    ("0.1234567890123456789", "0.1234567890123456788"),
    ("1.000000000000000056e-01", "1.000000000000000055e-01"),
    ('""', "null"),
    ('"NA"', "null"),
    ('"2024-10-27T02:30:00+02:00"', '"2024-10-27T02:30:00+01:00"'),
    ('"2024-01-01 00:00:00.123456789"', '"2024-01-01 00:00:00.123456788"'),
    ('{"x": 12345678901234567890123}', '{"x": 12345678901234567890124}'),
    ('{"x": [0.1234567890123456789]}', '{"x": [0.1234567890123456788]}'),
    ('{"x": "1"}', '{"x": 1}'),
    ('["a, b"]', '["a", "b"]'),
    ('{"t": "2024-10-27T02:30:00+02:00"}', '{"t": "2024-10-27T02:30:00+01:00"}'),
    ("true", "1"),
    ('{"x": "v1.0"}', '{"x": "v1"}'),
    ('{"x": "[1.0]"}', '{"x": "[1]"}'),
    ('{"x": "\\"a\\":null,"}', '{"x": ""}'),
    ('{"x": {"y": null}}', '{"x": null}'),
    ("[1, null]", "[1]"),
    ('{"x": [0.1234567890123456789], "y": 1.5}', '{"x": [0.1234567890123456789], "y": "1.5"}'),
    ("[0.1234567890123456789]", '["0.1234567890123456789"]'),
    ('{"x": 1e400}', '{"x": 1e401}'),
]
JSON_SAME = [
    ("1e5", "100000"),
    ("1.50", "1.5"),
    ('"2024-10-27T02:30:00+02:00"', '"2024-10-27T00:30:00Z"'),
    ('{"x": 1, "y": 2}', '{"y": 2, "x": 1}'),
    ('"\\u00e9"', '"é"'),
    ("NaN", "null"),
    ('{"x": 1}', '{"x": 1.0}'),
    ("[10.0, 20, -0.0]", "[10, 20.00, 0]"),
    ("[1e5, [2E0]]", "[100000.0, [2]]"),
    ('{"a": "\\"1.0,", "b": 1.0}', '{"a": "\\"1.0,", "b": 1}'),
    ('{"x": [0.1234567890123456789, 1.50]}', '{"x": [0.12345678901234567890, 1.5]}'),
    ('{"x": 1E400}', '{"x": 1e400}'),
    ('{"x": 18446744073709551616}', '{"x": 18446744073709551616.0}'),
    ('{"x": 1, "y": null}', '{"x": 1}'),
    ('{"x": {"a": null, "b": 1, "c": null}}', '{"x": {"b": 1}}'),
]
PARQUET_DIFFERENT = [
    ("18446744073709551615::UBIGINT", "18446744073709551614::UBIGINT"),
    ("1.10::DECIMAL(38,20)", "1.10000000000000000001::DECIMAL(38,20)"),
    ("9007199254740993::BIGINT", "9007199254740992::DOUBLE"),
    ("0.1::FLOAT", "0.1::DOUBLE"),
    ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "TIMESTAMP_NS '2024-01-01 00:00:00.123456788'"),
    ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "TIMESTAMP '2024-01-01 00:00:00.123456'"),
    ("TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMPTZ '2024-01-01 00:00:00Z'"),
    ("INTERVAL 1 MONTH", "INTERVAL 30 DAY"),
    ("{'x': 1}", "{'x': 2}"),
    ("{'x': '1'}", "{'x': 1}"),
    ("['a, b']", "['a', 'b']"),
    ("''", "NULL::VARCHAR"),
    ("'NA'", "NULL::VARCHAR"),
    ("{'x': NULL::INTEGER}", "NULL::STRUCT(x BIGINT)"),
    ("{'b': 1, 'a': 2}", "{'b': 2, 'a': 1}"),
]
PARQUET_SAME = [
    ("5::UBIGINT", "5::TINYINT"),
    ("1.5::DECIMAL(5,2)", "1.5::DOUBLE"),
    ("1.5::DECIMAL(5,2)", "1.50::DECIMAL(38,9)"),
    ("0.00001::DECIMAL(9,6)", "0.00001::DOUBLE"),
    ("10000000000000000::BIGINT", "1e16::DOUBLE"),
    ("0.5::FLOAT", "0.5::DOUBLE"),
    ("'nan'::DOUBLE", "NULL::DOUBLE"),
    ("-0.0::DOUBLE", "0.0::DOUBLE"),
    ("TIMESTAMP_S '2024-01-01 00:00:00'", "TIMESTAMP_NS '2024-01-01 00:00:00'"),
    ("'a'::ENUM('a', 'b')", "'a'"),
    ("{'x': 1}", "{'x': 1.0::DOUBLE}"),
    ("[1, NULL]", "[1.0::DOUBLE, NULL]"),
    ("{'b': 1, 'a': [{'d': 2, 'c': 3}]}", "{'a': [{'c': 3, 'd': 2}], 'b': 1}"),
    ("{'x': 1, 'y': NULL::VARCHAR}", "{'x': 1}"),
]
JSON_AND_PARQUET = [
    ('{"x": 1}', "{'x': 1.0::DOUBLE}"),
    ("[1.5, 2]", "[1.5::DECIMAL(3,1), 2]"),
    ('{"b": 1, "a": {"d": "z", "c": null}}', "{'b': 1, 'a': {'d': 'z', 'c': NULL::INTEGER}}"),
    ('{"x": 0.1234567890123456789}', "{'x': 0.1234567890123456789::DECIMAL(38,19)}"),
]


@pytest.mark.parametrize("case", range(len(DIFFERENT)))
def test_different_values_are_never_the_same(tmp_path: Path, same: Same, case: int) -> None:
    before, after = DIFFERENT[case]
    assert not same(column(tmp_path, "1.csv", before), column(tmp_path, "2.csv", after))


@pytest.mark.parametrize("case", range(len(SAME)))
def test_the_same_values_are_never_different(tmp_path: Path, same: Same, case: int) -> None:
    before, after = SAME[case]
    assert same(column(tmp_path, "1.csv", before), column(tmp_path, "2.csv", after))


@pytest.mark.parametrize(("pairs", "expected"), [(JSON_DIFFERENT, False), (JSON_SAME, True)])
def test_json_lines(tmp_path: Path, same: Same, pairs: list[tuple[str, str]], expected: bool) -> None:
    wrong = [
        pair
        for pair in pairs
        if same(*(lines(tmp_path, f"{i}.jsonl", [value]) for i, value in enumerate(pair))) is not expected
    ]
    assert not wrong


@pytest.mark.parametrize(("pairs", "expected"), [(PARQUET_DIFFERENT, False), (PARQUET_SAME, True)])
def test_parquet(tmp_path: Path, same: Same, pairs: list[tuple[str, str]], expected: bool) -> None:
    def written(number: int, value: str) -> Path:
        duckdb.execute(f"COPY (SELECT {value} AS v) TO '{tmp_path}/{number}.parquet'")
        return tmp_path / f"{number}.parquet"

    wrong = [pair for pair in pairs if same(written(1, pair[0]), written(2, pair[1])) is not expected]
    assert not wrong


def test_nested_values_are_the_same_in_json_lines_and_parquet(tmp_path: Path, same: Same) -> None:
    wrong = []
    for number, (text, value) in enumerate(JSON_AND_PARQUET):
        duckdb.execute(f"COPY (SELECT {value} AS v, 0 AS row) TO '{tmp_path}/{number}.parquet'")
        if not same(lines(tmp_path, f"{number}.jsonl", [text]), tmp_path / f"{number}.parquet"):
            wrong.append(text)
    assert not wrong


def test_a_number_is_not_its_text_in_a_mixed_column(tmp_path: Path, same: Same) -> None:
    """Also beside a decimal with more digits than a double has."""
    exact = "0.1234567890123456789"
    before, after = ([exact, '"x"', value] for value in ("1.50", '"1.5"'))
    assert not same(lines(tmp_path, "1.jsonl", before), lines(tmp_path, "2.jsonl", after))
    assert same(lines(tmp_path, "1.jsonl", before), lines(tmp_path, "3.jsonl", [exact, '"x"', "1.5"]))


def test_a_key_that_other_rows_have_changes_no_row(tmp_path: Path, same: Same) -> None:
    before, after = ['{"x": 1}', '{"x": 2}'], ['{"x": 1}', '{"x": 2, "y": 3}']
    with TableEngine() as engine:
        files = [lines(tmp_path, f"{i}.jsonl", rows) for i, rows in enumerate((before, after))]
        rows = compare_rows(engine, open_table(engine, files[0]), open_table(engine, files[1]), [])
    assert rows
    assert (rows.same, rows.added, rows.removed) == (1, 1, 1)


NUMBER = re.compile(r"-?((0|[1-9]\d*)(\.\d*)?(e[+-]\d+)?|(0|[1-9]\d*)?\.\d+(e[+-]?\d+)?)", re.IGNORECASE)
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?")


def moment(text: str) -> tuple[int, int] | None:
    """Whether a time has a zone, and its nanoseconds."""
    found = MOMENT.fullmatch(text)
    if not found:
        return None
    at = datetime.fromisoformat(f"{found[1]}{found[3] or 'Z'}").astimezone(UTC)
    whole = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return bool(found[3]), whole * 10**9 + int(((found[2] or ".") + "0" * 9)[1:10])


def canonical(texts: list[str]) -> tuple[str, list[object]]:
    """The canonical values of a column of CSV, by an implementation that shares nothing with ours."""
    values = [None if text in MISSING else text for text in texts]
    there = [value for value in values if value is not None and value not in WEAK]
    if there and all(NUMBER.fullmatch(value) for value in there):
        return "number", [None if v in (None, *WEAK) else Decimal(v) for v in values]
    for zoned in (False, True):
        if there and all((found := moment(value)) and found[0] is zoned for value in there):
            return f"time {zoned}", [None if v in (None, *WEAK) else moment(v) for v in values]
    if there and all(value.lower() in ("true", "false") for value in there):
        return "boolean", [None if v in (None, *WEAK) else v.lower() for v in values]
    return "text", list(values)


numbers = st.builds(
    lambda digits, power: Decimal(digits).scaleb(power), st.integers(-(10**18), 10**18), st.integers(-15, 3)
)
moments = st.builds(
    lambda at, nanoseconds, offset: (at.replace(microsecond=0), nanoseconds, offset),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    st.integers(0, 10**9 - 1),
    st.sampled_from([0, 60, -330, 720]),
)


@st.composite
def spelled(draw: st.DrawFn, number: Decimal) -> str:
    plain = f"{number:f}"
    if draw(st.booleans()):
        plain += "0" * draw(st.integers(1, 2)) if "." in plain else ".0"
    return f"{number:.25e}" if draw(st.integers(0, 5)) == 0 else plain


@st.composite
def spelled_moment(draw: st.DrawFn, value: tuple[datetime, int, int], zoned: bool) -> str:
    at, nanoseconds, offset = value
    parts = f".{nanoseconds:09}" if nanoseconds or draw(st.booleans()) else ""
    mark = draw(st.sampled_from("T "))
    if not zoned:
        return f"{at:%Y-%m-%d}{mark}{at:%H:%M:%S}{parts}"
    local = at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=draw(st.sampled_from([0, offset])))))
    zone = f"{local:%z}"
    colon = draw(st.sampled_from([":", ""]))
    return f"{local:%Y-%m-%d}{mark}{local:%H:%M:%S}{parts}{zone[:3]}{colon}{zone[3:]}"


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Two columns of CSV: each value is spelled in two ways, or slightly changed."""
    sides: tuple[list[str], list[str]] = ([], [])
    family = draw(st.sampled_from(["number", "naive", "zoned", "boolean", "text", "mixed"]))
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["number", "zoned", "text"])) if family == "mixed" else family
        changed = draw(st.integers(0, 3)) == 0
        if kind == "number":
            value = draw(numbers)
            other = value.next_plus() if changed else value
            pair = draw(spelled(value)), draw(spelled(other))
        elif kind == "boolean":
            pair = draw(st.sampled_from(["true", "TRUE", "False"])), draw(st.sampled_from(["True", "false"]))
        elif kind == "text":
            words = ["1E5", "+49", "007", "é", "e\u0301", "a ", "a", "x\ny", *MISSING[:3]]
            text = draw(st.sampled_from(words))
            pair = text, draw(st.sampled_from(["1E5", "a", text]))
        else:
            at = draw(moments)
            other_at = (at[0], at[1] ^ 1, at[2]) if changed else at
            pair = draw(spelled_moment(at, kind == "zoned")), draw(spelled_moment(other_at, kind == "zoned"))
        if draw(st.integers(0, 6)) == 0:
            pair = draw(st.sampled_from(["NA", "", "null", "-"])), draw(st.sampled_from(["N/A", pair[1]]))
        for side, text in zip(sides, pair, strict=True):
            side.append(text)
    return sides


@pytest.mark.slow
@RANDOM
@given(sides=tables())
def test_same_rows_exactly_if_the_canonical_texts_agree(
    tmp_path: Path, engine: TableEngine, same: Same, sides: tuple[list[str], list[str]]
) -> None:
    (kind, before), (other, after) = map(canonical, sides)
    found = same(column(tmp_path, "1.csv", sides[0]), column(tmp_path, "2.csv", sides[1]))
    if kind == other:
        assert found is (before == after), (before, after)
    elif found:
        # A table that is text on one side: the same rows only if the texts are, apart from missing values.
        assert "text" in (kind, other)


@pytest.mark.slow
@settings(RANDOM, max_examples=25)
@given(
    before=st.lists(numbers, min_size=1, max_size=3),
    change=st.booleans(),
    forms=st.lists(st.sampled_from(["{:f}", "{:e}"]), min_size=2, max_size=2),
)
def test_numbers_in_json_lines_are_the_same_exactly_if_their_digits_are(
    tmp_path: Path, same: Same, before: list[Decimal], change: bool, forms: list[str]
) -> None:
    after = [before[0].next_plus() if change else before[0], *before[1:]]
    files = [
        lines(tmp_path, f"{i}.jsonl", [forms[i].format(value) for value in values])
        for i, values in enumerate((before, after))
    ]
    assert same(*files) is not change
