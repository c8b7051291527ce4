"""What is known of a notebook that becomes a model: its cells, its flow, its model and its packages."""

import os
from collections.abc import Callable
from pathlib import Path

import yaml

from mlroad.steps.imported_packages import imports_of, normal, package_of, requirement
from mlroad.steps.notebook_cells import Cell, Statement, read_cells, read_statements
from mlroad.steps.notebook_edits import DataFile, Edits, edit
from mlroad.steps.notebook_flow import Flow, follow
from mlroad.steps.notebook_scripts import FittedModel, find_model, write_scripts
from mlroad.steps.notebook_stars import is_star, name_stars

_BASE = ("scikit-learn>=1.7,<2", "pandas>=2.3,<4")
"""What every new model's environment has, and a saved model may need."""
_IN_BASE = {"scikit-learn", "pandas", "mlflow-skinny", "typer", "azureml-mlflow"}


class Notebook:
    """A notebook, read and never run. Raises UserError for what cannot be read."""

    def __init__(self, path: Path, root: Path, ask: Callable[[Cell], str] | None) -> None:
        self.path, self.root = path, root
        self.cells = read_cells(path, ask)
        name_stars(self.cells, (path.parent, root))
        self.edits: Edits = edit(self.cells)
        statements = read_statements(path, self.cells)
        self.flow: Flow = follow(statements, {it.parameter for it in self.edits.files}, self.edits.freed)
        self.model: FittedModel | None = find_model(self.flow)
        self.kept: list[Statement] = [it for its in self.flow.steps.values() for it in its]
        used = {name for it in [*self.kept, *self.flow.definitions] for name in it.uses}
        modules = imports_of(it.node for it in self.flow.imports if it.binds & used or is_star(it.node))
        self.local = {name: file for name in modules if (file := self._beside(f"{name}.py"))}
        packages = {package_of(module) for module in modules.keys() - self.local.keys()}
        self.extra = sorted(requirement(it) for it in packages if normal(it) not in _IN_BASE)
        self.scripts = write_scripts(
            self.flow, self.edits, self.model, [*_BASE, *self.extra], self.name, self.local
        )

    @property
    def name(self) -> str:
        """The notebook's path in the repo, for people."""
        return Path(os.path.relpath(self.path, self.root)).as_posix()

    def _beside(self, path: str) -> Path | None:
        folders = (self.path.parent, self.root)
        return next((folder / path for folder in folders if (folder / path).is_file()), None)

    def files(self) -> list[tuple[DataFile, Path | None]]:
        """The files that the steps read, each with its place if it is here."""
        read = {name for script in self.scripts for name in script.inputs}
        return [(it, self._beside(it.path)) for it in self.edits.files if it.parameter in read]


def version_of(place: Path, root: Path) -> str:
    """``name:version`` of the dataset version whose data a file is, or nothing."""
    for definition in sorted((root / "datasets").glob("*/*.yml")):
        try:
            path = yaml.safe_load(definition.read_text(encoding="utf-8"))["path"]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            continue
        if (definition.parent / str(path)).resolve() == place.resolve():
            return f"{definition.parent.name}:{definition.stem}"
    return ""
