"""The scripts of a model's steps, from the statements of a notebook."""

import ast
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mlroad.steps.literal_paths import full_name
from mlroad.steps.notebook_cells import STEPS, Statement, root_name
from mlroad.steps.notebook_edits import Edits
from mlroad.steps.notebook_flow import Flow, assigned, literal
from mlroad.steps.scripts import imported_names

FLAVORS = {"sklearn": "sklearn", "imblearn": "sklearn", "lightgbm": "lightgbm", "xgboost": "xgboost",
           "catboost": "catboost"}  # fmt: skip
"""Packages of models, each with MLflow's module that saves them."""
DEFINITIONS = "definitions"
_FOLDERS = {"prep": "prepared", "train": "trained"}
_STANDARD, _THIRD_PARTY, _OWN = range(3)


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The model of a notebook: its name there, MLflow's module for it, and the data that it was fitted to."""

    name: str
    flavor: str
    features: str
    answers: str
    """The method that answers: predict or predict_proba."""


@dataclass(slots=True)
class StepScript:
    """One step: its script, and how pipeline.yml wires it."""

    name: str
    text: str
    inputs: dict[str, str] = field(default_factory=dict)
    """For each input, what it is bound to."""
    outputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each output that is one of the pipeline, its name there and its type."""


def find_model(flow: Flow) -> FittedModel | None:
    """The last model that the train cells fit and that evaluate uses, or else the last one they fit."""
    everything = [it for its in flow.steps.values() for it in its]
    imports = imported_names(it.node for it in flow.imports)
    found = []
    for statement in flow.steps.get("train", []):
        for call in ast.walk(statement.node):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "fit"
            ):
                pair = assigned(statement)
                owner = root_name(call.func.value)
                name = pair[0] if pair and pair[1] is call else owner
                if flavor := _flavor(name, everything, imports):
                    features = ast.unparse(call.args[0]) if call.args else ""
                    found.append(FittedModel(name, flavor, features, _answers(name, everything)))
    wanted = flow.given.get("evaluate", {})
    return next((it for it in reversed(found) if it.name in wanted), found[-1] if found else None)


def write_scripts(
    flow: Flow,
    edits: Edits,
    model: FittedModel | None,
    requirements: list[str],
    source: str,
    beside: Iterable[str] = (),
) -> list[StepScript]:
    """The scripts of all steps.

    ``source`` is the notebook's path, for docstrings; ``beside`` are modules that come with the steps.
    """
    writer = _Writer(flow, edits, model, requirements, source, beside)
    return [writer.script(step) for step in flow.steps]


def shared_settings(flow: Flow) -> list[str]:
    """The parameters that several steps have: the pipeline sets them."""
    return [it for it in flow.settings if sum(it in needs for needs in flow.needs.values()) > 1]


def write_definitions(flow: Flow, source: str) -> str:
    """The module with the functions, classes and constants of the notebook; empty if there are none."""
    if not flow.definitions:
        return ""
    used = {name for it in flow.definitions for name in it.uses}
    lines = [f'"""Functions, classes and constants of {source}. Every step may import this module."""', ""]
    lines += _imports(flow, used)
    return "\n".join(lines) + "\n\n" + "\n\n\n".join(_text(it) for it in flow.definitions) + "\n"


class _Writer:
    def __init__(
        self,
        flow: Flow,
        edits: Edits,
        model: FittedModel | None,
        requirements: list[str],
        source: str,
        beside: Iterable[str],
    ) -> None:
        self.modules = [*([DEFINITIONS] if flow.definitions else []), *beside]
        self.flow, self.edits, self.model, self.source = flow, edits, model, source
        self.requirements = requirements
        self.shared = shared_settings(flow)
        taken = all_names(flow) | {file.parameter for file in edits.files}
        taken |= {name.lower() for name in flow.settings}
        names = ("model", "metrics", "prepared", "trained", "example", "values", *STEPS)
        # The name of a parameter, a function or a helper, unless the notebook has that name already.
        self.own = {name: unique(name, taken) for name in names}

    def script(self, step: str) -> StepScript:
        statements = self.flow.steps[step]
        found = StepScript(step, "")
        required: list[str] = []
        loads: list[str] = []
        types: set[str] = set()

        def take(name: str, kind: str) -> None:
            required.append(f"{name}: {kind}")
            types.add(kind)

        used = {name for it in statements for name in it.uses}
        for file in self.edits.files:
            if file.parameter in used:
                take(file.parameter, "OutputFile" if file.written else "InputFile")
                if file.written:
                    found.outputs[file.parameter] = (file.parameter, "uri_file")
                else:
                    found.inputs[file.parameter] = f"parent.inputs.{file.parameter}"
        for maker in STEPS:
            names = [it for it, by in self.flow.given[step].items() if by == maker]
            if self._is_saved(maker) and self.model and self.model.name in names:
                names.remove(self.model.name)
                take(self.own["model"], "InputModel")
                found.inputs[self.own["model"]] = f"parent.jobs.train.outputs.{self.own['model']}"
                load = f"mlflow.{self.model.flavor}.load_model(str({self.own['model']}))"
                loads.append(f"{self.model.name} = {load}")
            if names:
                folder = self.own[_FOLDERS[maker]]
                take(folder, "InputFolder")
                found.inputs[folder] = f"parent.jobs.{maker}.outputs.{folder}"
                listed = ", ".join(f'"{name}"' for name in names)
                left = ", ".join(names) + "," * (len(names) == 1)
                loads.append(f"{left} = handover.load({folder}, {listed})")
        saves = self._saves(step, take, found)
        optional = []
        for name, statement in self.flow.settings.items():
            if name in self.flow.needs[step]:
                pair = assigned(statement)
                value = literal(pair[1]) if pair else None
                optional.append(f"{name}: {type(value).__name__} = {value!r}")
                if name in self.shared:
                    found.inputs[name] = f"parent.inputs.{name}"
        cells = list(dict.fromkeys(str(it.cell.number) for it in statements))
        cell = f"cell{'s' * (len(cells) > 1)} {', '.join(cells)}"
        body = [*loads, *(_text(it) for it in statements), *saves]
        found.text = "\n".join([
            f'"""The step {step}, from {self.source}."""',
            "",
            *self._heads(statements, body, types),
            "",
            "",
            _signature(self.own[step], required + optional),
            f'    """From {cell} of {self.source}."""',
            *(_indented(text) for text in body),
            "",
            "",
            'if __name__ == "__main__":',
            f"    run({self.own[step]})",
            "",
        ])  # fmt: skip
        return found

    def _is_saved(self, step: str) -> bool:
        """Whether the step writes the model as an MLflow model."""
        return step == "train" and self.model is not None

    def _saves(self, step: str, take: Callable[[str, str], None], found: StepScript) -> list[str]:
        names = [
            name
            for name in dict.fromkeys(it for given in self.flow.given.values() for it in given)
            if any(given.get(name) == step for given in self.flow.given.values())
        ]
        lines = []
        if self._is_saved(step):
            assert self.model
            names = [name for name in names if name != self.model.name]
            take(self.own["model"], "OutputModel")
            found.outputs[self.own["model"]] = ("model", "mlflow_model")
            lines += self._saved_model()
        if names:
            folder = self.own[_FOLDERS[step]]
            take(folder, "OutputFolder")
            lines.append(f"handover.save({folder}, {', '.join(f'{name}={name}' for name in names)})")
        if step == "evaluate" and self.edits.metrics:
            metrics, values = self.own["metrics"], self.own["values"]
            take(metrics, "OutputFile")
            found.outputs[metrics] = ("metrics", "uri_file")
            listed = ", ".join(f'"{name}": float({name})' for name in dict.fromkeys(self.edits.metrics))
            lines += [f"{values} = {{{listed}}}", f"mlflow.log_metrics({values})"]
            lines.append(f'{metrics}.write_text(json.dumps({values}, indent=2) + "\\n", encoding="utf-8")')
        return lines

    def _saved_model(self) -> list[str]:
        assert self.model
        name, features = self.model.name, self.model.features
        lines = [
            "# save_model, not log_model: the model is an output of the step, and the factory registers it."
        ]
        lines += [
            "# MLflow warns of pickles from strangers; this one is our own.",
            'logging.getLogger("mlflow").setLevel(logging.ERROR)',
        ]
        options = [name, self.own["model"]]
        if features:
            lines.append('warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer")')
            example = self.own["example"]
            lines.append(f"{example} = {features}[:100]")
            options.append(f"signature=infer_signature({example}, {name}.{self.model.answers}({example}))")
        if self.model.flavor == "sklearn":
            options.append('serialization_format="cloudpickle"')
        if self.model.answers != "predict":
            options.append(f'pyfunc_predict_fn="{self.model.answers}"')
        if self.modules:
            places = ", ".join(f'str(Path(__file__).with_name("{it}.py"))' for it in self.modules)
            options.append(f"code_paths=[{places}]")
        options.append(f"pip_requirements={self.requirements!r}".replace("'", '"'))
        inside = "".join(f"    {option},\n" for option in options)
        return [*lines, f"mlflow.{self.model.flavor}.save_model(\n{inside})"]

    def _heads(self, statements: list[Statement], body: list[str], types: set[str]) -> list[str]:
        """The import lines: the standard library's, the notebook's, and those of the contract."""
        text = "\n".join(body)
        used = {name for it in statements for name in it.uses}
        flavors = re.findall(r"\bmlflow\.(\w+)\.(?:load|save)_model\(", text)
        lines = _imports(self.flow, used)
        lines += [f"import mlflow.{flavor}" for flavor in flavors]
        if "mlflow.log_metrics(" in text and not flavors:
            lines.append("import mlflow")
        if "infer_signature(" in text:
            lines.append("from mlflow.models import infer_signature")
        if "json.dumps(" in text:
            lines.append("import json")
        lines += [f"import {module}" for module in ("logging", "warnings") if f"{module}." in text]
        if "Path(__file__)" in text:
            lines.append("from pathlib import Path")
        own = sorted(used & {name for it in self.flow.definitions for name in it.binds})
        if own:
            lines.append(f"from {DEFINITIONS} import {', '.join(own)}")
        if "handover." in text:
            lines.append("import handover")
        lines.append(f"from step_io import {', '.join([*sorted(types), 'run'])}")
        return _in_groups(lines)


def all_names(flow: Flow) -> set[str]:
    statements = [*flow.imports, *flow.definitions, *flow.settings.values()]
    statements += [it for its in flow.steps.values() for it in its]
    return {name for it in statements for name in it.uses | it.binds}


def unique(name: str, taken: set[str]) -> str:
    """``name``, or a name like it that is not taken."""
    longer = f"{name}_step" if name in STEPS else f"{name}_path"
    return next(it for it in (name, longer, *(f"{longer}_{n}" for n in range(2, 99))) if it not in taken)


def _signature(function: str, parameters: list[str]) -> str:
    line = f"def {function}({', '.join(parameters)}) -> None:"
    if len(line) <= 110:
        return line
    return f"def {function}(\n" + "".join(f"    {it},\n" for it in parameters) + ") -> None:"


def _in_groups(lines: list[str]) -> list[str]:
    """Import lines as ruff sorts them: the standard library, packages, modules beside the step."""
    groups: dict[int, list[str]] = {}
    for line in dict.fromkeys(lines):
        module = re.split(r"[ .]", line)[1]
        is_own = module in ("handover", "step_io", DEFINITIONS)
        kind = _STANDARD if module in sys.stdlib_module_names else _OWN if is_own else _THIRD_PARTY
        groups.setdefault(kind, []).append(line)
    found: list[str] = []
    for _, group in sorted(groups.items()):
        found += [*([""] if found else []), *sorted(group, key=lambda line: line.split()[1])]
    return found


def _imports(flow: Flow, used: set[str]) -> list[str]:
    """The notebook's import statements, as far as ``used`` needs them."""
    lines = []
    for statement in flow.imports:
        node = statement.node
        assert isinstance(node, ast.Import | ast.ImportFrom)
        kept = [it for it in node.names if it.name == "*" or (it.asname or it.name.split(".")[0]) in used]
        if kept:
            copy = (
                ast.Import(kept)
                if isinstance(node, ast.Import)
                else ast.ImportFrom(node.module, kept, node.level)
            )
            lines.append(ast.unparse(copy))
    return list(dict.fromkeys(lines))


def _flavor(name: str, statements: list[Statement], imports: dict[str, str]) -> str:
    for statement in reversed(statements):
        pair = assigned(statement)
        if pair and pair[0] == name:
            for node in ast.walk(pair[1]):
                if isinstance(node, ast.Call):
                    package = full_name(node.func, imports).partition(".")[0]
                    if package in FLAVORS:
                        return FLAVORS[package]
    return ""


def _answers(name: str, statements: list[Statement]) -> str:
    """predict_proba if the notebook asks the model for probabilities, or else predict."""
    asked = any(
        isinstance(node, ast.Attribute) and node.attr == "predict_proba" and root_name(node) == name
        for it in statements
        for node in ast.walk(it.node)
    )
    return "predict_proba" if asked else "predict"


def _text(statement: Statement) -> str:
    """The source of a statement, with the comments before it and behind it."""
    found = statement.cell.source.encode()[statement.start : statement.end].decode()
    return re.sub(r"^[\s;]+", "", found).rstrip()


def _indented(text: str) -> str:
    """``text`` in a function. The lines inside of a text of several lines stay as they are."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        ):
            inside |= {*range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)}
    lines = text.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(lines, 1)
    )
