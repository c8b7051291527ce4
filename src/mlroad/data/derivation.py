"""How a version was derived: step, code, inputs and parameters, stored in the version's tag `derivation`.

step        the script, relative to the repo
code        the digest of the script's folder, as it was copied for the run
commit      the commit that was checked out, or null
dirty       whether that folder differed from the commit
inputs      the version that each data input of the step got (those versions hold their digests)
output      the output of the step that became the version
file        the file name of that output, if it is a file
parameters  all other values, including defaults, so that later defaults change nothing
python      the Python version
packages    the versions of the packages that the code imports
"""

from __future__ import annotations

import ast
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path, PurePosixPath
from typing import Any

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean
from mlroad.steps.signatures import Parameter, StepSignature, read_signature
from mlroad.steps.type_hints import Value

DATA_TYPES = ("uri_file", "uri_folder", "mltable")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Derivation:
    """What to run, and with which inputs and parameters."""

    step: PurePosixPath
    """Relative to the repo."""
    inputs: Mapping[str, str]
    """The ``name:version`` of each input of the step."""
    output: str
    file: str
    """The file name of the output; empty for a folder."""
    parameters: Mapping[str, Value]
    code: str = ""
    commit: str | None = None
    dirty: bool = False
    python: str = ""
    packages: Mapping[str, str] | None = None

    def as_tag(self) -> dict[str, Any]:
        tag: dict[str, Any] = {
            "step": str(self.step),
            "code": self.code,
            "commit": self.commit,
            "dirty": self.dirty,
            "inputs": dict(self.inputs),
            "output": self.output,
            "parameters": dict(self.parameters),
            "python": self.python,
            "packages": dict(self.packages or {}),
        }
        return tag | ({"file": self.file} if self.file else {})

    @classmethod
    def from_tag(cls, tag: Mapping[str, Any], at: Position) -> Derivation:
        """Read the tag. Raises UserError if it is not a valid derivation."""
        try:
            return cls(
                step=PurePosixPath(tag["step"]),
                inputs={str(key): str(value) for key, value in tag["inputs"].items()},
                output=str(tag["output"]),
                file=str(tag.get("file", "")),
                parameters=dict(tag["parameters"]),
                code=str(tag["code"]),
                commit=tag["commit"],
                dirty=bool(tag["dirty"]),
                python=str(tag.get("python", "")),
                packages=dict(tag.get("packages", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            what = "This version was not derived by a step, or its derivation was edited."
            raise UserError(
                Problem(at, "MD703", what, "Only versions made by `dataset derive` can be repeated.")
            ) from None


def plan_derivation(
    step: Path, at: PurePosixPath, *, parents: Sequence[str], settings: Sequence[str], output: str, file: str
) -> Derivation:
    """Match the command line with the step's signature.

    ``parents`` are ``name:version`` or ``input=name:version``, ``settings`` are ``parameter=value``, and
    ``file`` is the file name of the output, if that is a file. Raises UserError for arguments that do not
    match.
    """
    signature = _signature(step)
    chosen = _output(signature, output)
    if chosen.type == "uri_file" and PurePosixPath(file).name != file:
        raise UserError(f"{file!r} is not a file name.", "Write a name without folders, such as clean.csv.")
    return Derivation(
        step=at,
        inputs=_inputs(signature, parents),
        output=chosen.name,
        file=file if chosen.type == "uri_file" else "",
        parameters=_parameters(signature, settings),
        python=platform.python_version(),
    )


def output_type(step: Path, output: str) -> str:
    """The Azure ML type of an output of a step."""
    return _output(_signature(step), output).type


def other_outputs(step: Path, output: str) -> list[Parameter]:
    """The outputs of a step that do not become the version."""
    return [parameter for parameter in _signature(step).outputs if parameter.name != output]


def packages_of(code: Path) -> dict[str, str]:
    """The installed packages that the scripts of a folder import, with their versions."""
    imported = {name for script in sorted(code.rglob("*.py")) for name in _imports(script)}
    by_module = packages_distributions()
    found = {distribution for name in imported for distribution in by_module.get(name, ())}
    return {name: version(name) for name in sorted(found)}


def _imports(script: Path) -> Iterable[str]:
    try:
        tree = ast.parse(script.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _signature(step: Path) -> StepSignature:
    signature, problems = read_signature(step)
    if signature is None:
        what = "This script is not a step: it does not pass a typed function to step_io.run."
        fix = "`mlroad help reference/datasets` shows a step that derives a dataset."
        raise UserError(problems or Problem(Position(step), "MD704", what, fix))
    return signature


def _output(signature: StepSignature, wanted: str) -> Parameter:
    outputs = [parameter for parameter in signature.outputs if parameter.type in DATA_TYPES]
    names = [parameter.name for parameter in outputs]
    if not outputs:
        what = f"The step {signature.function} writes no data."
        raise UserError(
            Problem(Position(signature.script), "MD704", what, "Give it an OutputFile or OutputFolder.")
        )
    if wanted and wanted not in names:
        raise UserError(f"The step has no output {wanted}.", _advice(wanted, names))
    if not wanted and len(outputs) > 1:
        what = f"The step has several outputs: {', '.join(names)}."
        raise UserError(what, f"Choose the one that becomes the version, such as --output {names[0]}.")
    return outputs[names.index(wanted)] if wanted else outputs[0]


def _inputs(signature: StepSignature, parents: Sequence[str]) -> dict[str, str]:
    ports = {parameter.name: parameter for parameter in signature.inputs if parameter.type in DATA_TYPES}
    if model := [p.name for p in signature.inputs if p.type == "mlflow_model" and not p.optional]:
        raise UserError(
            f"The step needs a model ({model[0]}), but datasets are derived from datasets only.",
            "Use a pipeline.",
        )
    given: dict[str, str] = {}
    free: list[str] = []
    for parent in parents:
        name, equals, reference = parent.partition("=")
        if not equals:
            free.append(parent)
        elif name not in ports:
            raise UserError(f"The step has no data input {name}.", _advice(name, list(ports)))
        elif name in given:
            raise UserError(f"The input {name} is given twice.", "Name it once.")
        else:
            given[name] = reference
    waiting = [name for name, port in ports.items() if name not in given and not port.optional]
    if len(free) != len(waiting) or len(free) > 1:
        example = " ".join(f"--from {name}=NAME:VERSION" for name in ports)
        what = (
            f"The step has the data inputs {', '.join(ports) or '(none)'}, but --from names {len(parents)}."
        )
        raise UserError(
            what, f"Name the inputs: {example}." if ports else "Use a step that has a data input."
        )
    given |= dict(zip(waiting, free, strict=True))
    return {name: reference.removeprefix("azureml:") for name, reference in given.items()}


def _parameters(signature: StepSignature, settings: Sequence[str]) -> dict[str, Value]:
    ports = {p.name: p for p in signature.inputs if p.type not in (*DATA_TYPES, "mlflow_model")}
    values = {name: port.default for name, port in ports.items() if port.default is not None}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.replace("-", "_")
        if not equals:
            raise UserError(f"--set {setting} has no value.", "Write --set parameter=value.")
        if name not in ports:
            raise UserError(f"The step has no parameter {name}.", _advice(name, list(ports)))
        values[name] = _value(ports[name], text)
    missing = [name for name, port in ports.items() if name not in values and not port.optional]
    if missing:
        raise UserError(f"The step needs {', '.join(missing)}.", f"Set it: --set {missing[0]}=VALUE.")
    return values


def _value(port: Parameter, text: str) -> Value:
    try:
        if port.type == "integer":
            return int(text)
        if port.type == "number":
            return float(text)
        if port.type == "boolean":
            return _BOOLEANS[text.lower()]
    except (ValueError, KeyError):
        raise UserError(
            f"{port.name} is {text!r}, but must be of type {port.type}.", "Correct the value."
        ) from None
    if port.enum and text not in port.enum:
        raise UserError(f"{port.name} is {text!r}.", f"Choose one of: {', '.join(map(str, port.enum))}.")
    return text


def _advice(name: str, names: Sequence[str]) -> str:
    return did_you_mean(name, names, f"Choose one of: {', '.join(names)}." if names else "It has none.")
