"""Reads the values that a job or a step gives to its inputs, and its settings for outputs."""

import re
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.expressions import (
    OPEN,
    SERVER_NAMES,
    expressions,
    is_whole,
    target,
    unclosed,
    without_expressions,
)
from mlroad.pipeline.findings import Findings, a, suggest
from mlroad.pipeline.model import (
    Binding,
    DataAsset,
    DataPath,
    Literally,
    RemoteData,
    StepOutput,
    Template,
    Value,
)
from mlroad.pipeline.part_reader import scalar_text
from mlroad.pipeline.references import data_fault
from mlroad.pipeline.repo_index import RepoIndex, absolute
from mlroad.pipeline.schema_checks import Shape, spoken
from mlroad.pipeline.shapes import GIVEN_INPUT, GIVEN_VALUE

_URL = re.compile(r"(azureml:)?[a-zA-Z][a-zA-Z0-9+.-]+://|(wasbs?|https?|abfss?|adl|dbfs):")
_ASSET = re.compile(r"(?P<name>[^:@/\\\s]+)(?::(?P<version>[^:@/\\\s]+)|@(?P<label>[^:@/\\\s]+))?")
_SCHEMES = (
    "azureml",
    "https",
    "http",
    "wasbs",
    "wasb",
    "abfss",
    "abfs",
    "adl",
    "dbfs",
    "hdfs",
    "s3",
    "gs",
    "file",
)
_ALMOST = re.compile(r"\$?[{\[(]{0,9}\s{0,9}(?P<body>parent\.(?:inputs|outputs|jobs)\.[\w.]*)\s*[}\])]*")
"""An expression without its braces, or with others: in no value of Azure ML a text that is meant as it is."""
_HOW = "Write ${{" + "parent.inputs.NAME}} or ${{" + "parent.jobs.STEP.outputs.NAME}}."


