"""`mlroad freeze`: ask a model about rows of a dataset, and keep the answers as golden cases.

Golden cases, and the invalid ones that freeze makes itself, are made anew each time; cases that people wrote
stay as they are, and so do tolerances. Freezing the same run again changes no byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mlroad.core.files import unwritable, write_bytes
from mlroad.core.problems import UserError
from mlroad.core.run_folders import root_of
from mlroad.core.text import count
from mlroad.data.store import find_verified
from mlroad.data.version import DatasetVersion
from mlroad.models.cases import FROZEN_INVALID, Case, read_cases
from mlroad.models.pick import pick
from mlroad.models.subject import ColumnSpec, Run, Subject, find_run, reason_of
from mlroad.models.suite import (
    CASES,
    FOLDER,
    SUITE,
    file_digest,
    load_suite,
    stated_tolerances,
    text_digest,
)
from mlroad.models.tensors import Tensor, Value
from mlroad.models.tolerance import Limit, Tolerance, difference

_SAME = 0.005
_RETRAINED = 0.15
_DIFFER = 0.2
_LABELS = 10
"""An output with at most as many values, all whole and each given twice on average, is taken for a label."""


@dataclass(frozen=True, slots=True)
class Order:
    """What `freeze` was asked for."""

    run: str | None = None
    rows: int = 20
    dataset: str = ""
    absolute: float | None = None
    retrained: float | None = None


def freeze(model_folder: Path, order: Order) -> list[str]:
    """Write suite.yml and cases.jsonl from a run's model; lines for people.

    Raises UserError, and writes nothing, if there is no run, no data, or an answer that cannot be kept.
    """
    run = find_run(model_folder, order.run)
    root = _root(model_folder)
    trained, source = _data(run, order.dataset)
    used = find_verified(root, source)
    trained_version = used.version if trained == source else find_verified(root, trained).version
    _check_trained(run, trained_version)
    model = _load(run)
    columns = _columns(model, run)
    picked = pick(used.path, source, columns, order.rows)
    golden = [_golden(model, request) for request in picked.requests]
    invalid, taken = _invalid(model, columns, golden[0].inputs)
    old = _old_cases(model_folder)
    kept = [case for case in old if not case.is_frozen]
    lines = [f"Kept {count(len(kept), 'case')} that freeze did not make."] if kept else []
    cases = [*_distinct(golden), *invalid, *kept]
    tolerance, retrained, said = _tolerances(model_folder, root, golden, old, order)
    text = "".join(f"{case.text()}\n" for case in cases)
    suite: dict[str, Any] = {
        "model": run.model,
        "dataset": f"azureml:{trained}",
        "digest": trained_version.digest,
        **({} if trained == source else {"rows": f"azureml:{source}", "rows_digest": used.version.digest}),
        "cases": CASES,
        "cases_digest": text_digest(text.encode()),
        "tolerance": _plain(tolerance),
        "retrained": _plain(retrained),
    }
    _write(model_folder / FOLDER, text, _suite_text(suite))
    lines += [
        f"{count(len(_distinct(golden)), 'golden case')} from {source}, answered by the run {run.id}.",
        f"{count(len(invalid), 'invalid case')}: {', '.join(case.id for case in invalid) or 'none'}.",
        *(f"Not frozen, because the model answers it: {what}." for what in taken),
        *said,
    ]
    if picked.incomplete:
        lines.append(f"{count(picked.incomplete, 'row')} left out: a value that the model needs is missing.")
    return [*lines, f"Wrote {(model_folder / FOLDER / SUITE).as_posix()} and {CASES}."]


def accept(model_folder: Path) -> list[str]:
    """Take cases.jsonl as it was edited: check it, and write its digest into suite.yml.

    Raises UserError with every mistake in either file.
    """
    suite, problems = load_suite(model_folder, _root(model_folder), sealed=False)
    if suite is None:
        raise UserError(problems)
    digest = file_digest(suite.cases_file)
    text = suite.file.read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if line.startswith("cases_digest:"))
    new = f"cases_digest: {digest}"
    if old == new:
        return [f"{suite.cases_file.as_posix()} is as it was frozen; nothing to do."]
    _replace(suite.file, text.replace(old, new, 1))
    return [f"Accepted {count(len(suite.cases), 'case')} of {suite.cases_file.as_posix()} as they are now."]


def _root(model_folder: Path) -> Path:
    root = root_of(model_folder / "pipeline.yml")
    return Path() if root == Path.cwd() else root


def _data(run: Run, asked: str) -> tuple[str, str]:
    """What the model was trained on, and where the rows come from, both as ``name:version``."""
    asked = asked.removeprefix("azureml:")
    datasets = list(run.datasets())
    if asked in datasets:
        return asked, asked
    if not datasets:
        raise UserError(
            f"The run {run.id} names no dataset version, so nobody could say what its answers are of.",
            "Make a version (`mlroad dataset add`), name it in pipeline.yml, and run again.",
        )
    if len(datasets) > 1:
        raise UserError(
            f"The run {run.id} read several datasets: {', '.join(datasets)}.",
            "Say which of them the requests are made from: --dataset NAME:VERSION.",
        )
    return datasets[0], asked or datasets[0]


def _check_trained(run: Run, version: DatasetVersion) -> None:
    if run.datasets()[version.id] != version.digest:
        raise UserError(f"The run {run.id} read another {version.id} than there is now.", "Run it again.")


def _load(run: Run) -> Subject:
    try:
        return Subject(run.model_path)
    except FileNotFoundError as error:
        fix = "The pipeline needs an output `model` of type mlflow_model."
        raise UserError(f"The run {run.id} has no model to freeze: {error}.", fix) from None
    except Exception as error:  # the model's code is anybody's
        raise UserError(f"The model of the run {run.id} cannot be loaded: {reason_of(error)}.") from None


def _columns(model: Subject, run: Run) -> list[ColumnSpec]:
    if not model.columns:
        raise UserError(
            f"The model of the run {run.id} has no signature, so nobody knows what a request to it holds.",
            "Save it with `signature=infer_signature(features, model.predict(features))`, and run again.",
        )
    for column in model.columns:
        if not column.name or not column.datatype:
            name = column.name or "a column without a name"
            raise UserError(
                f"The model reads {name} as {column.type}, which inference tests do not support.",
                "They support named columns of boolean, integer, long, float, double and string.",
            )
    return model.columns


def _golden(model: Subject, request: Sequence[Tensor]) -> Case:
    """The case of a request. Raises UserError if the model refuses it, or answers what cannot be kept."""
    row = ", ".join(f"{tensor.name}={tensor.data[0]}" for tensor in request[:4])
    try:
        answer, again = model.answer(request), model.answer(request)
    except Exception as error:  # the model's code is anybody's
        raise UserError(f"The model refuses a row of the data ({row} …): {reason_of(error)}.") from None
    for tensor in answer:
        if any(isinstance(value, float) and not math.isfinite(value) for value in tensor.data):
            raise UserError(
                f"The model answers NaN or infinity to a row of the data ({row} …): {tensor.name}."
            )
    if said := difference(answer, again, Tolerance(Limit(relative=1e-6))):
        raise UserError(
            f"The model answers the same request in two ways ({row} …): {said}",
            "A golden answer needs a model that answers alike each time.",
        )
    about = json.dumps([tensor.json() for tensor in request], sort_keys=True)
    identity = f"golden-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
    return Case(identity, "golden", tuple(request), tuple(answer))


def _distinct(cases: Sequence[Case]) -> list[Case]:
    return list({case.id: case for case in cases}.values())


def _invalid(
    model: Subject, columns: Sequence[ColumnSpec], request: Sequence[Tensor]
) -> tuple[list[Case], list[str]]:
    """The invalid requests that the model refuses, as cases, and those that it answers, in words."""
    cases: list[Case] = []
    taken: list[str] = []
    for name, what, inputs in _attempts(columns, request):
        try:
            model.answer(inputs)
        except Exception:  # it refuses, as it should
            cases.append(Case(f"{FROZEN_INVALID}{name}", "invalid", tuple(inputs)))
        else:
            taken.append(what)
    return cases, taken


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
    """The cases that are there. Raises UserError if they cannot be read: people may have written some."""
    file = model_folder / FOLDER / CASES
    if not file.is_file():
        return []
    cases, problems = read_cases(file)
    if problems:
        raise UserError(problems)
    return cases


def _tolerances(
    model_folder: Path, root: Path, golden: Sequence[Case], before: Sequence[Case], order: Order
) -> tuple[Tolerance, Tolerance, list[str]]:
    """What to allow: what was asked for, else what the suite says already, else a share of the range."""
    old = stated_tolerances(model_folder, root)
    same, other = _defaults(golden)
    # Limits in the unit of other outputs, or for numbers where there are labels now, mean nothing.
    if old and _outputs(before) in ({}, _outputs(golden)):
        same, other = old
        said = "Tolerances as they were"
    else:
        said = "Tolerances: 0.5 % of the answers' range, retrained 15 %"
    if order.absolute is not None and order.retrained is not None:
        said = "Tolerances"
    if order.absolute is not None:
        same = Tolerance(Limit(order.absolute))
    if order.retrained is not None:
        other = Tolerance(Limit(order.retrained), may_differ=other.may_differ)
    lines = [f"{said}: tolerance {_flow(_plain(same))}, retrained {_flow(_plain(other))}."]
    return same, other, lines


def _outputs(cases: Sequence[Case]) -> dict[str, str]:
    return {tensor.name: tensor.family for case in cases for tensor in case.expected}


def _defaults(golden: Sequence[Case]) -> tuple[Tolerance, Tolerance]:
    """0.5 % and 15 % of the range of each output. Labels have to be equal; retrained, a fifth may differ."""
    same: dict[str, Limit] = {}
    other: dict[str, Limit] = {}
    labels = False
    for place, tensor in enumerate(golden[0].expected):
        values = [value for case in golden for value in case.expected[place].data]
        if _are_labels(values):
            labels = True
            same[tensor.name] = other[tensor.name] = Limit()
            continue
        numbers = [float(value) for value in values]
        span = max(numbers) - min(numbers) or max(abs(max(numbers)), 1e-6)
        same[tensor.name] = Limit(_rounded(_SAME * span))
        other[tensor.name] = Limit(_rounded(_RETRAINED * span))
    share = _DIFFER if labels else 0.0
    if len(same) == 1:
        (name,) = same
        return Tolerance(same[name]), Tolerance(other[name], may_differ=share)
    return Tolerance(outputs=same), Tolerance(outputs=other, may_differ=share)


def _are_labels(values: Sequence[Value]) -> bool:
    if any(isinstance(value, str | bool) for value in values):
        return True
    distinct = len(set(values))
    return (
        distinct <= _LABELS
        and 2 * distinct <= len(values)
        and all(float(value).is_integer() for value in values)
    )


def _rounded(value: float) -> float:
    """Up to one significant digit."""
    power = math.floor(math.log10(value))
    digit = math.ceil(round(value / 10.0**power, 9))
    return float(f"{digit}e{power}")


def _plain(tolerance: Tolerance) -> dict[str, Any]:
    def limit(of: Limit) -> dict[str, float]:
        relative = {"relative": of.relative} if of.relative else {}
        return {**({} if relative and not of.absolute else {"absolute": of.absolute}), **relative}

    plain: dict[str, Any] = {} if tolerance.outputs and tolerance.limit == Limit() else limit(tolerance.limit)
    if tolerance.outputs:
        plain["outputs"] = {name: limit(of) for name, of in tolerance.outputs.items()}
    if tolerance.may_differ:
        plain["may_differ"] = tolerance.may_differ
    return plain


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    )
    return text.strip().removesuffix("...").strip()


def _suite_text(suite: dict[str, Any]) -> str:
    lines = ["# By `mlroad freeze`. The tolerances are yours to change: docs/reference/inference-tests.md."]
    lines += [f"{key}: {_flow(value)}" for key, value in suite.items()]
    return "\n".join(lines) + "\n"


def _write(folder: Path, cases: str, suite: str) -> None:
    """Both files or none: what a kill between the two leaves is refused, since their digests differ."""
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
