"""`mlroad runs`: the candidates on this machine and the verdicts of the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlroad.run.candidate import Candidate, candidates
from mlroad.run.model_folder import ModelFolder

_HEAD = ("run", "data", "target", "commit", "state", "verdict", "decided by")


def runs_json(model: ModelFolder) -> list[dict[str, Any]]:
    """The candidates of a model, newest first. ``verdict`` is null if the gate has not judged a candidate."""
    return [_about(candidate) for candidate in candidates(model)]


def runs_text(found: Sequence[Mapping[str, Any]]) -> str:
    """The same as a table."""
    rows = [_HEAD, *(_row(about) for about in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _about(candidate: Candidate) -> dict[str, Any]:
    git, verdict = candidate.record.get("git") or {}, _verdict(candidate)
    decides = verdict.get("decide_by")
    figures = (verdict.get("metrics") or {}).get(decides) or {}
    return {
        "run": candidate.run,
        "stage": candidate.stage,
        "target": candidate.train.get("target"),
        "commit": git.get("commit"),
        "dirty": git.get("dirty"),
        "state": candidate.record.get("state"),
        "verdict": verdict.get("verdict"),
        "passed": verdict.get("passed"),
        "decide_by": decides,
        "candidate": figures.get("candidate"),
        "champion": figures.get("champion"),
    }


def _verdict(candidate: Candidate) -> dict[str, Any]:
    """The verdict of the gate; empty if there is none."""
    try:
        found = json.loads((candidate.folder / "gate" / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("run") == candidate.run else {}


def _row(about: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = about["verdict"] or "-"
    if about["verdict"] and about["passed"] is not (verdict in ("better", "equal")):
        verdict += ", passed" if about["passed"] else ", not passed"
    mine, theirs = about["candidate"], about["champion"]
    decided = "-" if mine is None else f"{about['decide_by']} {mine:.4g}"
    if theirs is not None:
        decided += f" (champion {theirs:.4g})"
    commit = f"{str(about['commit'] or '-')[:7]}{'+' if about['dirty'] else ''}"
    target, state = str(about["target"] or "-"), str(about["state"] or "-")
    return about["run"], about["stage"], target, commit, state, verdict, decided
