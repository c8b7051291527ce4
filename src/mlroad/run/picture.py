"""A graph as a picture: layers from top to bottom, after Sugiyama, Tagawa and Toda (1981).

Every node stands one layer below the lowest that it depends on; an edge over several layers passes invisible
nodes between; a few sweeps put each node near the middle of its neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from mlroad.core.problems import UserError
from mlroad.run.graph import COLOURS, Graph, Node

_CHARACTER, _HEIGHT, _GAP, _LAYER_GAP, _MARGIN = 7.6, 46.0, 26.0, 52.0, 20.0
_BEND_WIDTH = 12.0
_SWEEPS = 12


@dataclass(slots=True)
class Box:
    """Where a node stands: its middle and its width, in pixels. ``node`` is None for the bend of an edge."""

    key: str
    node: Node | None
    width: float
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes, edges as chains of boxes, and the size of the whole."""

    boxes: Mapping[str, Box]
    chains: tuple[tuple[str, ...], ...]
    width: float
    height: float


def lay_out(graph: Graph) -> Layout:
    """Give every node its place."""
    depth = _depths(graph)
    boxes = {key: Box(key, node, _width(node)) for key, node in graph.nodes.items()}
    layers: list[list[Box]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for key, layer in depth.items():
        layers[layer].append(boxes[key])
    chains: list[tuple[str, ...]] = []
    for number, (start, end) in enumerate(dict.fromkeys((edge.start, edge.end) for edge in graph.edges)):
        chain = [start]
        for layer in range(depth[start] + 1, depth[end]):
            bend = Box(f"{number}:{layer}", None, _BEND_WIDTH)
            boxes[bend.key] = bend
            layers[layer].append(bend)
            chain.append(bend.key)
        chains.append((*chain, end))
    above: dict[str, list[Box]] = {key: [] for key in boxes}
    below: dict[str, list[Box]] = {key: [] for key in boxes}
    for links in chains:
        for upper, lower in pairwise(links):
            above[lower].append(boxes[upper])
            below[upper].append(boxes[lower])
    for number, boxes_of_layer in enumerate(layers):
        _place(boxes_of_layer, {})
        for box in boxes_of_layer:
            box.y = _MARGIN + _HEIGHT / 2 + number * (_HEIGHT + _LAYER_GAP)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for boxes_of_layer in layers if down else reversed(layers):
            _place(boxes_of_layer, above if down else below)
    left = min((box.x - box.width / 2 for box in boxes.values()), default=0.0) - _MARGIN
    for box in boxes.values():
        box.x -= left
    width = max((box.x + box.width / 2 for box in boxes.values()), default=0.0) + _MARGIN
    return Layout(
        boxes, tuple(chains), width, len(layers) * (_HEIGHT + _LAYER_GAP) - _LAYER_GAP + 2 * _MARGIN
    )


def svg(graph: Graph) -> str:
    """The picture as SVG."""
    layout = lay_out(graph)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width:.0f}" height="{layout.height:.0f}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{escape(graph.title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#666"/></marker></defs>',
        f'<rect width="{layout.width:.0f}" height="{layout.height:.0f}" fill="white"/>',
    ]
    for chain in layout.chains:
        points = _points(layout, chain)
        path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (y0 + y1) / 2
            path += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
        lines.append(
            f'<path d="{path}" fill="none" stroke="#666" stroke-width="1.3" marker-end="url(#tip)"/>'
        )
    for box in layout.boxes.values():
        if box.node:
            lines += _svg_box(box, box.node)
    return "\n".join([*lines, "</svg>", ""])


def png(graph: Graph) -> bytes:
    """The picture as PNG, drawn by matplotlib. Raises UserError where that is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch
        from matplotlib.path import Path as Curve
    except ImportError:
        raise UserError(
            "A PNG needs matplotlib, which is not installed.", "Write an .svg, which needs nothing."
        ) from None
    layout = lay_out(graph)
    figure = Figure(figsize=(layout.width / 100, layout.height / 100), dpi=200)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, layout.width)
    axes.set_ylim(layout.height, 0)
    axes.axis("off")
    for chain in layout.chains:
        points = _points(layout, chain)
        places, codes = [points[0]], [Curve.MOVETO]
        for (x0, y0), (x1, y1) in pairwise(points):
            places += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)]
            codes += [Curve.CURVE4] * 3
        axes.add_patch(PathPatch(Curve(places, codes), facecolor="none", edgecolor="#666", linewidth=0.9))
        x, y = points[-1]
        axes.fill([x - 3.5, x + 3.5, x], [y - 7, y - 7, y], color="#666")
    for box in layout.boxes.values():
        if box.node:
            area, line = COLOURS[box.node.state]
            style = "round,pad=0,rounding_size=" + ("20" if box.node.state == "data" else "6")
            corner = (box.x - box.width / 2, box.y - _HEIGHT / 2)
            axes.add_patch(
                FancyBboxPatch(corner, box.width, _HEIGHT, boxstyle=style, facecolor=area, edgecolor=line)
            )
            shift = 8 if box.node.about else 0
            axes.text(
                box.x, box.y - shift, box.node.label, ha="center", va="center", fontsize=9.5, weight="bold"
            )
            axes.text(box.x, box.y + 10, box.node.about, ha="center", va="center", fontsize=8, color="#444")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _svg_box(box: Box, node: Node) -> list[str]:
    area, line = COLOURS[node.state]
    corner = 22 if node.state == "data" else 6
    left, top = box.x - box.width / 2, box.y - _HEIGHT / 2
    text = f'<text x="{box.x:.1f}" text-anchor="middle"'
    shift = 2 if node.about else -5
    lines = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{_HEIGHT:.0f}" rx="{corner}" '
        f'fill="{area}" stroke="{line}" stroke-width="1.4"/>',
        f'{text} y="{box.y - shift:.1f}" font-size="13" font-weight="bold" fill="#222">'
        f"{escape(node.label)}</text>",
    ]
    if node.about:
        lines.append(f'{text} y="{box.y + 14:.1f}" font-size="11" fill="#444">{escape(node.about)}</text>')
    return lines


def _depths(graph: Graph) -> dict[str, int]:
    """The layer of each node: one below its lowest giver. Inputs sink to just above their first reader."""
    readers: dict[str, list[str]] = {key: [] for key in graph.nodes}
    waiting = dict.fromkeys(graph.nodes, 0)
    pairs = set(dict.fromkeys((edge.start, edge.end) for edge in graph.edges))
    for start, end in pairs:
        readers[start].append(end)
        waiting[end] += 1
    depth = dict.fromkeys(graph.nodes, 0)
    ready = [key for key, count in waiting.items() if not count]
    roots = set(ready)
    for key in ready:
        for reader in readers[key]:
            depth[reader] = max(depth[reader], depth[key] + 1)
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    for key in roots:
        depth[key] = max(0, min((depth[reader] for reader in readers[key]), default=1) - 1)
    return depth


def _place(layer: list[Box], neighbours: Mapping[str, list[Box]]) -> None:
    """Put a layer's boxes side by side, each as near to the middle of its neighbours as the others allow."""
    wanted = {
        box.key: sum(other.x for other in near) / len(near) if (near := neighbours.get(box.key)) else box.x
        for box in layer
    }
    layer.sort(key=lambda box: wanted[box.key])
    edge = float("-inf")
    for box in layer:
        box.x = max(wanted[box.key], edge + _GAP + box.width / 2)
        edge = box.x + box.width / 2
    if layer:
        shift = sum(wanted[box.key] - box.x for box in layer) / len(layer)
        for box in layer:
            box.x += shift


def _points(layout: Layout, chain: tuple[str, ...]) -> list[tuple[float, float]]:
    """Where an edge passes: from the lower side of its start to the upper side of its end."""
    first, *bends, last = (layout.boxes[key] for key in chain)
    points = [(first.x, first.y + _HEIGHT / 2)]
    for bend in bends:
        points += [(bend.x, bend.y - _HEIGHT / 2), (bend.x, bend.y + _HEIGHT / 2)]
    return [*points, (last.x, last.y - _HEIGHT / 2)]


def _width(node: Node) -> float:
    return max(len(node.label) * _CHARACTER * 1.08, len(node.about) * _CHARACTER * 0.85, 40.0) + 28.0
