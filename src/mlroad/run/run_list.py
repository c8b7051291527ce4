"""`mlroad runs MODEL`: the runs on this machine, with what differs between them and what they reached."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json
from mlroad.core.run_folders import all_runs, read_record
from mlroad.core.text import number, table
from mlroad.core.verdict_words import verdict_word
from mlroad.run.candidate import TRAIN
from mlroad.run.run_values import differing, metrics_of, parameters_of, short_names

_METRICS = 8
"""Columns of metrics in the table. `--json` has all."""


def runs_json(runs: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """The runs in a folder, newest first. ``train`` and ``verdict`` are null except for candidates."""
    records = {
        folder: record
        for folder in islice(reversed(all_runs(runs)), limit)
        if (record := read_record(folder))
    }
    metrics = metrics_of(records.values(), runs.parent.parent)
    return [_about(folder, record, metrics[record["id"]]) for folder, record in records.items()]


def runs_table(found: Sequence[Mapping[str, Any]]) -> str:
    """The same as a table, with the parameters that differ; the columns of candidates if there is one."""
    names = differing(about["parameters"] for about in found)
    metrics = list(dict.fromkeys(name for about in found for name in about["metrics"]))
    shown = metrics[:_METRICS]
    candidates = any(about["stage"] for about in found)
    head = ["run", "when", "state"]
    head += ["data", "target", "commit", "verdict", "decided by"] if candidates else []
    rows = [[*head, *short_names(names).values(), *short_names(shown).values()]]
    for about in found:
        row = [about["run"], _when(about["started"]), str(about["state"])]
        row += _candidate(about) if candidates else []
        row += [about["parameters"].get(name, "-") for name in names]
        rows.append([*row, *(_metric(about["metrics"].get(name)) for name in shown)])
    more = f"\nand {len(metrics) - len(shown)} more metrics: see --json" if len(metrics) > len(shown) else ""
    return table(rows) + more


def _about(folder: Path, record: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, Any]:
    git, train, verdict = record.get("git") or {}, read_json(folder / TRAIN), _verdict(folder)
    decides = verdict.get("decide_by")
    figures = (verdict.get("metrics") or {}).get(decides) or {}
    return {
        "run": folder.name,
        "started": record.get("started"),
        "seconds": record.get("seconds"),
        "state": record.get("state"),
        "parameters": parameters_of(record),
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "commit": git.get("commit"),
        "dirty": git.get("dirty"),
        "stage": train.get("data"),
        "target": train.get("target"),
        "verdict": verdict_word(verdict["verdict"], verdict.get("champion"))
        if "verdict" in verdict
        else None,
        "passed": verdict.get("passed"),
        "decide_by": decides,
        "candidate": figures.get("candidate"),
        "champion": figures.get("champion"),
    }


def _verdict(folder: Path) -> dict[str, Any]:
    """The verdict of the gate; empty if there is none."""
    found = read_json(folder / "gate" / "verdict.json")
    return found if found.get("run") == folder.name else {}


def _candidate(about: Mapping[str, Any]) -> list[str]:
    verdict = about["verdict"] or "-"
    if about["verdict"] and about["passed"] is not (verdict in ("first", "better", "equal")):
        verdict += ", passed" if about["passed"] else ", not passed"
    mine, theirs = about["candidate"], about["champion"]
    decided = "-" if mine is None else f"{about['decide_by']} {mine:.4g}"
    if theirs is not None:
        decided += f" (champion {theirs:.4g})"
    commit = f"{str(about['commit'] or '-')[:7]}{'+' if about['dirty'] else ''}"
    return [str(about["stage"] or "-"), str(about["target"] or "-"), commit, verdict, decided]


def _when(started: str | None) -> str:
    try:
        return f"{datetime.fromisoformat(started or ''):%Y-%m-%d %H:%M}"
    except ValueError:
        return "-"


def _metric(value: float | None) -> str:
    return "-" if value is None else number(value)
