"""Rules on the values that reach the inputs: types, ranges, missing data."""

from collections.abc import Mapping

from mlroad.core.text import nearest
from mlroad.pipeline.findings import Findings, a, suggest
from mlroad.pipeline.model import (
    LITERAL_TYPES,
    Binding,
    CommandComponent,
    DataAsset,
    DataPath,
    InputPort,
    Literally,
    PipelineComponent,
    PipelineJob,
    RemoteData,
    Step,
    Template,
    Value,
)
from mlroad.pipeline.ports import UNKNOWN, coerce, never_fit, out_of_range
from mlroad.pipeline.repo_index import RepoIndex, exists, is_file, is_folder, near_path
from mlroad.pipeline.rules_command import check_text
from mlroad.pipeline.scope import Scope, input_port, nested, uses_of

_MODELS = {"mlflow_model", "custom_model", "triton_model"}


def check_values(job: PipelineJob, repo: RepoIndex, out: Findings) -> None:
    """Check all values in the pipeline, followed to the inputs that they reach."""
    for name, port in job.inputs.items():
        value = job.values.get(name)
        if isinstance(value, Binding | Template):
            fix = "Write a value, or a path."
            out.error(value.at, "MR210", f"A pipeline job has no parent that could set {name}.", fix)
        elif value is not None:
            _data(value, repo, out)
        elif port.default is None and any(uses_of(job, name)):
            what = f"The pipeline's input {name} has no value."
            out.error(
                port.at, "MR215", what, f"Add `path: …`, or give one with --input {name}=… when it runs."
            )
    levels: tuple[Scope, ...] = (job, *nested(job))
    for level in levels:
        check_given(level, repo, out)
    _follow(job, job.values, out)


def check_given(scope: Scope, repo: RepoIndex, out: Findings) -> None:
    """Check the data that the steps of one level name directly."""
    for step in scope.steps.values():
        for value in step.inputs.values():
            _data(value, repo, out)


def follow_defaults(scope: PipelineComponent, out: Findings) -> None:
    """Check the literals in a pipeline component, and its defaults, against the inputs that they reach."""
    _follow(scope, _defaults(scope, {}), out)


def _defaults(scope: PipelineComponent, given: Mapping[str, Value]) -> dict[str, Value]:
    """The values of the inputs of a pipeline component: those given, else its own defaults."""
    values: dict[str, Value] = {
        port.name: Literally(port.default, port.at)
        for port in scope.inputs.values()
        if port.default is not None
    }
    values.update(given)
    return values


def _follow(scope: Scope, values: Mapping[str, Value], out: Findings) -> None:
    for step in scope.steps.values():
        reached: dict[str, Value] = {}
        for name, given in step.inputs.items():
            value: Value | None = given
            if isinstance(given, Binding):
                value = values.get(given.name) if given.kind == "parent_input" else None
            port = input_port(step, name)
            if value is None or isinstance(value, Binding):
                continue
            reached[name] = value
            # Data bound to a literal is reported where the two are bound.
            if port is not None and (given is value or isinstance(value, Literally)):
                _fits(step, port, value, bound=given is not value, out=out)
        if isinstance(step.component, PipelineComponent):
            _follow(step.component, _defaults(step.component, reached), out)


def _fits(step: Step, port: InputPort, value: Value, *, bound: bool, out: Findings) -> None:
    if port.type == UNKNOWN:
        return
    where = f"{port.name} of {step.name}"
    if port.type in LITERAL_TYPES:
        if isinstance(value, Literally):
            _literal(where, port, value, out)
            if isinstance(step.component, CommandComponent) and isinstance(value.value, str):
                check_text(step.component, port.name, value.value, value.at, out)
        elif isinstance(value, DataPath | DataAsset | RemoteData):
            what = f"{where} is {a(port.type)}, not data."
            out.error(value.at, "MR224", what, f"Write `{port.name}: VALUE` in one line, or change its type.")
    elif isinstance(value, Literally) and not bound:
        what = f'{where} is {a(port.type)}, so the value "{value.text}" is not valid here.'
        fix = f"Write below {port.name}:, indented, `type: {port.type}` and `path: {value.text}`."
        out.error(value.at, "MR224", what, fix)
    elif isinstance(value, DataPath) and not value.typed and exists(value.path):
        _kind_of_path(value, port.type, out)
    elif isinstance(value, DataPath | DataAsset | RemoteData) and value.typed and not bound:
        _form(where, port, value, out)


