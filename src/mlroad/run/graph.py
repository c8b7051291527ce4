"""`mlroad graph`: the steps of a pipeline, its data flow and its last run, as a Mermaid diagram."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlroad.core.files import unwritable, write_text
from mlroad.core.problems import UserError
from mlroad.core.run_folders import last_run
from mlroad.core.text import duration
from mlroad.pipeline.loader import load_pipeline
from mlroad.run.launch import pipeline_file
from mlroad.run.make_plan import make_plan
from mlroad.run.plan import Joined, Plan, Text, needs_of

_COLOURS = {
    "completed": ("#d7f2de", "#2a7a3b"),
    "reused": ("#d9ecfb", "#1f5f99"),
    "failed": ("#fbdcdc", "#b02525"),
    "timed out": ("#fbdcdc", "#b02525"),
    "cancelled": ("#fdf0cf", "#94691a"),
    "interrupted": ("#fdf0cf", "#94691a"),
    "skipped": ("#eeeeee", "#777777"),
    "running": ("#fff8d6", "#94691a"),
    "data": ("#f4f0fa", "#6b4fa0"),
}
"""State of a step to fill and stroke colour; ``data`` is an input or output of the pipeline."""

_PICTURES = (".svg", ".png", ".pdf", ".jpg", ".gif")


@dataclass(frozen=True, slots=True)
class _Node:
    """A step, or an input or output of the pipeline."""

    label: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Edge:
    """Data that flows from one node to another; ``label`` is the name of the output."""

    start: str
    end: str
    label: str


def graph_command(path: Path, output: Path | None) -> str:
    """The text to print. Raises UserError for a pipeline that cannot be read, or for an unknown format."""
    file = pipeline_file(path)
    loaded = load_pipeline(file)
    if loaded.job is None or loaded.errors:
        raise UserError(loaded.errors or loaded.problems)
    diagram = "\n".join(mermaid(make_plan(loaded.job), last_run(file)))
    if output is None:
        return diagram
    _write(output, diagram)
    return f"wrote {output}"


def _write(output: Path, diagram: str) -> None:
    """Write the diagram in the format of the file's suffix. Raises UserError."""
    if output.suffix == ".md":
        content = f"```mermaid\n{diagram}\n```\n"
    elif output.suffix == ".mmd":
        content = f"{diagram}\n"
    elif output.suffix in _PICTURES:
        raise UserError(
            f"{output}: mlroad graph writes Mermaid, not pictures.",
            f"Write {output.with_suffix('.md')}, which GitHub and VS Code render, or write "
            f"{output.with_suffix('.mmd')} and convert it with Mermaid's own command line, mmdc.",
        )
    else:
        raise UserError(f"{output}: unknown format.", "Use a file name that ends in .md or .mmd.")
    try:
        write_text(output, content)
    except OSError as error:
        raise unwritable(output, error) from None


def mermaid(plan: Plan, record: Mapping[str, Any] | None) -> Iterator[str]:
    """The lines of the diagram of a plan; states and durations come from the record of a run."""
    nodes, edges = _nodes_and_edges(plan, record)
    yield "flowchart TD"
    yield from _level(nodes, _tree(nodes), "  ")
    for edge in edges:
        arrow = f"-->|{edge.label}|" if edge.label else "-->"
        yield f"  {_id(edge.start)} {arrow} {_id(edge.end)}"
    used = {node.state for node in nodes.values()}
    for state, (fill, stroke) in _COLOURS.items():
        if state in used:
            yield f"  classDef {_id(state)} fill:{fill},stroke:{stroke},color:#222"


def _nodes_and_edges(plan: Plan, record: Mapping[str, Any] | None) -> tuple[dict[str, _Node], list[_Edge]]:
    """What the diagram shows, by the keys that edges use."""
    nodes: dict[str, _Node] = {}
    edges: dict[_Edge, None] = {}
    inputs: dict[int, str] = {}
    for name, source in plan.inputs.items():
        if not isinstance(source, Text | Joined):
            nodes[f"in.{name}"] = _Node(name, "data")
            inputs[id(source)] = f"in.{name}"
    ran = (record or {}).get("steps", {})
    for name, step in plan.steps.items():
        about = ran.get(name, {})
        state = str(about.get("state", ""))
        nodes[name] = _Node(name, state if state in _COLOURS else "", _detail(about))
        for source in step.inputs.values():
            edges |= {_Edge(need.step, name, need.output): None for need in needs_of(source)}
            if id(source) in inputs:
                edges[_Edge(inputs[id(source)], name, "")] = None
    for name, made in plan.outputs.items():
        nodes[f"out.{name}"] = _Node(name, "data")
        edges[_Edge(made.step, f"out.{name}", made.output)] = None
    return nodes, list(edges)


@dataclass(slots=True)
class _Level:
    """The keys of one level's nodes, and the nested pipelines below it."""

    prefix: str
    keys: list[str] = field(default_factory=list)
    nested: dict[str, _Level] = field(default_factory=dict)


def _tree(nodes: Mapping[str, _Node]) -> _Level:
    top = _Level("")
    for key, node in nodes.items():
        level = top
        for name in key.split(".")[:-1] if node.state != "data" else ():
            level = level.nested.setdefault(name, _Level(f"{level.prefix}{name}."))
        level.keys.append(key)
    return top


def _level(nodes: Mapping[str, _Node], level: _Level, indent: str) -> Iterator[str]:
    """The nodes of one level, and those of the nested pipelines below it as subgraphs."""
    for key in level.keys:
        node = nodes[key]
        if node.state == "data":
            yield f'{indent}{_id(key)}[/"{node.label}"/]:::n_data'
            continue
        detail = f"<br/>{node.detail}" if node.detail else ""
        style = f":::{_id(node.state)}" if node.state else ""
        yield f'{indent}{_id(key)}["{key.removeprefix(level.prefix)}{detail}"]{style}'
    for name, below in level.nested.items():
        yield f'{indent}subgraph {_id("sub." + level.prefix + name)}["{name}"]'
        yield from _level(nodes, below, indent + "  ")
        yield f"{indent}end"


def _id(text: str) -> str:
    """An identifier that is not a keyword of Mermaid (`end`, `graph`)."""
    return "n_" + re.sub(r"\W", "_", text)


def _detail(step: Mapping[str, Any]) -> str:
    """The second line of a step's box."""
    state = step.get("state")
    if not state or state == "skipped":
        return str(state or "")
    return f"{state}, {duration(step.get('saved_seconds') or step.get('seconds') or 0.0)}"
