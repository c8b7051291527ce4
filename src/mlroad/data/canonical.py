"""One text for each value: equal values have equal texts, whatever type or format they are stored in.

``number_digits`` and ``canonical_number`` are macros of the engine. The first takes any way to write a
number: 1.50, 1.5 and 15e-1 get the same text, 0.1 and 0.1000000000000000056 do not. The second is faster, and
only for numbers as the engine prints them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlroad.data.table import Column

MACROS = (
    r"CREATE MACRO number_parts(t) AS regexp_extract(t, "
    r"'^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$', ['sign', 'whole', 'part', 'power'])",
    "CREATE MACRO scientific(sign, digits, power) AS CASE WHEN digits = '' THEN '0' ELSE"
    " CASE WHEN sign = '-' THEN '-' ELSE '' END || rtrim(digits, '0') || 'e'"
    " || (power + length(digits) - length(rtrim(digits, '0'))) END",
    # All significant digits and the power of ten; other texts (inf) stay as they are. The list makes the
    # engine split a number once, not once for each of its parts.
    r"CREATE MACRO number_digits(t) AS CASE WHEN"
    r" regexp_full_match(t, '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?')"
    " THEN list_transform([number_parts(t)], lambda p: scientific(p.sign, ltrim(p.whole || p.part, '0'),"
    " coalesce(try_cast(p.power AS INTEGER), 0) - length(p.part)))[1] ELSE t END",
    "CREATE MACRO without_zeros(t) AS CASE WHEN contains(t, '.') AND NOT contains(t, 'e')"
    " THEN rtrim(rtrim(t, '0'), '.') ELSE t END",
    # Splitting a number into its parts is slow. A short one without an exponent is already in its only form.
    "CREATE MACRO short_number(t) AS CASE WHEN t = '-0' THEN '0' WHEN length(t) <= 16"
    " AND NOT contains(t, 'e') AND NOT starts_with(ltrim(t, '-'), '0.0000') THEN t ELSE number_digits(t) END",
    "CREATE MACRO canonical_number(t) AS short_number(without_zeros(t))",
)
"""What the engine needs to know before it can run the expressions below."""


def comparable(value: str, column: Column, other: Column) -> str:
    """The values of a column in SQL (``value``), so that they equal those of ``other`` if they are the same.

    Missing values are NaN in one file format and null in the other, so both count as null.
    """
    if column.is_float:
        value = f"nullif({value}, 'nan'::{column.type})"
    if "INTERVAL" in column.type:
        # To the engine, a month equals 30 days.
        return f"{value}::VARCHAR"
    if column.type == other.type:
        return value
    if column.is_numeric and other.is_numeric:
        # A double cannot hold every integer, so numbers of different types are compared by their digits.
        return f"canonical_number({f'{value}::DOUBLE' if column.is_float else value}::VARCHAR)"
    if column.kind in ("object", "array"):
        return f"to_json({value})::VARCHAR"
    return f"{value}::VARCHAR"
