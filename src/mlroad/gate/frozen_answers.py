"""What "all inference tests passed" is worth: a model agrees with answers that were frozen from it.

So the check also says how many golden answers are new or other ones since the champion's commit, or since the
base branch, and how far they moved.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlroad.core.git import GitError, base_commit, file_at, has_commit
from mlroad.models.cases import Case
from mlroad.models.suite import CASES, FOLDER
from mlroad.models.tolerance import distance

Outputs = Mapping[str, Sequence[Any]]


def describe_moves(root: Path, model: str, golden: Sequence[Case], champion_commit: str | None) -> str:
    """A sentence to add; empty if no golden answer changed, or without git."""
    try:
        commit = champion_commit or base_commit(root)
        if not commit or not has_commit(root, commit):
            return ""
        content = file_at(root, commit, f"models/{model}/{FOLDER}/{CASES}")
    except GitError:
        return ""
    since = f"since {'the champion' if champion_commit else commit[:7]}"
    old = dict(_answers(content or b""))
    moves = {case.id: _move(old[case.id], _of(case)) for case in golden if case.id in old}
    new = sum(case.id not in old for case in golden) + sum(move > 0 for move in moves.values())
    if not new:
        return ""
    if not old:
        return f" All {len(golden)} golden answers are new {since}: they say nothing about an older model."
    largest = max(moves.values(), default=0.0)
    far = f"; the largest move is {largest:.4g}" if largest else ""
    return f" {new} of {len(golden)} golden answers are new {since}{far}."


def _answers(content: bytes) -> Iterator[tuple[str, Outputs]]:
    for line in content.decode("utf-8", "replace").splitlines():
        try:
            case = json.loads(line)
            yield str(case["id"]), {str(its["name"]): list(its["data"]) for its in case["expect"]["outputs"]}
        except (ValueError, KeyError, TypeError):
            continue  # an invalid case has no outputs


def _of(case: Case) -> Outputs:
    return {tensor.name: tensor.data for tensor in case.expected}


def _move(old: Outputs, new: Outputs) -> float:
    """The largest difference of two numbers; 0 if the answers are equal, infinity if they are no numbers."""
    if old.keys() != new.keys():
        return math.inf
    most = 0.0
    for name, values in new.items():
        if len(values) != len(old[name]):
            return math.inf
        moved = (pair for pair in zip(old[name], values, strict=True) if pair[0] != pair[1])
        most = max([most, *(distance(*pair) for pair in moved)])
    return most
