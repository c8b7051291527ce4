"""`mlroad graph`: a pipeline's steps, how data flows, and the last run's states, as Mermaid, SVG or PNG."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.run_folders import last_run
from mlroad.run.display import duration
from mlroad.run.launch import pipeline_file
from mlroad.run.plan import Joined, Plan, Text, make_plan, needs_of

COLOURS = {
    "completed": ("#d7f2de", "#2a7a3b"),
    "reused": ("#d9ecfb", "#1f5f99"),
    "failed": ("#fbdcdc", "#b02525"),
    "timed out": ("#fbdcdc", "#b02525"),
    "cancelled": ("#fdf0cf", "#94691a"),
    "interrupted": ("#fdf0cf", "#94691a"),
    "skipped": ("#eeeeee", "#777777"),
    "running": ("#fff8d6", "#94691a"),
    "data": ("#f4f0fa", "#6b4fa0"),
    "": ("#ffffff", "#444444"),
}
"""State to colours of the area and of the line; ``data`` is an input or output of the pipeline."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step, or an input or output of the pipeline."""

    key: str
    label: str
    about: str
    state: str


@dataclass(frozen=True, slots=True)
class Edge:
    """Data that flows from one node to another; ``name`` is what the giving side calls it."""

    start: str
    end: str
    name: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn."""

    title: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]


def graph_command(path: Path, output: Path | None) -> str:
    """The text to print. Raises UserError for a pipeline that cannot be read, or for an unknown format."""
    from mlroad.pipeline.loader import load_pipeline

    file = pipeline_file(path)
    loaded = load_pipeline(file)
    if loaded.job is None or loaded.errors:
        raise UserError(loaded.errors or loaded.problems)
    plan = make_plan(loaded.job)
    graph = make_graph(plan, last_run(file), loaded.job.display_name or file.parent.name)
    if output is None:
        return "\n".join(mermaid(graph))
    formats = {".svg": _svg, ".png": _png, ".mmd": _mermaid, ".md": _markdown}
    if output.suffix not in formats:
        raise UserError(f"{output} is in no format known here.", f"End its name in {', '.join(formats)}.")
    content = formats[output.suffix](graph)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{output} cannot be written: {error.strerror}.") from None
    return f"wrote {output}"


def make_graph(plan: Plan, record: Mapping[str, Any] | None, title: str) -> Graph:
    """Nodes and edges of a plan, with states from the record of a run."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    by_source: dict[int, str] = {}
    for name, source in plan.inputs.items():
        if not isinstance(source, Text | Joined):
            nodes[f"in.{name}"] = Node(f"in.{name}", name, "input", "data")
            by_source[id(source)] = f"in.{name}"
    ran = (record or {}).get("steps", {})
    for name, step in plan.steps.items():
        state = str(ran.get(name, {}).get("state", ""))
        nodes[name] = Node(name, name, _about(ran.get(name, {})), state if state in COLOURS else "")
        for source in step.inputs.values():
            edges += [Edge(need.step, name, need.output) for need in needs_of(source)]
            if id(source) in by_source:
                edges.append(Edge(by_source[id(source)], name, ""))
    for name, made in plan.outputs.items():
        nodes[f"out.{name}"] = Node(f"out.{name}", name, "output", "data")
        edges.append(Edge(made.step, f"out.{name}", made.output))
    return Graph(title, nodes, tuple(dict.fromkeys(edges)))


def mermaid(graph: Graph) -> Iterator[str]:
    """The graph in Mermaid's language, which GitHub and VS Code draw."""
    yield "flowchart TD"
    yield from _members(graph, "", "  ")
    for edge in graph.edges:
        arrow = f"-->|{edge.name}|" if edge.name else "-->"
        yield f"  {_key(edge.start)} {arrow} {_key(edge.end)}"
    used = {node.state for node in graph.nodes.values()}
    for state, (area, line) in COLOURS.items():
        if state and state in used:
            yield f"  classDef {_key(state)} fill:{area},stroke:{line},color:#222"


def _members(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    """The nodes of one level, and those of the nested pipelines below it as subgraphs."""
    inner: dict[str, None] = {}
    for node in graph.nodes.values():
        if node.state == "data":
            if not prefix:
                yield f'{indent}{_key(node.key)}[/"{node.label}"/]:::n_data'
        elif node.key.startswith(prefix):
            rest = node.key.removeprefix(prefix)
            if "." in rest:
                inner[rest.split(".", maxsplit=1)[0]] = None
            else:
                about = f"<br/>{node.about}" if node.about else ""
                style = f":::{_key(node.state)}" if node.state else ""
                yield f'{indent}{_key(node.key)}["{rest}{about}"]{style}'
    for name in inner:
        yield f'{indent}subgraph {_key("sub." + prefix + name)}["{name}"]'
        yield from _members(graph, f"{prefix}{name}.", indent + "  ")
        yield f"{indent}end"


def _key(text: str) -> str:
    """A name that is no word of Mermaid's own (`end`, `graph`)."""
    return "n_" + re.sub(r"\W", "_", text)


def _about(step: Mapping[str, Any]) -> str:
    state = step.get("state")
    if not state or state == "skipped":
        return str(state or "")
    seconds = step.get("saved_seconds") or step.get("seconds") or 0.0
    return f"{state}, {duration(seconds)}"


def _svg(graph: Graph) -> bytes:
    from mlroad.run.picture import svg

    return svg(graph).encode()


def _png(graph: Graph) -> bytes:
    from mlroad.run.picture import png

    return png(graph)


def _mermaid(graph: Graph) -> bytes:
    return ("\n".join(mermaid(graph)) + "\n").encode()


def _markdown(graph: Graph) -> bytes:
    return ("```mermaid\n" + "\n".join(mermaid(graph)) + "\n```\n").encode()
