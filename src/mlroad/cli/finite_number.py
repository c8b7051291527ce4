"""The type of every option that is a number with a fraction."""

import math
from typing import Any

import click


class FiniteNumber(click.FloatRange):
    """A number in a range. Python also reads `nan`, `inf` and `1e400`, which would switch off a limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; a usage error if it is not finite or not in the range."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found
