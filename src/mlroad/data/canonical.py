"""One text for each value: equal values have equal texts, whatever type or format they are stored in.

``number_digits``, ``canonical_number`` and ``canonical_json`` are macros of the engine. The first takes any
way to write a number: 1.50, 1.5 and 15e-1 get the same text, 0.1 and 0.1000000000000000056 do not. The second
is faster, and only for numbers as the engine prints them. The third is for nested values.
"""

MARK = "\ufdd0"
"""In JSON, begins the text of a number with more digits than a double keeps. No other text has it."""
_STRING = r'"(?:[^"\\]|\\.)*"'
_END = r"([,\]}]|$)"
# Strings are alternatives, too, so that what they contain stays as it is.
_NO_VALUE = f"{_STRING}:null,|,?{_STRING}:null|({_STRING})"
_NUMBER = rf'"{MARK}(-?\d[\d.]*(?:e[+-]?\d+)?)"|({_STRING})|(\d)\.0{_END}|-(0)(?:\.0)?{_END}'

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
    # JSON without blanks: keys without a value are left out, 1.0 and -0 are 1 and 0, marked texts numbers.
    f"CREATE MACRO canonical_json(t) AS CASE WHEN regexp_matches(t, ':null|\\.0|-0|{MARK}') THEN"
    f" regexp_replace(regexp_replace(t, '{_NO_VALUE}', '\\1', 'g'), '{_NUMBER}', '\\1\\2\\3\\4\\5\\6', 'g')"
    " ELSE t END",
)
"""What the engine needs to know before it can run the expressions below."""
