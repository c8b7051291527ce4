"""`mlroad new --from NOTEBOOK`: cells with the tags prep, train and evaluate become the steps of a model.

The notebook is read and never run. What only a person can decide is left as a list in TODO.md.
"""

import os
from collections.abc import Callable
from pathlib import Path

from mlroad.steps.components import SCHEMA, scalar
from mlroad.steps.new_model import create, write_part
from mlroad.steps.notebook_cells import Cell
from mlroad.steps.notebook_decisions import decisions
from mlroad.steps.notebook_edits import DataFile
from mlroad.steps.notebook_flow import assigned, literal
from mlroad.steps.notebook_scripts import DEFINITIONS, StepScript, shared_settings, write_definitions
from mlroad.steps.notebook_source import Notebook, version_of


def new_from_notebook(
    root: Path, name: str, path: Path, ask: Callable[[Cell], str] | None = None
) -> tuple[Path, list[str]]:
    """Create a model from a notebook; returns its folder and what a person must decide.

    Raises UserError before anything is written.
    """
    notebook = Notebook(path, root, ask)
    target = root / "models" / name
    open_questions = decisions(notebook)

    def write(folder: Path) -> None:
        write_part(folder, "shared", root)
        write_part(folder, "notebook", root)
        _write_steps(folder / "steps", notebook)
        _add_requirements(folder / "environment" / "conda.yml", notebook.extra)
        _write(folder / "pipeline.yml", _pipeline(name, target, notebook))
        _write(folder / "TODO.md", _todo(notebook, open_questions))

    return create(root, name, write), open_questions


def _write_steps(steps: Path, notebook: Notebook) -> None:
    for script in notebook.scripts:
        _write(steps / f"{script.name}.py", script.text)
    if text := write_definitions(notebook.flow, notebook.name):
        _write(steps / f"{DEFINITIONS}.py", text)
    for module, file in notebook.local.items():
        _write(steps / f"{module}.py", file.read_text(encoding="utf-8"))
    if not any("handover." in script.text for script in notebook.scripts):
        (steps / "handover.py").unlink()


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def _add_requirements(conda: Path, requirements: list[str]) -> None:
    text = conda.read_text(encoding="utf-8")
    _write(conda, text + "".join(f"      - {it}\n" for it in requirements))


def _pipeline(name: str, target: Path, notebook: Notebook) -> str:
    lines = [
        f"# From {notebook.name}.",
        f"# Runs here with `mlroad run models/{name}`, and on Azure ML without changes.",
        f"$schema: {SCHEMA.replace('commandComponent', 'pipelineJob')}",
        "type: pipeline",
        f"display_name: {name}",
        f"experiment_name: {name}",
    ]
    inputs = []
    for file, place in notebook.files():
        inputs += [
            f"  {file.parameter}:",
            "    type: uri_file",
            f"    path: {_address(file, place, target, notebook)}",
        ]
    for setting in shared_settings(notebook.flow):
        pair = assigned(notebook.flow.settings[setting])
        value = literal(pair[1]) if pair else None
        if value is not None:
            inputs.append(f"  {scalar(setting)}: {scalar(value)}")
    lines += ["inputs:", *inputs] if inputs else []
    outputs = dict(pair for script in notebook.scripts for pair in script.outputs.values())
    if outputs:
        lines += [
            "outputs:",
            *(line for it, kind in outputs.items() for line in (f"  {it}:", f"    type: {kind}")),
        ]
    lines += ["settings:", "  default_compute: azureml:serverless", "jobs:"]
    return "\n".join([*lines, *(line for script in notebook.scripts for line in _job(script))]) + "\n"


def _job(script: StepScript) -> list[str]:
    lines = [f"  {script.name}:", f"    component: ./components/{script.name}.yml"]
    if script.inputs:
        lines += [
            "    inputs:",
            *(f"      {scalar(it)}: ${{{{{bound}}}}}" for it, bound in script.inputs.items()),
        ]
    if script.outputs:
        lines += [
            "    outputs:",
            *(f"      {it}: ${{{{parent.outputs.{name}}}}}" for it, (name, _) in script.outputs.items()),
        ]
    return lines


def _address(file: DataFile, place: Path | None, target: Path, notebook: Notebook) -> str:
    """What pipeline.yml names for a file: its dataset version, or its path from the model's folder."""
    if place is None:
        return scalar(file.path if "://" in file.path else f"./data/{Path(file.path).name}")
    if version := version_of(place, notebook.root):
        return f"azureml:{version}"
    return scalar(Path(os.path.relpath(place.resolve(), target.resolve())).as_posix())


def _todo(notebook: Notebook, decisions: list[str]) -> str:
    items = "\n".join(f"- [ ] {it}" for it in decisions)
    about = f"The steps come from {notebook.name}. Its text does not answer these questions:"
    return f"# To decide\n\n{about}\n\n{items}\n"
