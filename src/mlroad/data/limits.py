"""What a delivery may change: ``limits`` in a dataset's schema, and columns that are not judged.

Names are those of the schema file. Shares are relative to the versions that a delivery is compared with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mlroad.core.problems import Problem
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_nodes import MapNode, Node
from mlroad.data.shift import LEVELS, Level

SHARES = ("maxLoss", "maxGrowth", "maxRepeated")
NAMES = (*SHARES, "maxDrift")
UNJUDGED = ("seasonal", "ignore")
"""The values of ``drift`` of a column: its shifts are shown, but never reported."""
_DOCS = "`mlroad help reference/dataset-schema` lists what is supported."


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a dataset."""

    loss: float = 0.3
    """The largest acceptable loss of rows, as a share."""
    growth: float = 1.0
    """The largest acceptable growth, as a share: 1.0 means twice as many rows."""
    repeated: float = 0.1
    """How much larger the share of rows that repeat another row may be."""
    drift: Level = "shifted"
    """The largest acceptable shift of a column."""


def wrong_limits(node: Node | None) -> Iterator[Problem]:
    """The problems with ``limits`` in a schema."""
    if node is None:
        return
    if not isinstance(node, MapNode):
        yield _problem(node, "limits is not a mapping.", f"Write one limit per line: {', '.join(NAMES)}.")
        return
    for name, key, value in node:
        if name not in NAMES:
            yield _problem(key, f"The limit {name} is not supported.", did_you_mean(name, NAMES, _DOCS))
        elif name in SHARES:
            yield from _wrong_share(name, value)
        elif value.plain() not in LEVELS:
            yield _problem(value, f"{name} is not one of: {', '.join(LEVELS)}.", "Choose one of them.")


def wrong_drift(node: Node | None) -> Iterator[Problem]:
    """The problems with ``drift`` of a column."""
    if node is not None and node.plain() not in UNJUDGED:
        yield _problem(node, f"drift is not one of: {', '.join(UNJUDGED)}.", "Choose one, or remove it.")


def limits_of(node: Node | None) -> Limits:
    """The limits in a schema that has no problems."""
    values = {name: value.plain() for name, _, value in node} if isinstance(node, MapNode) else {}
    default = Limits()
    shares = [values.get(name) for name in SHARES]
    loss, growth, repeated = (
        float(share) if isinstance(share, (int, float)) else usual
        for share, usual in zip(shares, (default.loss, default.growth, default.repeated), strict=True)
    )
    drift: Level = next((level for level in LEVELS if level == values.get("maxDrift")), default.drift)
    return Limits(loss, growth, repeated, drift)


def _wrong_share(name: str, node: Node) -> Iterator[Problem]:
    value = node.plain()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        yield _problem(node, f"{name} is not a share.", "Write a number, such as 0.3 for 30 %.")
    elif name == "maxLoss" and value >= 1:
        yield _problem(node, "maxLoss is not below 1.", "A delivery without rows is never accepted.")


def _problem(node: Node, what: str, fix: str) -> Problem:
    return Problem(node.at, "MD402", what, fix)
