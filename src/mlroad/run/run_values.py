"""The parameters and metrics of earlier runs, read from run.json and from MLflow as they are."""

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlroad.run.tracking_address import tracking_uri

_SQLITE = "sqlite:///"


def parameters_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The values of a run: inputs of the pipeline by name, and literal inputs of steps as ``step.input``."""
    found = {str(name): str(value) for name, value in (record.get("parameters") or {}).items()}
    for name, about in (record.get("inputs") or {}).items():
        if shown := _data(about):
            found[str(name)] = shown
    for step, about in (record.get("steps") or {}).items():
        for name, given in (about.get("inputs") or {}).items():
            if "value" in given and found.get(name) != str(given["value"]):
                found[f"{step}.{name}"] = str(given["value"])
    return found


def differing(values: Iterable[Mapping[str, str]]) -> list[str]:
    """The names whose value is not the same in all that have one, in the order of the first occurrence."""
    seen: dict[str, set[str]] = {}
    for one in values:
        for name, value in one.items():
            seen.setdefault(name, set()).add(value)
    return [name for name, different in seen.items() if len(different) > 1]


def short_names(names: Iterable[str]) -> dict[str, str]:
    """``step.input`` as ``input`` where that is clear."""
    listed = list(names)
    last = [name.rpartition(".")[2] for name in listed]
    return {name: short if last.count(short) == 1 else name for name, short in zip(listed, last, strict=True)}


def metrics_of(records: Iterable[Mapping[str, Any]], root: Path) -> dict[str, dict[str, float]]:
    """The metrics that the steps of each run logged, by the run's id.

    A metric that two steps logged under one name has the step before its name.
    """
    listed = list(records)
    stores: dict[str, dict[str, dict[str, float]]] = {}
    for uri in {_uri(record, root) for record in listed}:
        ids = [run for record in listed if _uri(record, root) == uri for run in _mlflow_runs(record).values()]
        stores[uri] = _logged(uri, ids)
    return {record["id"]: _named(record, stores[_uri(record, root)]) for record in listed}


def _named(record: Mapping[str, Any], logged: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    by_step = {step: logged.get(run, {}) for step, run in _mlflow_runs(record).items()}
    names = [name for values in by_step.values() for name in values]
    return {
        name if names.count(name) == 1 or not step else f"{step}.{name}": value
        for step, values in by_step.items()
        for name, value in values.items()
    }


def _mlflow_runs(record: Mapping[str, Any]) -> dict[str, str]:
    """Step to the id of its MLflow run; an empty name for the run of the pipeline."""
    steps = {step: about.get("mlflow_run_id") for step, about in (record.get("steps") or {}).items()}
    runs = {"": (record.get("mlflow") or {}).get("run_id"), **steps}
    return {step: run for step, run in runs.items() if run}


def _uri(record: Mapping[str, Any], root: Path) -> str:
    return (record.get("mlflow") or {}).get("tracking_uri") or tracking_uri(root.resolve())


def _logged(uri: str, runs: list[str]) -> dict[str, dict[str, float]]:
    if not runs:
        return {}
    if uri.startswith(_SQLITE):
        return _in_sqlite(Path(uri.removeprefix(_SQLITE)), runs)
    from mlflow.exceptions import MlflowException  # seconds, for a tracking server only
    from mlflow.tracking import MlflowClient

    client, found = MlflowClient(uri), {}
    with contextlib.suppress(MlflowException):
        for run in runs:
            found[run] = client.get_run(run).data.metrics
    return found


def _in_sqlite(file: Path, runs: list[str]) -> dict[str, dict[str, float]]:
    """Read without MLflow, whose import takes seconds. A store that cannot be read has no metrics."""
    found: dict[str, dict[str, float]] = {}
    if not file.is_file():
        return found
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as store,
    ):
        for i in range(0, len(runs), 500):
            part = runs[i : i + 500]
            marks = ",".join("?" * len(part))
            query = f"select run_uuid, key, value, is_nan from latest_metrics where run_uuid in ({marks})"  # noqa: S608
            for run, name, value, is_nan in store.execute(query, part):
                found.setdefault(run, {})[name] = float("nan") if is_nan else value
    return found


def _data(about: Mapping[str, Any]) -> str:
    """A data input: its dataset, or the name of its file or folder with the start of its digest."""
    if about.get("dataset"):
        return str(about["dataset"])
    path, digest = Path(str(about.get("path") or "")), str(about.get("digest") or "")
    return f"{path.name} {digest.rpartition(':')[2][:7]}".strip()
