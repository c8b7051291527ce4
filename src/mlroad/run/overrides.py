"""`--set` and `--input`: values for one run, as if they were written in the pipeline's YAML."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlroad.core.problems import Position, UserError
from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import ScalarNode, parse_yaml
from mlroad.pipeline.findings import suggest
from mlroad.pipeline.model import (
    DATA_TYPES,
    DataAsset,
    DataPath,
    InputPort,
    Literally,
    PipelineComponent,
    PipelineJob,
    Scalar,
    Step,
    Unsupported,
    Value,
)
from mlroad.pipeline.ports import coerce
from mlroad.pipeline.repo_index import RepoIndex
from mlroad.run.plan import unknown
from mlroad.run.run_values import short_names

_FORMS = (
    "inputs.NAME, jobs.STEP.inputs.NAME, jobs.STEP.jobs.INNER.inputs.NAME, "
    "jobs.STEP.environment_variables.NAME, jobs.STEP.limits.timeout, "
    "settings.continue_on_step_failure, settings.force_rerun or experiment_name"
)


def override(job: PipelineJob, sets: tuple[str, ...], inputs: tuple[str, ...]) -> PipelineJob:
    """The job with the values of ``--set`` and ``--input``. Raises UserError if that is not possible."""
    for text in inputs:
        name, value = _pair("--input", text)
        job = _set_input(job, name, value, f"--input {text}")
    for text in sets:
        path, value = _pair("--set", text)
        job = _set(job, path.split("."), value, f"--set {text}")
    return job


def given_values(options: tuple[str, ...]) -> dict[str, str]:
    """The values of ``--set`` and ``--input``; ``jobs.train.inputs.alpha`` is alpha if that is clear."""
    pairs = [text.partition("=")[::2] for text in options]
    paths = {path.strip().replace("jobs.", "").replace("inputs.", ""): value for path, value in pairs}
    short = short_names(paths)
    return {short[path]: value for path, value in paths.items()}


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"{option} {text}: the = is missing.", f"Write {option} NAME=VALUE.")
    return name.strip(), value


def _set(job: PipelineJob, path: list[str], value: str, said: str) -> PipelineJob:
    match path:
        case ["inputs", *name] if name:
            return _set_input(job, ".".join(name), value, said)
        case ["jobs", step, *rest] if rest:
            return replace(job, steps=_set_step(job.steps, step, rest, value, said))
        case ["settings", "continue_on_step_failure"]:
            return replace(job, continue_on_step_failure=_boolean(value, said))
        case ["settings", "force_rerun"]:
            return replace(job, force_rerun=_boolean(value, said))
        case ["experiment_name"]:
            return replace(job, experiment_name=value)
    raise UserError(f"{said}: {'.'.join(path)} cannot be set.", _meant(job, path))


def _meant(job: PipelineJob, path: list[str]) -> str:
    """What was probably meant by a path that cannot be set, or all forms."""
    first, *rest = path
    whole = ".".join(path)
    if whole in job.inputs:
        return f"Did you mean inputs.{whole}?"
    if at_steps := [f"jobs.{name}.inputs.{whole}" for name, step in job.steps.items() if _takes(step, whole)]:
        return f"Did you mean {' or '.join(at_steps)}?"
    if first in job.steps and rest:
        below = ["inputs", *rest] if _takes(job.steps[first], ".".join(rest)) else rest
        return f"Did you mean {'.'.join(['jobs', first, *below])}?"
    near = nearest(first, ("inputs", "jobs", "settings", "experiment_name"))
    if near and near != first and (near != "inputs" or ".".join(rest) in job.inputs):
        return f"Did you mean {'.'.join([near, *rest])}?"
    if first == "settings" and rest:
        near = nearest(rest[0], ("continue_on_step_failure", "force_rerun"))
        return f"Did you mean settings.{near}?" if near else f"These can be set: {_FORMS}."
    return f"These can be set: {_FORMS}."


def _takes(step: Step, name: str) -> bool:
    """Whether a step has an input of this name."""
    return not isinstance(step.component, Unsupported) and name in step.component.inputs


def _set_input(job: PipelineJob, name: str, value: str, said: str) -> PipelineJob:
    port = job.inputs.get(name)
    if port is None and name not in job.values:
        raise unknown("input", name, list(dict.fromkeys([*job.inputs, *job.values])), said)
    given = job.values.get(name)
    kind = port.type if port else getattr(given, "type", "string")
    return replace(job, values={**job.values, name: _value(port, kind, name, value, said)})


def _set_step(
    steps: Mapping[str, Step], name: str, path: list[str], value: str, said: str
) -> Mapping[str, Step]:
    if name not in steps:
        raise unknown("step", name, steps, said)
    step = steps[name]
    component = step.component
    match path:
        case ["inputs", *rest] if rest and not isinstance(component, Unsupported):
            port_name = ".".join(rest)
            port = component.inputs.get(port_name)
            if port is None:
                raise unknown(f"input of {name}", port_name, list(component.inputs), said)
            given = _value(port, port.type, port_name, value, said)
            step = replace(step, inputs={**step.inputs, port_name: given})
        case ["jobs", inner, *rest] if rest and isinstance(component, PipelineComponent):
            inside = _set_step(component.steps, inner, rest, value, said)
            step = replace(step, component=replace(component, steps=inside))
        case ["environment_variables", variable]:
            step = replace(step, environment_variables={**step.environment_variables, variable: value})
        case ["limits", "timeout"]:
            step = replace(step, timeout=_seconds(value, said))
        case _:
            near = nearest(path[0], ("inputs", "jobs", "environment_variables", "limits"))
            meant = ".".join(["jobs", name, near, *path[1:]]) if near and near != path[0] else ""
            if _takes(step, ".".join(path)):
                meant = ".".join(["jobs", name, "inputs", *path])
            fix = f"Did you mean {meant}?" if meant else f"These can be set: {_FORMS}."
            raise UserError(f"{said}: {'.'.join(path)} of a step cannot be set.", fix)
    return {**steps, name: step}


def _value(port: InputPort | None, kind: str, name: str, text: str, said: str) -> Value:
    at = Position(Path(said.split("=", maxsplit=1)[0]))
    if kind in DATA_TYPES:
        return _data(text, kind, at, said)
    value = _scalar(text, kind)
    if port:
        fitting = coerce(port.type, value)
        if fitting is None:
            raise UserError(f"{said}: {text!r} is not a valid {port.type}.", _example(port.type))
        if port.enum and fitting not in port.enum and str(fitting) not in map(str, port.enum):
            raise UserError(f"{said}: {name} must be one of {', '.join(map(str, port.enum))}.")
        _within(port, fitting, name, said)
    return Literally(value, at)


def _within(port: InputPort, value: Scalar, name: str, said: str) -> None:
    if isinstance(value, str):
        return
    if port.minimum is not None and value < port.minimum:
        raise UserError(f"{said}: {name} must be at least {port.minimum:g}.")
    if port.maximum is not None and value > port.maximum:
        raise UserError(f"{said}: {name} must be at most {port.maximum:g}.")


def _scalar(text: str, kind: str) -> Scalar:
    """A text as YAML reads it, so that ``--set`` and the file give a step the same value."""
    if kind == "string":
        return text
    node, problems = parse_yaml(text, Path("--set"))
    value = node.value if isinstance(node, ScalarNode) and not problems else None
    return value if isinstance(value, str | int | float | bool) else text


def _data(text: str, kind: str, at: Position, said: str) -> Value:
    if text.startswith("azureml:"):
        found = re.fullmatch(r"azureml:([^:@/]+):([^:@/]+)", text)
        index = RepoIndex(Path.cwd())
        dataset = index.dataset(found[1], found[2]) if found else None
        if not found or dataset is None or dataset.path is None:
            names = index.dataset_names()
            known = [
                f"azureml:{name}:{version}" for name in names for version in index.dataset_versions(name)
            ]
            what = f"{said}: {text.removeprefix('azureml:')} was not found in datasets/."
            raise UserError(
                what, suggest(text, known, "Choose one that exists.", "Run `mlroad dataset add`.")
            )
        return DataAsset(found[1], found[2], None, kind, at, dataset.path, dataset.file)
    # Links are not resolved: a step may use the name that the user gave.
    path = Path(os.path.abspath(text))  # noqa: PTH100
    if not path.exists():
        raise UserError(f"{said}: {path} does not exist.")
    if kind == "uri_file" and path.is_dir():
        raise UserError(f"{said}: {path} is a folder, but the input is a {kind}.")
    if kind != "uri_file" and path.is_file():
        raise UserError(f"{said}: {path} is a file, but the input is a {kind}.")
    return DataPath(path, kind, at)


def _boolean(text: str, said: str) -> bool:
    value = coerce("boolean", text)
    if value is None:
        raise UserError(f"{said}: {text!r} is not true or false.")
    return bool(value)


def _seconds(text: str, said: str) -> float:
    value = coerce("number", text)
    if not isinstance(value, float) or value <= 0:
        raise UserError(f"{said}: {text!r} is not a positive number of seconds.")
    return value


def _example(kind: str) -> str:
    return {
        "integer": "Write a whole number.",
        "number": "Write a number.",
        "boolean": "Write true or false.",
    }[kind]
