"""The points of a sweep: every combination of the values, or some of them at random."""

import math
import random
import re
from collections.abc import Sequence

from mlroad.core.problems import UserError

Point = tuple[str, ...]
"""The ``--set`` options of one run: ``("jobs.train.inputs.alpha=0.1", …)``."""

_RANGE = re.compile(r"(uniform|loguniform|randint)\(([^,()]+),([^,()]+)\)")
_MOST = 1000


def sweep_points(options: Sequence[str], count: int | None, seed: int) -> list[Point]:
    """The points of ``--set PATH=a,b,c``; with ``count`` that many at random, the same for the same seed.

    Raises UserError for a value that cannot be read, or more points than anybody wants to run.
    """
    values = dict(map(_values, options))
    ranges = [path for path, choices in values.items() if isinstance(choices, _Range)]
    if ranges and count is None:
        raise UserError(f"{ranges[0]} is a range, so values have to be drawn.", "Say how many: --random 20.")
    if not any(isinstance(choices, _Range) or len(choices) > 1 for choices in values.values()):
        raise UserError("Nothing varies in this sweep.", "Write --set PATH=VALUE,VALUE or PATH=uniform(0,1).")
    if ranges:
        return _drawn(values, count or 0, random.Random(seed))  # noqa: S311 (no secret)
    size = math.prod(len(choices) for choices in values.values())
    if count is None and size > _MOST:
        raise UserError(f"These are {size:,} combinations.", f"Use at most {_MOST:,}, or --random N.")
    chosen = sorted(random.Random(seed).sample(range(size), min(count, size))) if count else range(size)  # noqa: S311
    return [_combination(values, number) for number in chosen]


class _Range(tuple[str, float, float]):
    """A distribution with its two ends."""

    def draw(self, generator: random.Random) -> str:
        kind, low, high = self
        if kind == "randint":
            return str(generator.randint(int(low), int(high)))
        if kind == "loguniform":
            return f"{math.exp(generator.uniform(math.log(low), math.log(high))):.6g}"
        return f"{generator.uniform(low, high):.6g}"


def _values(option: str) -> tuple[str, list[str] | _Range]:
    path, equals, text = option.partition("=")
    if not equals or not text.strip():
        raise UserError(f"--set {option} has no values.", "Write --set PATH=VALUE,VALUE.")
    found = _RANGE.fullmatch(text.strip())
    if not found:
        choices = list(dict.fromkeys(value.strip() for value in text.split(",")))
        return path.strip(), choices
    try:
        low, high = float(found[2]), float(found[3])
    except ValueError:
        raise UserError(f"--set {option}: the ends of a range are numbers.") from None
    if not low < high or (found[1] == "loguniform" and low <= 0):
        more = " and above 0" if found[1] == "loguniform" else ""
        raise UserError(f"--set {option}: the first end must be the lower one{more}.")
    return path.strip(), _Range((found[1], low, high))


def _combination(values: dict[str, list[str] | _Range], number: int) -> Point:
    """The combination of that number, counted as `itertools.product` does, without making all of them."""
    point: list[str] = []
    for path, choices in reversed(values.items()):
        number, at = divmod(number, len(choices))
        point.append(f"{path}={choices[at]}")
    return tuple(reversed(point))


def _drawn(values: dict[str, list[str] | _Range], count: int, generator: random.Random) -> list[Point]:
    def one() -> Point:
        return tuple(
            f"{path}={it.draw(generator) if isinstance(it, _Range) else generator.choice(it)}"
            for path, it in values.items()
        )

    return list(dict.fromkeys(one() for _ in range(count)))
