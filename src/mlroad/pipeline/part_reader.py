"""Reading what jobs, steps and components have in common: code, environment, settings."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from mlroad.core.problems import Position
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.pipeline.environments import read_environment
from mlroad.pipeline.expressions import expressions, target
from mlroad.pipeline.file_type import schema_name
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.model import Binding, Environment
from mlroad.pipeline.references import asset_fault, name_fault
from mlroad.pipeline.repo_index import RepoIndex, absolute, exists, is_folder, near_path
from mlroad.pipeline.schema_checks import spoken

_BINDABLE_SETTINGS = ("compute", "resources", "limits", "environment_variables")


class PartReader:
    """Reads parts of one file; relative paths start from the folder ``base``."""

    def __init__(self, repo: RepoIndex, base: Path, out: Findings) -> None:
        self.repo = repo
        self.base = base
        self.out = out

    def is_mapping(self, node: Node | None, name: str) -> TypeGuard[MapNode]:
        """Whether ``node`` is a mapping; any other value except null is a problem."""
        if node is None:
            return False
        if isinstance(node, MapNode):
            return True
        fix = f"Write below {name}:, indented, one name per line, or remove it."
        self.out.error(node.at, "MR112", f"{name} must be a mapping, not {spoken(node)}.", fix)
        return False

    def environment(self, node: Node | None, *, bindable: bool = False) -> Environment | None:
        """The environment in ``node``; ``bindable``: it may hold an expression."""
        if node is None:
            return None
        return read_environment(node, self.base, self.repo, self.out, bindable=bindable)

    def code(self, node: MapNode) -> Path | None:
        """The folder or file that ``code`` names, absolute; None for code that is not in the repo."""
        given = node.values.get("code")
        code = node.text("code")
        if given is None or code is None:
            return None
        if code.startswith("azureml:"):
            if fault := asset_fault(code, "code"):
                self.out.error(given.at, "MR124", *fault)
            return None
        if re.match(r"git\+|https?://", code):
            what = f"{code} is code that only the cloud can fetch."
            fix = "Copy it to the repo, and name its folder."
            if code.startswith("git+"):
                self.out.error(given.at, "MR124", f"{what} Azure ML rejects git+ here.", fix)
            return None
        path = absolute(self.base / code.removeprefix("file:"))
        if not exists(path):
            self.out.error(given.at, "MR124", f"The code {code} does not exist.", near_path(path))
        return path

    def cloud_code(self, node: MapNode) -> None:
        """The code of a Spark or a parallel step or component, and the script that starts there."""
        entry, task = node.get("entry"), node.get("task")
        for owner, holder, key in ((node, entry, "file"), (task, task, "entry_script")):
            code = self.code(owner) if isinstance(owner, MapNode) else None
            if code is None or not isinstance(holder, MapNode) or "additional_includes" in node.values:
                continue
            script = holder.text(key)
            if not script or not is_folder(code):
                continue
            if not expressions(script) and not exists(code / script):
                what = f"The script {script} is not in the code folder."
                self.out.error(holder.values[key].at, "MR248", what, near_path(code / script))

    def includes(self, node: MapNode) -> tuple[Path, ...]:
        """The paths in ``additional_includes``, absolute."""
        given = node.values.get("additional_includes")
        found = []
        for item in given.items if isinstance(given, ListNode) else ():
            if isinstance(item, ScalarNode) and isinstance(item.value, str):
                path = absolute(self.base / item.value)
                found.append(path)
                zipped = path.suffix == ".zip" and is_folder(path.with_suffix(""))
                if not exists(path) and not zipped:
                    what = f"The additional include {item.value} does not exist."
                    self.out.error(item.at, "MR126", what, near_path(path))
        return tuple(found)

    def setting_bindings(self, node: MapNode) -> Iterator[Binding]:
        """The inputs of the pipeline that a step's settings use."""
        waiting = [node.values[key] for key in _BINDABLE_SETTINGS if key in node.values]
        while waiting:
            found = waiting.pop()
            if isinstance(found, MapNode):
                waiting.extend(found.values.values())
            elif isinstance(found, ScalarNode) and isinstance(found.value, str):
                within = expressions(found.value)
                texts = (found.value[expression.start : expression.end] for expression in within)
                for expression, at in zip(within, found.positions_of(texts), strict=True):
                    aimed = target(expression.body)
                    if aimed is not None and aimed.kind == "parent_input":
                        yield Binding(aimed.kind, aimed.name, at)

    def check_compute(self, node: MapNode) -> None:
        """`compute` must name a compute of the workspace."""
        self._compute_name(node, "compute")

    def check_settings(self, node: MapNode) -> None:
        """The compute and the datastore of a pipeline."""
        self.check_reference(node, "default_compute", "serverless", "local")
        self.check_reference(node, "default_datastore")
        self._compute_name(node, "default_compute")
        datastore = node.text("default_datastore")
        if datastore is not None and (fault := name_fault(datastore, "datastore")):
            self.out.error(node.values["default_datastore"].at, "MR129", *fault)

    def _compute_name(self, node: MapNode, key: str) -> None:
        name = node.text(key)
        if name is None:
            return
        at = node.values[key].at
        if not name.strip():
            self.out.error(at, "MR112", f"{key} is empty.", "Write azureml:NAME, or remove it.")
        elif name.lower().removeprefix("azureml:") == "local":
            what = f"{key} is {name}, which Azure ML refuses in a pipeline."
            fix = "Name a compute of the workspace; `mlroad run` runs here whatever this says."
            self.out.warning(at, "MR252", what, fix)
        elif fault := name_fault(name, "compute"):
            self.out.error(at, "MR129", *fault)

    def check_schema(self, node: MapNode, wanted: str) -> None:
        """Azure ML reads `type`, but an editor checks the file against the schema that it names."""
        stated = schema_name(node)
        if stated and "pipeline" not in stated:
            what = f"`type` says pipeline, but `$schema` names another kind of file: {stated}."
            fix = f"Write https://azuremlschemas.azureedge.net/latest/{wanted}.schema.json."
            self.out.warning(node.values["$schema"].at, "MR131", what, fix)

    def check_reference(self, node: MapNode, key: str, *words: str) -> None:
        """The name of something in the workspace starts with ``azureml:``, unless it is one of ``words``."""
        name = node.text(key)
        if name is not None and not name.startswith("azureml:") and name.lower() not in words:
            what = f"{key} must start with azureml:, so Azure ML rejects {name}."
            self.out.error(node.values[key].at, "MR129", what, f"Write azureml:{name}.")


