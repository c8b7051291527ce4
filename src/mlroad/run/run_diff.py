"""`mlroad runs diff A B`: what differs between two runs."""

import filecmp
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.run_folders import RUNS, all_runs, read_record
from mlroad.core.text import duration, number, table
from mlroad.run.run_values import metrics_of, parameters_of

Pair = tuple[Any, Any]


def find_run(root: Path, name: str) -> Path:
    """The folder of the run with that id, or the only one whose id begins or ends so. Raises UserError."""
    pipelines = sorted(folder for folder in (root / RUNS).glob("*") if not folder.name.startswith("."))
    runs = [folder for pipeline in pipelines for folder in all_runs(pipeline) if read_record(folder)]
    found = [run for run in runs if run.name == name] or [
        run for run in runs if name and (run.name.startswith(name) or run.name.endswith(name))
    ]
    if len(found) == 1:
        return found[0]
    what = f"There is no run {name} here." if not found else f"{len(found)} runs match {name}."
    raise UserError(what, "`mlroad runs MODEL` lists the ids. The first or last digits are enough.")


def runs_diff(before: Path, after: Path, root: Path) -> dict[str, dict[str, Pair]]:
    """For each kind of difference: name to the values in both runs; None if a run has none."""
    old, new = read_record(before) or {}, read_record(after) or {}
    metrics = metrics_of((old, new), root)
    return {
        "parameters": _changed(parameters_of(old), parameters_of(new)),
        "data": _changed(_digests(old), _digests(new)),
        "code": _code(before / "code", after / "code"),
        "environment": _changed(_surroundings(old), _surroundings(new)),
        "metrics": _changed(metrics.get(old["id"], {}), metrics.get(new["id"], {})),
        "steps": _changed(_steps(old), _steps(new)),
    }


def diff_text(found: Mapping[str, Mapping[str, Pair]], before: Path, after: Path) -> Iterator[str]:
    """The differences as tables. The durations of steps always differ, so they come last."""
    yield f"{before.name} → {after.name}"
    if not any(found.values()):
        yield "Nothing differs."
    for kind, values in found.items():
        if values:
            rows = [[f"  {name}", *map(_shown, pair), _change(*pair)] for name, pair in values.items()]
            yield f"\n{kind}\n{table(rows)}"
    if found["code"]:
        folders = f"{(before / 'code').as_posix()} {(after / 'code').as_posix()}"
        yield f"\nThe lines of the code: git diff --no-index {folders}"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Pair]:
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _digests(record: Mapping[str, Any]) -> dict[str, str]:
    inputs = (record.get("inputs") or {}).items()
    return {name: about["digest"][:19] for name, about in inputs if about.get("digest")}


def _code(old: Path, new: Path) -> dict[str, Pair]:
    """The files of the two copies of the code that differ."""
    names = sorted({path.relative_to(top) for top in (old, new) for path in top.rglob("*") if path.is_file()})
    found: dict[str, Pair] = {}
    for name in names:
        here, there = (old / name).is_file(), (new / name).is_file()
        if not (here and there and filecmp.cmp(old / name, new / name, shallow=False)):
            said = "changed" if here and there else "removed" if here else "added"
            found[Path(*name.parts[1:]).as_posix()] = (said, None)
    return found


def _surroundings(record: Mapping[str, Any]) -> dict[str, str]:
    about = {name: record.get(name) for name in ("python", "mlroad", "platform")}
    about["commit"] = ((record.get("git") or {}).get("commit") or "")[:7]
    return {name: str(value) for name, value in about.items() if value}


def _steps(record: Mapping[str, Any]) -> dict[str, str]:
    def said(step: Mapping[str, Any]) -> str:
        ran = step.get("exit_code") is not None
        return f"{step['state']} in {duration(step['seconds'])}" if ran else str(step["state"])

    return {name: said(step) for name, step in (record.get("steps") or {}).items()}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)


def _change(old: object, new: object) -> str:
    if isinstance(old, float) and isinstance(new, float):
        return f"{new - old:+.4g}"
    return ""
