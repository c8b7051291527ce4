"""Tell generated strings from words: how many bits a text in words needs, compared with a random string.

Random tokens contain three-letter words by chance, so looking for words hides tokens. This compares two
models: letters that follow each other as in identifiers and English, and characters drawn at random.
"""

import math
import re
import string

# Row a, column b: the bits of the letter b after the letter a (9 for 9 and more), counted in 12,286 words of
# Python identifiers and English prose.
_ROWS = [
    "95459759597353959342668768",
    "36563688369277369446499959",
    "39673893494489279563599979",
    "36752679289577479546479879",
    "47436569799453857334867589",
    "47773389299487389454499969",
    "48772754399564479347489979",
    "27972899399667389564599969",
    "56455559998442369544959795",
    "39792999576977267939276969",
    "47752767397475569636585969",
    "38752789299388379855579949",
    "25782899398658439757599979",
    "48433638497786579833669979",
    "66557669696442559355455799",
    "38773886498389349354599959",
    "69766999997368778657099998",
    "38652769396656379544678959",
    "59472784396677447842487969",
    "39682794299678479345598958",
    "44564659599343649333999899",
    "29881979399878499878999989",
    "28763893399684389447997999",
    "57463686399559629752878669",
    "56554669498444529633876876",
    "38871797399758479869699966",
]
_FOLLOWING = {
    a + b: int(row[i])
    for a, row in zip(string.ascii_lowercase, _ROWS, strict=True)
    for i, b in enumerate(string.ascii_lowercase)
}
_FIRST = dict(zip(string.ascii_lowercase, map(int, "45344555477545547434566788"), strict=True))
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
# Longer strings are judged by their beginning.
_ENOUGH = 200


def looks_generated(value: str) -> bool:
    """Whether the characters look drawn at random rather than written as words, names and numbers."""
    value = value[:_ENOUGH]
    return bool(value) and (_bits_as_words(value) - _bits_as_random(value)) / len(value) > _least(value)


def _least(value: str) -> float:
    """The limit in bits a character: of random strings of 16 characters, fewer than 1 in 200 are below it."""
    mixed = bool(re.search("[a-z]", value) and re.search("[A-Z]", value))
    if re.search(r"[^A-Za-z0-9]", value):
        return (-1.25 if re.search(r"\d", value) else -0.95) if mixed else -0.45
    return -0.75 if mixed else -0.42


def _bits_as_random(value: str) -> float:
    if _HEX.fullmatch(value):
        return 4.0 * len(value)
    size = sum(count for count, kind in ((26, "[a-z]"), (26, "[A-Z]"), (10, r"\d")) if re.search(kind, value))
    symbols = len(set(re.findall(r"[^A-Za-z0-9]", value)))
    return math.log2(max(2, size + 2 * symbols)) * len(value)


def _bits_as_words(value: str) -> float:
    bits, before, capital = 0.0, "", False
    for char in value:
        low = char.lower()
        if low not in _FIRST:
            bits += (3.3 if before.isdigit() else 5.5) if char.isdigit() else 2.5 if char in "_-./: " else 7.5
            before = char
            continue
        upper = char.isupper()
        if before not in _FIRST:  # a word begins
            bits += _FIRST[low] + (3.0 if before.isdigit() else 0.5)
        elif upper and not capital:  # a word in camelCase begins
            bits += _FIRST[low] + 2.5
        else:
            bits += _FOLLOWING[before + low]
        before, capital = low, upper
    return bits