class ValueReader:
    """Reads the values in one file; relative paths start from the folder ``base``."""

    def __init__(self, repo: RepoIndex, base: Path, out: Findings) -> None:
        self.repo = repo
        self.base = base
        self.out = out

    def input(self, name: str, key: ScalarNode, node: Node) -> Value | None:
        if isinstance(node, MapNode):
            return self._mapping(name, node)
        if not isinstance(node, ScalarNode):
            self.out.error(node.at, "MR112", f"{name} cannot be a list.", "Give it one value, or a `path:`.")
            return None
        if node.value is None:
            fix = "Give it a value, or remove the line."
            self.out.error(key.at, "MR112", f"{name} is empty.", fix)
            return None
        return self.literal(name, node)

    def literal(self, name: str, node: ScalarNode) -> Value | None:
        """A literal value, or an expression."""
        value = node.value
        if isinstance(value, str):
            return self._expression(node, value) or Literally(value, node.at)
        if not isinstance(value, int | float):
            what = f"YAML reads {name} as {spoken(node)}, which Azure ML cannot pass on."
            self.out.error(node.at, "MR112", what, f'Put it in quotes: "{node.text}".')
            return None
        plain = node.text.lower()
        if isinstance(value, bool) and plain not in {"true", "false"}:
            what = f"YAML reads {node.text} as {str(value).lower()}; the step receives {value}."
            self.out.warning(
                node.at, "MR232", what, f'Write {str(value).lower()}, or "{node.text}" for the word.'
            )
        elif ":" in plain:
            what = f"YAML reads {node.text} as the number {value}."
            self.out.warning(node.at, "MR232", what, f'Put it in quotes: "{node.text}".')
        elif isinstance(value, int) and re.match(r"[+-]?0[0-9]", plain):
            what = f"YAML reads {node.text} as an octal number; the step receives {value}."
            self.out.warning(node.at, "MR232", what, f'Write {value}, or "{node.text}" for the text.')
        return Literally(value, node.at)

    def output(self, name: str, key: ScalarNode, node: Node, shape: Shape) -> StepOutput | None:
        """The settings of a step or a job for its output ``name``."""
        if isinstance(node, ScalarNode):
            if node.value is None:
                return StepOutput(key.at)
            value = self._expression(node, node.value) if isinstance(node.value, str) else None
            if isinstance(value, Binding):
                return StepOutput(key.at, binding=value)
            if isinstance(value, Template):
                self._text_beside(value, name, allowed=False)
            elif not self._unreadable_expression(node):
                fix = f"Write {name}: ${{{{parent.outputs.NAME}}}}, or below it, indented, `type: …`."
                self.out.error(
                    node.at, "MR112", f"The output {name} must be a binding, not {spoken(node)}.", fix
                )
            return None
        if not isinstance(node, MapNode):
            self.out.error(node.at, "MR112", f"The output {name} cannot be a list.", "Bind it to one output.")
            return None
        shape(node, name, self.out)
        self._asset_of(node)
        path_node = node.values.get("path")
        binding: Binding | None = None
        path: str | None = None
        if isinstance(path_node, ScalarNode) and isinstance(path_node.value, str):
            value = self._expression(path_node, path_node.value, server=True)
            if isinstance(value, Binding):
                binding = value
            else:
                path = path_node.value
                self._place(path, path_node)
                if isinstance(value, Template):
                    self._text_beside(value, name, allowed=_URL.match(path) is not None)
        return StepOutput(
            key.at,
            binding=binding,
            path=path,
            type=_lower(node.text("type")),
            mode=_lower(node.text("mode")),
            asset_name=node.text("name"),
            asset_version=scalar_text(node.values.get("version")),
        )

    def _text_beside(self, value: Template, name: str, *, allowed: bool) -> None:
        """An expression with text before or after it; ``allowed``: in an address, inputs can be a part."""
        if any(not allowed or binding.kind == "parent_output" for binding in value.bindings):
            what = f"The output {name} has text beside its binding."
            self.out.error(value.at, "MR210", what, f"Write {name}: ${{{{parent.outputs.NAME}}}} alone.")

    def _asset_of(self, node: MapNode) -> None:
        """The name and version under which Azure ML registers an output."""
        asset = node.text("name")
        if "version" in node.values and "name" not in node.values:
            fix = "Add `name: …`, or remove the version."
            self.out.error(node.key_at("version"), "MR113", "An output's version needs a name.", fix)
        elif asset is not None and not re.fullmatch(r"[\w-]{1,255}|.*\$\{\{.*", asset, re.ASCII):
            what = f"An output cannot have the name {asset[:40]}."
            fix = "Use only letters, digits, - and _, at most 255."
            self.out.error(node.values["name"].at, "MR115", what, fix)

    def data(self, text: str, kind: str, node: ScalarNode) -> Value | None:
        """The data at the path ``text`` of an input."""
        found = self._expression(node, text, server=_URL.match(text) is not None)
        if found is not None:
            return found
        if text.startswith("azureml:/"):
            fault = data_fault(text)
            if fault:
                self.out.error(node.at, "MR233", *fault)
            return RemoteData(text, kind, node.at)
        if _URL.match(text):
            self._address(text, node)
            return RemoteData(text, kind, node.at)
        if not text.strip():
            self.out.error(node.at, "MR112", "path is empty.", "Name a file or a folder.")
            return None
        if text.startswith("azureml:"):
            return self._asset(text.removeprefix("azureml:"), kind, node)
        local = text.removeprefix("file://").removeprefix("file:")
        if Path(local).is_absolute() or PureWindowsPath(local).is_absolute():
            return DataPath(Path(local), kind, node.at)
        if text.startswith("file:"):
            return DataPath(absolute(self.base / local), kind, node.at)
        if ":" in local or "@" in local:
            return self._asset(local, kind, node)
        return DataPath(absolute(self.base / local), kind, node.at)

    def _place(self, text: str, node: ScalarNode) -> None:
        """Where Azure ML writes an output; the server fills in expressions."""
        if text.startswith("azureml:") and "/" in text:
            fault = data_fault(text)
            if fault:
                self.out.error(node.at, "MR233", *fault)
        elif _URL.match(text) and not expressions(text):
            self._address(text, node)

    def _address(self, text: str, node: ScalarNode) -> None:
        scheme, _, rest = text.partition(":")
        if scheme.lower() not in _SCHEMES:
            what = f"{scheme}: is not a scheme that Azure ML can read from."
            self.out.error(node.at, "MR233", what, suggest(scheme, _SCHEMES, "Choose one of them."))
        elif re.match(r"/*(/|$)", rest.removeprefix("//")):
            self.out.error(node.at, "MR233", f"{text} names no host.", f"Write {scheme}://HOST/PATH.")

    def _mapping(self, name: str, node: MapNode) -> Value | None:
        if "value" in node.values and "path" not in node.values and "type" not in node.values:
            GIVEN_VALUE(node, name, self.out)
            value = node.values["value"]
            if isinstance(value, ScalarNode) and value.value is not None:
                return self.literal(name, value)
            self.out.error(
                value.at, "MR112", f"{name} must be one value.", "Write a text, a number, true or false."
            )
            return None
        stated = _lower(node.text("type"))
        kind = stated or "uri_folder"
        if kind in {"string", "integer", "number", "boolean"}:
            what = f"{name} is {a(kind)}, which is written without `type`."
            self.out.error(node.at, "MR236", what, f"Write `{name}: VALUE` in one line.")
            return None
        GIVEN_INPUT(node, name, self.out)
        mode = _lower(node.text("mode")) or ""
        if mode.startswith("eval_") and kind != "mltable":
            what = f"The mode {mode} is for the type mltable, not for {kind}."
            self.out.error(node.values["mode"].at, "MR114", what, "Use ro_mount or download.")
        path = node.values.get("path")
        if isinstance(path, ScalarNode) and isinstance(path.value, str):
            data = self.data(path.value, kind, path)
            if stated is None and isinstance(data, DataPath | DataAsset | RemoteData):
                return replace(data, typed=False)
            return data
        return None

    def _asset(self, reference: str, kind: str, node: ScalarNode) -> Value | None:
        match = _ASSET.fullmatch(reference)
        if match is None:
            fix = "Write azureml:NAME:VERSION; a local path that Azure ML can use contains neither : nor @."
            self.out.error(node.at, "MR233", f"{reference} is not a reference to data.", fix)
            return RemoteData(f"azureml:{reference}", kind, node.at)
        name, version, label = match["name"], match["version"], match["label"]
        dataset = self.repo.dataset(name, version) if version else None
        if dataset is not None:
            self.out.add(dataset.problems)
            return DataAsset(name, version, None, kind, node.at, dataset.path, dataset.file)
        return DataAsset(name, version, label, kind, node.at)

    def _expression(self, node: ScalarNode, text: str, *, server: bool = False) -> Binding | Template | None:
        """The binding or the template that ``text`` is, or None for plain text.

        ``server``: expressions that only the server knows (``${{name}}``) are allowed.
        """
        found = expressions(text)
        if not found:
            if (not server or _ALMOST.search(text)) and self._unreadable_expression(node):
                return Template(text, node.at, ())
            return None
        outside = without_expressions(text)
        if _ALMOST.search(outside) or OPEN in outside:
            self._unreadable_expression(node)
            return Template(text, node.at, ())
        bindings = []
        texts = (text[expression.start : expression.end] for expression in found)
        for expression, at in zip(found, node.positions_of(texts), strict=True):
            aimed = target(expression.body)
            if aimed is not None:
                bindings.append(Binding(aimed.kind, aimed.name, at, aimed.job))
            elif not server and expression.body not in SERVER_NAMES:
                fix = _HOW
                near = f"parent.{expression.body}"
                if target(near):
                    fix = f"Did you mean ${{{{{near}}}}}?"
                else:
                    words = ("parent.inputs", "parent.jobs", "parent.outputs")
                    first = ".".join(expression.body.split(".")[:2])
                    fix = suggest(first, words, _HOW, _HOW) if first not in words else _HOW
                what = f"${{{{{expression.body}}}}} does not point at anything in the pipeline."
                self.out.error(at, "MR210", what, fix)
                return Template(text, node.at, ())
        if not bindings:
            return None
        if is_whole(text, found):
            return bindings[0]
        return Template(text, node.at, tuple(bindings))

    def _unreadable_expression(self, node: ScalarNode) -> bool:
        text = node.value
        near = _ALMOST.search(without_expressions(text)) if isinstance(text, str) else None
        if near:
            what = f"{near[0]} is not an expression, so Azure ML passes it on as text."
            meant = near["body"].rstrip(".")
            fix = f"Did you mean ${{{{{meant}}}}}?" if target(meant) else _HOW
            self.out.error(node.position_of(near[0]), "MR210", what, fix)
            return True
        start = unclosed(text) if isinstance(text, str) else None
        if start is None:
            return False
        what = "This expression is not closed, is empty or contains spaces."
        self.out.error(node.position_of("${" + "{"), "MR210", what, _HOW)
        return True


def _lower(text: str | None) -> str | None:
    return text.lower() if text else text