def _form(where: str, port: InputPort, value: DataPath | DataAsset | RemoteData, out: Findings) -> None:
    if never_fit(port.type, value.type):
        what = f"{where} is {a(port.type)}, not {a(value.type)}."
        out.error(value.at, "MR211", what, f"Name data of the type {port.type}.")


def _literal(where: str, port: InputPort, value: Literally, out: Findings) -> None:
    coerced = coerce(port.type, value.value)
    if coerced is None:
        what = f"{where} is {a(port.type)}, not {value.text}."
        fix = {
            "boolean": "Write true or false.",
            "integer": "Write a whole number.",
            "number": "Write a number.",
        }
        out.error(value.at, "MR221", what, fix.get(port.type, "Change the value, or the type of the input."))
        return
    reason = out_of_range(port, coerced)
    if reason is None:
        return
    if port.enum and coerced not in port.enum:
        near = nearest(str(coerced), map(str, port.enum))
        fix_text = f"Did you mean {near}?" if near else "Choose one of them."
        out.error(value.at, "MR223", f"{value.text} for {where} {reason}.", fix_text)
    else:
        what = f"{value.text} for {where} {reason}."
        out.error(value.at, "MR222", what, f"Change it, or the limits in {port.at.file}.")


def _data(value: Value, repo: RepoIndex, out: Findings) -> None:
    if isinstance(value, DataPath):
        if not exists(value.path):
            what = f"There is no {value.type.removeprefix('uri_')} {repo.shown(value.path)}."
            out.error(value.at, "MR225", what, near_path(value.path))
        elif value.typed:
            _kind_of_path(value, value.type, out)
    elif isinstance(value, DataAsset):
        _asset(value, repo, out)


def _asset(value: DataAsset, repo: RepoIndex, out: Findings) -> None:
    shown = f"azureml:{value.name}"
    models = value.type in _MODELS
    if value.label is not None:
        fix = "Name a version, so that the run can be repeated: " + _versions(value.name, repo, models)
        what = f"{shown}@{value.label} may be another {'model' if models else 'dataset'} next time."
        strict = repo.has_datasets and not models
        (out.error if strict else out.warning)(value.at, "MR229", what, fix)
    elif value.version is None:
        what = f"{shown} has no version."
        out.error(value.at, "MR233", what, "Name one: " + _versions(value.name, repo, models))
    elif value.file is None and repo.has_datasets and not models:
        known = repo.dataset_names()
        if value.name in known:
            versions = repo.dataset_versions(value.name)
            what = f"The dataset {value.name} has no version {value.version}."
            out.error(value.at, "MR230", what, suggest(value.version, versions, "Choose one that exists."))
        else:
            fix = suggest(value.name, known, "Add it with `mlroad dataset add`.")
            out.error(value.at, "MR231", f"There is no dataset {value.name} under datasets/.", fix)
    elif value.file is not None:
        dataset = repo.dataset(value.name, value.version)
        assert dataset is not None
        if value.path is not None and not exists(value.path):
            shown_path = repo.shown(value.path)
            what = f"The data of {value.name} version {value.version} does not exist: {shown_path}."
            out.error(value.at, "MR225", what, "Fetch it, or fix `path` in " + f"{repo.shown(value.file)}.")
        elif value.typed and "uri_file" in {dataset.type, value.type} and dataset.type != value.type:
            what = f"{value.name} version {value.version} is {a(dataset.type)}, not {a(value.type)}."
            out.error(value.at, "MR226", what, f"Write `type: {dataset.type}`.")


def _versions(name: str, repo: RepoIndex, models: bool) -> str:
    versions = [] if models else repo.dataset_versions(name)
    return f"azureml:{name}:{versions[-1]}." if versions else f"azureml:{name}:VERSION."


def _kind_of_path(value: DataPath, kind: str, out: Findings) -> None:
    if kind == "uri_file" and is_folder(value.path):
        out.error(
            value.at, "MR226", "This is a folder, but the type is uri_file.", "Write `type: uri_folder`."
        )
    elif kind == "uri_folder" and is_file(value.path):
        out.error(value.at, "MR226", "This is a file, but the type is uri_folder.", "Write `type: uri_file`.")
    elif kind == "mltable" and not is_file(value.path / "MLTable"):
        what = "This is not an mltable, which is a folder with a file MLTable in it."
        out.error(value.at, "MR226", what, "Name such a folder, or change the type.")
