"""What a factory needs beyond a prototype: drafts of data.yml, gates.yml and unit tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mlroad.core.files import write_text
from mlroad.core.problems import UserError
from mlroad.core.text import some
from mlroad.core.yaml_nodes import MapNode, read_yaml, scalars, with_values
from mlroad.data.sql import TableEngine
from mlroad.data.store import find, find_verified
from mlroad.data.version_tables import open_version
from mlroad.gate.draft_files import DraftFacts, draft_factory_files
from mlroad.gate.draft_gates import Figure, GateFacts, figures_of, with_guess
from mlroad.gate.gates_file import FILE as GATES
from mlroad.gate.gates_file import load_gates
from mlroad.models.metric_names import Task, metric_of
from mlroad.pipeline.model import CommandComponent
from mlroad.promote.place_datasets import prod_version
from mlroad.promote.question import Question, dataset_inputs, pipeline_of, question_of
from mlroad.promote.take import Taken
from mlroad.run.model_folder import Stage, load_data
from mlroad.steps.components import scalar

BY = "mlroad promote"
_LEAST_MARGIN = 0.02
_MARGIN = 0.1
"""How far a figure may be off if it was not measured here, as a fraction of it."""


def model_question(stage: Path, taken: Taken, target: str, recorded: Iterable[str]) -> Question | None:
    """The task of a model in the stage, and what it predicts; None if that is not clear."""
    rows = _rows(stage, taken.training_data) if taken.training_data else None
    return question_of(stage / "models" / taken.name, rows, target, recorded)


def write_drafts(
    stage: Path,
    name: str,
    question: Question | None,
    recorded: Mapping[str, float],
    runtimes: Sequence[str] = ("pyfunc",),
) -> list[str]:
    """Write what is missing; returns the names of the new files. Raises UserError.

    ``runtimes`` are those in which a drafted gates.yml requires the inference tests.
    """
    folder = stage / "models" / name
    job = pipeline_of(folder)
    dev = dataset_inputs(job)
    if not dev:
        what = f"pipeline.yml of {name} names no dataset version, so nothing can be judged on it."
        raise UserError(what, "In the prototype: `mlroad dataset add`, and name the version in pipeline.yml.")
    data: dict[str, dict[Stage, str]] = {}
    if not (folder / "data.yml").is_file():
        data = {key: {"dev": it, "prod": prod_version(stage, it)} for key, it in dev.items()}
    gates = None
    if not (folder / GATES).is_file():
        gates = replace(_unmeasured(stage, name, dev, question, recorded), runtimes=runtimes)
    outputs = [
        f"{step.name}.{it}"
        for step in job.steps.values()
        if isinstance(step.component, CommandComponent)
        for it in step.component.outputs
    ]
    written = draft_factory_files(folder, name, DraftFacts(BY, gates, data, outputs))
    return [file.relative_to(stage).as_posix() for file in written]


def update_data(stage: Path, name: str) -> None:
    """Name in data.yml, if there is one, the versions for dev that pipeline.yml names now."""
    folder = stage / "models" / name
    file = folder / "data.yml"
    if not file.is_file():
        return
    load_data(file)
    top, _ = read_yaml(file)
    assert isinstance(top, MapNode)
    named = dict(scalars(top))
    changed, added = {}, ""
    for key, version in dataset_inputs(pipeline_of(folder)).items():
        if node := named.get((key, "dev")):
            changed[node] = f"azureml:{version}"
        else:
            prod = prod_version(stage, version)
            added += f"\n{scalar(key)}:\n  dev: azureml:{version}\n  prod: azureml:{prod}"
    text = with_values(top.source.text, changed)
    write_text(file, f"{text.rstrip()}{added}\n" if added else text)


def write_measured_gates(
    folder: Path, question: Question, verdict: Mapping[str, Any], runtimes: Sequence[str]
) -> None:
    """Write gates.yml again, with limits from a verdict on the model. Raises UserError without figures."""
    # A perfect model on few rows has an interval without any width, and no model would ever reach it again.
    figures = {
        name: replace(its, margin=max(its.margin, _LEAST_MARGIN * abs(its.value)))
        for name, its in figures_of(verdict).items()
    }
    if not figures:
        told = "; ".join(it["what"] for it in verdict["checks"] if it["result"] == "broken")
        raise UserError(f"The gate could not measure {folder.name} on its holdout: {told}.")
    stage, file = folder.parent.parent, folder / GATES
    slice_by = next((gate.column for gate in load_gates(file).slices), "")
    holdout = _holdout(stage, dataset_inputs(pipeline_of(folder)))
    facts = GateFacts(
        question.task, question.targets, holdout, figures, False, slice_by, question.more, runtimes
    )
    file.unlink()
    draft_factory_files(folder, folder.name, DraftFacts(BY, facts, {}, ()))


def _unmeasured(
    stage: Path,
    name: str,
    dev: Mapping[str, str],
    question: Question | None,
    recorded: Mapping[str, float],
) -> GateFacts:
    """The facts for gates.yml from the prototype's figures, or else from a guess."""
    if question is None:
        what = f"The metrics, the tests and the data of {name} do not tell which column it predicts."
        raise UserError(what, "Name it: --target COLUMN.")
    facts = GateFacts(question.task, question.targets, _holdout(stage, dev), more=question.more)
    guessed = with_guess(stage, facts)
    if known := [it for it in question.metrics(recorded) if _in_range(it, question.task, recorded[it])]:
        figures = {it: Figure(recorded[it], abs(recorded[it]) * _MARGIN or _MARGIN) for it in known}
        return replace(guessed, figures=figures, is_guess=False)
    return replace(guessed, figures={it: guessed.figures[it] for it in question.metrics(guessed.figures)})


def _in_range(name: str, task: Task, value: float) -> bool:
    """Whether a figure can be one of the gate's: a prototype may measure it in percent."""
    metric = metric_of(name, task)
    return metric is not None and metric.low <= value <= metric.high


def _holdout(stage: Path, dev: Mapping[str, str]) -> str:
    found = [it for version in dev.values() if (it := find(stage, version).holdout)]
    if not found:
        fix = "In the prototype: `mlroad dataset split`, and name the training side in pipeline.yml."
        raise UserError(f"None of {some(list(dev.values()))} has a holdout.", fix)
    return found[0]


def _rows(stage: Path, reference: str) -> pd.DataFrame | None:
    """The rows of a version that is a table."""
    if find(stage, reference).rows is None:
        return None
    with TableEngine() as engine:
        table = open_version(engine, find_verified(stage, reference))
        rows = engine.rows(f"SELECT * FROM {table.view}")  # noqa: S608 (the engine's own name)
        return pd.DataFrame(rows, columns=[column.name for column in table.columns])