def key_positions(node: Node | None) -> Mapping[str, Position]:
    """Where each key of a mapping is."""
    found = {name: key.at for name, key in node.keys.items()} if isinstance(node, MapNode) else {}
    return MappingProxyType(found)


def texts(node: Node | None) -> Mapping[str, str]:
    """The scalar values of a mapping, as texts."""
    found = {}
    for name, _, value in node if isinstance(node, MapNode) else ():
        if isinstance(value, ScalarNode):
            found[name] = "" if value.value is None else str(value.value)
    return MappingProxyType(found)


def plain_mapping(node: Node | None) -> Mapping[str, object] | None:
    """A mapping as plain Python objects."""
    return MappingProxyType(node.plain()) if isinstance(node, MapNode) else None


def number(node: Node | None) -> float | None:
    """A number, or None for anything else."""
    if isinstance(node, ScalarNode):
        try:
            return float(str(node.value))
        except ValueError:
            return None
    return None


def scalar_text(node: Node | None) -> str | None:
    """A value as text; None for null, a list or a mapping."""
    return str(node.value) if isinstance(node, ScalarNode) and node.value is not None else None


def is_true(node: Node | None) -> bool:
    """Whether Azure ML takes a value as true."""
    return isinstance(node, ScalarNode) and str(node.value).lower() in {"true", "t", "yes", "y", "on", "1"}
