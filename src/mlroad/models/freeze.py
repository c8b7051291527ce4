"""`mlroad freeze`: send rows of a dataset to a model, and keep its answers as golden cases.

Each time, freeze replaces the cases that it made. Cases that people wrote stay as they are, and so do
tolerances and the latency budget. Freezing the same run again changes no byte.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mlroad.core.files import unwritable, write_bytes
from mlroad.core.problems import UserError
from mlroad.core.run_folders import shown_root
from mlroad.core.text import count
from mlroad.data.store import find_verified
from mlroad.data.version import DatasetVersion
from mlroad.models.boundaries import boundaries
from mlroad.models.case_answers import each_answer
from mlroad.models.case_changes import changes
from mlroad.models.cases import FROZEN, Case, read_cases
from mlroad.models.decisions import Decider, find_decider
from mlroad.models.finished_run import Run, find_run
from mlroad.models.freeze_tolerances import choose_tolerances, plain
from mlroad.models.judge_cases import judge_case
from mlroad.models.model_process import Answer, ColumnSpec, ModelBroken, ModelProcess
from mlroad.models.pick import pick
from mlroad.models.suite import (
    CASES,
    FOLDER,
    SUITE,
    file_digest,
    load_suite,
    stated_latency,
    text_digest,
)
from mlroad.models.tensor_batches import join
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Limit, Tolerance, difference, shown


@dataclass(frozen=True, slots=True)
class FreezeOptions:
    """The options of `mlroad freeze`."""

    run: str | None = None
    rows: int = 20
    dataset: str = ""
    absolute: float | None = None
    retrained: float | None = None


def freeze(model_folder: Path, options: FreezeOptions) -> list[str]:
    """Write suite.yml and cases.jsonl from a run's model. Returns the lines to print.

    Raises UserError, and writes nothing, without a run or data, or for an answer that cannot be a golden one.
    """
    run = find_run(model_folder, options.run)
    root = shown_root(model_folder)
    trained, source = _data(run, options.dataset)
    used = find_verified(root, source)
    trained_version = used.version if trained == source else find_verified(root, trained).version
    _check_trained(run, trained_version)
    _check_model(run)
    old = _old_cases(model_folder)
    with ModelProcess(run.model_path) as model:
        made = _made(model, run, used.path, source, options.rows)
        tolerance, retrained, origin = choose_tolerances(
            model_folder, root, made.golden, old, (options.absolute, options.retrained), made.boundary
        )
        _check_batches(model, [*made.golden, *made.boundary], tolerance)
    kept = [case for case in old if not case.is_frozen]
    lines = [f"Kept {count(len(kept), 'case')} that freeze did not make."] if kept else []
    cases = [*made.golden, *made.boundary, *made.invalid, *kept]
    text = "".join(f"{case.text()}\n" for case in cases)
    suite: dict[str, Any] = {
        "model": run.model,
        "dataset": f"azureml:{trained}",
        "digest": trained_version.digest,
        **({} if trained == source else {"rows": f"azureml:{source}", "rows_digest": used.version.digest}),
        "cases": CASES,
        "cases_digest": text_digest(text.encode()),
        "tolerance": plain(tolerance),
        "retrained": plain(retrained),
        **_stated_latency(model_folder, root),
    }
    _write(model_folder / FOLDER, text, _suite_text(suite))
    lines += [
        f"{count(len(made.golden), 'golden case')} from {source}, answered by the run {run.id}.",
        f"{count(len(made.boundary), 'boundary case')}: {made.about_boundary}",
        f"{count(len(made.invalid), 'invalid case')}: {', '.join(its.id for its in made.invalid) or 'none'}.",
        *(f"Not frozen, because the model answers it: {what}." for what in made.accepted),
        f"{origin}: tolerance {_flow(plain(tolerance))}, retrained {_flow(plain(retrained))}.",
    ]
    if made.incomplete:
        lines.append(f"{count(made.incomplete, 'row')} left out: a value that the model needs is missing.")
    return [*lines, *changes(old, cases), f"Wrote {(model_folder / FOLDER / SUITE).as_posix()} and {CASES}."]


def accept(model_folder: Path) -> list[str]:
    """Accept the edited cases.jsonl: check it, and write its digest into suite.yml.

    Raises UserError with every mistake in either file.
    """
    suite, problems = load_suite(model_folder, shown_root(model_folder), sealed=False)
    if suite is None:
        raise UserError(problems)
    digest = file_digest(suite.cases_file)
    text = suite.file.read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if line.startswith("cases_digest:"))
    new = f"cases_digest: {digest}"
    if old == new:
        return [f"{suite.cases_file.as_posix()} has not changed since it was frozen; nothing to do."]
    _replace(suite.file, text.replace(old, new, 1))
    return [f"Accepted {count(len(suite.cases), 'case')} of {suite.cases_file.as_posix()} as they are now."]


def _data(run: Run, asked: str) -> tuple[str, str]:
    """What the model was trained on, and where the rows come from, both as ``name:version``."""
    asked = asked.removeprefix("azureml:")
    datasets = list(run.datasets())
    if asked in datasets:
        return asked, asked
    if not datasets:
        raise UserError(
            f"The run {run.id} names no dataset version, so golden answers would have no known origin.",
            "Make a version (`mlroad dataset add`), name it in pipeline.yml, and run again.",
        )
    if len(datasets) > 1:
        raise UserError(
            f"The run {run.id} read several datasets: {', '.join(datasets)}.",
            "Name the one to take the requests from: --dataset NAME:VERSION.",
        )
    return datasets[0], asked or datasets[0]


def _check_trained(run: Run, version: DatasetVersion) -> None:
    if run.datasets()[version.id] != version.digest:
        raise UserError(
            f"{version.id} has changed since the run {run.id} read it.", "Run the pipeline again."
        )


def _check_model(run: Run) -> None:
    if not (run.model_path / "MLmodel").is_file():
        place = run.model_path.as_posix()
        what = f"The run {run.id} has no model to freeze: there is no MLflow model at {place}."
        fix = "Run the whole pipeline. It needs an output `model` of type mlflow_model."
        raise UserError(what, fix)


def _columns(model: ModelProcess, run: Run) -> list[ColumnSpec]:
    try:
        columns = model.load()
    except ModelBroken as error:
        raise UserError(f"The model of the run {run.id} cannot be loaded: {error}.") from None
    if not columns:
        raise UserError(
            f"The model of the run {run.id} has no signature, so its input columns are unknown.",
            "Save it with `signature=infer_signature(features, model.predict(features))`, and run again.",
        )
    for column in columns:
        if not column.name or not column.datatype:
            name = column.name or "a column without a name"
            raise UserError(
                f"The model reads {name} as {column.type}, which inference tests do not support.",
                "They support named columns of boolean, integer, long, float, double and string.",
            )
    return columns


@dataclass(frozen=True, slots=True)
class _Made:
    """The cases that were made."""

    golden: list[Case]
    boundary: list[Case]
    about_boundary: str
    invalid: list[Case]
    accepted: list[str]
    """Descriptions of invalid requests that the model answers."""
    incomplete: int
    """Rows that cannot be requests because a value is missing."""


def _made(model: ModelProcess, run: Run, path: Path, source: str, rows: int) -> _Made:
    columns = _columns(model, run)
    strata = _Strata(model)
    picked = pick(path, source, columns, rows, strata.strata_of)
    golden = _distinct(
        [
            _golden(model, request, "golden", tag)
            for request, tag in zip(picked.requests, picked.tags, strict=True)
        ]
    )
    boundary, about = [], "no output is a label or a probability."
    if strata.decider:
        boundary = _distinct(_boundary(model, strata.decider, golden))
        about = "on both sides of a threshold." if boundary else "no threshold was found between the rows."
    invalid, accepted = _invalid(model, columns, golden[0].inputs)
    return _Made(golden, boundary, about, invalid, accepted, picked.incomplete)


def _check_batches(model: ModelProcess, cases: Sequence[Case], tolerance: Tolerance) -> None:
    for case, answers in each_answer(model, cases):
        result = judge_case(case, answers, tolerance, in_batch=True)
        if not result.passed:
            row = ", ".join(f"{tensor.name}={shown(tensor.data[0])}" for tensor in case.inputs[:4])
            raise UserError(
                f"The model answers a row ({row} …) otherwise if others are asked with it: {result.what}",
                "Golden answers need a model that answers each row by itself.",
            )


class _Strata:
    """The strata of requests, by the model's answers to all of them in one batch."""

    def __init__(self, model: ModelProcess) -> None:
        self._model = model
        self.decider: Decider | None = None

    def strata_of(self, requests: Sequence[tuple[Tensor, ...]]) -> list[str] | None:
        """By decision, or by fifths of the answers; None if the model does not answer the whole batch."""
        if len({tuple((its.name, its.datatype) for its in request) for request in requests}) > 1:
            return None
        outputs = self._model.answer(join(requests)).outputs
        if not outputs or any(tensor.shape[:1] != (len(requests),) for tensor in outputs):
            return None
        self.decider = find_decider(outputs, len(requests))
        if self.decider:
            return self.decider.decisions(outputs)
        if outputs[0].family not in {"number", "integer"}:
            return None
        values = np.array(outputs[0].data, dtype=float).reshape(len(requests), -1)[:, 0]
        return [str(5 * place // len(values)) for place in values.argsort(kind="stable").argsort()]


def _boundary(model: ModelProcess, decider: Decider, golden: Sequence[Case]) -> list[Case]:
    """Cases on both sides of a threshold: one threshold for ten golden cases."""
    by_decision: dict[str, list[Sequence[Tensor]]] = {}
    for case in golden:
        by_decision.setdefault(decider.decisions(case.expected)[0], []).append(case.inputs)

    def decide(request: Sequence[Tensor]) -> str:
        answer = model.answer(request)
        found = decider.decisions(answer.outputs) if answer.outputs else []
        return found[0] if found else "refused"

    wanted = max(1, len(golden) // 10)
    found = boundaries(decide, by_decision, wanted)
    return [_golden(model, request, "boundary", tag) for request, tag in found]


def _golden(model: ModelProcess, request: Sequence[Tensor], kind: str, tag: str) -> Case:
    """The golden case of a request. Raises UserError if its answer cannot be a golden one."""
    row = ", ".join(f"{tensor.name}={tensor.data[0]}" for tensor in request[:4])
    answer, again = (_outputs_of(model.answer(request), row) for _ in range(2))
    for tensor in answer:
        if any(isinstance(value, float) and not math.isfinite(value) for value in tensor.data):
            raise UserError(
                f"The model answers NaN or infinity to a row of the data ({row} …): {tensor.name}."
            )
    if said := difference(answer, again, Tolerance(Limit(relative=1e-6))):
        raise UserError(
            f"The model gives two answers to the same request ({row} …): {said}",
            "Golden answers need a model that always gives the same answer.",
        )
    about = json.dumps([tensor.json() for tensor in request], sort_keys=True)
    identity = f"{FROZEN[kind]}{hashlib.sha256(about.encode()).hexdigest()[:12]}"
    return Case(identity, kind, tuple(request), answer, tags=(tag,))


def _outputs_of(answer: Answer, row: str) -> tuple[Tensor, ...]:
    if answer.outputs is None:
        raise UserError(f"The model refuses a row of the data ({row} …): {answer.refused}.")
    return answer.outputs


def _distinct(cases: Sequence[Case]) -> list[Case]:
    return list({case.id: case for case in cases}.values())


def _invalid(
    model: ModelProcess, columns: Sequence[ColumnSpec], request: Sequence[Tensor]
) -> tuple[list[Case], list[str]]:
    """The invalid requests that the model refuses, as cases, and descriptions of those that it answers."""
    cases: list[Case] = []
    accepted: list[str] = []
    for name, what, inputs in _attempts(columns, request):
        answer = model.answer(inputs)
        if answer.ended:
            raise UserError(f"The model ends its process when it gets {what}: {answer.refused}.")
        if answer.outputs is None:
            cases.append(Case(f"{FROZEN['invalid']}{name}", "invalid", tuple(inputs)))
        else:
            accepted.append(what)
    return cases, accepted


def _attempts(
    columns: Sequence[ColumnSpec], request: Sequence[Tensor]
) -> Iterator[tuple[str, str, list[Tensor]]]:
    there = {tensor.name: tensor for tensor in request}
    required = [column for column in columns if column.required and column.name in there]

    def with_other(name: str, datatype: str, value: bool | float | str) -> list[Tensor]:
        return [replace(t, datatype=datatype, data=(value,)) if t.name == name else t for t in request]

    if required:
        name = required[0].name
        yield f"missing-{name}", f"a request without {name}", [t for t in request if t.name != name]
    for datatypes, label, datatype, value in (
        (("FP32", "FP64", "INT32", "INT64"), "a text for the number", "BYTES", "many"),
        (("INT32", "INT64"), "a fraction for the whole number", "FP64", 1.5),
        (("BYTES",), "a number for the text", "FP64", 1.5),
        (("BOOL",), "a text for the boolean", "BYTES", "perhaps"),
    ):
        found = next((c.name for c in columns if c.name in there and c.datatype in datatypes), None)
        if found is not None:
            word = label.split()[1]
            yield f"{word}-for-{found}", f"{label} {found}", with_other(found, datatype, value)


def _old_cases(model_folder: Path) -> list[Case]:
    """The existing cases. Raises UserError if they cannot be read: people may have written some of them."""
    file = model_folder / FOLDER / CASES
    if not file.is_file():
        return []
    cases, problems = read_cases(file)
    if problems:
        raise UserError(problems)
    return cases


def _stated_latency(model_folder: Path, root: Path) -> dict[str, Any]:
    budget = stated_latency(model_folder, root)
    return {} if budget is None else {"latency": {"p95_ms": budget}}


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.strip().removesuffix("...").strip()


def _suite_text(suite: dict[str, Any]) -> str:
    lines = ["# By `mlroad freeze`. You may edit the tolerances: `mlroad help reference/inference-tests`."]
    lines += [f"{key}: {_flow(value)}" for key, value in suite.items()]
    return "\n".join(lines) + "\n"


def _write(folder: Path, cases: str, suite: str) -> None:
    """Write both files or none. After a kill between the two, their digests differ, and tests refuse them."""
    folder.mkdir(exist_ok=True)
    old = (folder / CASES).read_bytes() if (folder / CASES).is_file() else None
    _replace(folder / CASES, cases)
    try:
        _replace(folder / SUITE, suite)
    except BaseException:
        with contextlib.suppress(OSError):
            if old is None:
                (folder / CASES).unlink()
            else:
                (folder / CASES).write_bytes(old)
        raise


def _replace(file: Path, text: str) -> None:
    """Write a file, unless it has this content already. Raises UserError."""
    content = text.encode()
    try:
        if not file.is_file() or file_digest(file) != text_digest(content):
            write_bytes(file, content)
    except OSError as error:
        raise unwritable(file, error) from None
