"""gates.yml: what a candidate must reach. All mistakes are reported at once, each at its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mlroad.core.problems import Position, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_document import Document, Fields
from mlroad.core.yaml_nodes import MapNode, ScalarNode
from mlroad.data.version import parse_reference
from mlroad.models.metric_names import METRICS, Task, of_task
from mlroad.models.suite import FOLDER

FILE = "gates.yml"
RUNTIMES = ("python",)
"""The runtimes whose inference tests gates.yml can require."""
MIN_ROWS = 20
"""The default min_rows of a slice: with fewer rows, its figure means little."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one metric must reach. At least one of the two is set."""

    limit: float | None = None
    """The worst value that is good enough."""
    max_regression: float | None = None
    """How much worse than the champion it may be, in the metric's unit."""


@dataclass(frozen=True, slots=True)
class SliceGate:
    """A threshold for the rows of each value of a column."""

    column: str
    metric: str
    threshold: Threshold
    min_rows: int
    at: Position


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The settings of the bootstrap."""

    resamples: int = 10_000
    confidence: float = 0.95
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Gates:
    """The content of gates.yml."""

    file: Path
    task: Task
    holdout: str
    """``diabetes_holdout:1``."""
    target: str
    champion_required: bool
    decide_by: str
    metrics: dict[str, Threshold]
    slices: tuple[SliceGate, ...]
    p95_ms: float | None
    max_mb: float | None
    inference_tests: tuple[str, ...]
    onnx_difference: float | None
    bootstrap: Bootstrap
    at_target: Position

    @property
    def wants_probabilities(self) -> bool:
        """Whether a metric needs the probability of class 1, so that labels are not enough."""
        asked = [*self.metrics, *(gate.metric for gate in self.slices)]
        return any(METRICS[name].needs == "probability" for name in asked)


def load_gates(file: Path, text: str | None = None) -> Gates:
    """Read gates.yml, or ``text`` as its content. Raises UserError with every problem found in it."""
    document = Document(file, text)
    return _Reader(document, document.top()).read()


class _Reader:
    def __init__(self, document: Document, top: Fields) -> None:
        self._document = document
        self._top = top

    def read(self) -> Gates:
        top = self._top
        self._refuse_empty(top)
        task = cast("Task", top.text("task", choices=("regression", "classification")))
        known = of_task(task) if task in ("regression", "classification") else tuple(METRICS)
        metrics = self._metrics(known)
        found = Gates(
            file=self._document.file,
            task=task,
            holdout=self._holdout(),
            target=top.text("target"),
            champion_required=top.text("champion", choices=("optional", "required")) == "required",
            decide_by=self._decide_by(metrics),
            metrics=metrics,
            slices=self._slices(known),
            p95_ms=self._budget("latency", "p95_ms"),
            max_mb=self._budget("size", "max_mb"),
            inference_tests=self._runtimes(),
            onnx_difference=self._budget("onnx", "max_difference", least=0),
            bootstrap=self._bootstrap(),
            at_target=self._place(top, "target"),
        )
        top.close()
        self._document.done()
        return found

    def _metrics(self, known: tuple[str, ...]) -> dict[str, Threshold]:
        fields = self._top.mapping("metrics")
        found: dict[str, Threshold] = {}
        if fields is None:
            if not self._top.has("metrics"):
                self._top.missing("metrics", f"Name at least one of {', '.join(known)}.")
            return found
        self._refuse_empty(fields)
        for name in known:
            below = fields.mapping(name)
            if below is None:
                continue
            self._refuse_empty(below)
            direction = METRICS[name].direction
            stated = below.text("direction", direction, choices=("lower", "higher"))
            if stated in ("lower", "higher") and stated != direction:
                what = f"direction is {stated}, but {direction} values of {name} are better."
                self._document.wrong(below.get("direction"), "MR704", what, f"Write {direction}.")
            found[name] = self._threshold(below, f"metrics.{name}")
            below.close()
        fields.close()
        if not fields.names():
            self._document.wrong(fields.node, "MR703", "metrics is empty.", f"Name {', '.join(known)}.")
        return found

    def _threshold(self, fields: Fields, what: str) -> Threshold:
        found = Threshold(fields.optional_number("limit"), fields.optional_number("max_regression", least=0))
        if not fields.has("limit") and not fields.has("max_regression"):
            self._document.wrong(
                fields.node, "MR703", f"{what} has no threshold.", "Write limit, max_regression, or both."
            )
        return found

    def _decide_by(self, metrics: dict[str, Threshold]) -> str:
        name = self._top.text("decide_by")
        node = self._top.get("decide_by")
        if not name or not metrics:
            return name
        if name not in metrics:
            hint = did_you_mean(name, metrics, f"Choose one of: {', '.join(metrics)}.")
            self._document.wrong(node, "MR704", f'decide_by is "{name}", which is not in metrics.', hint)
        elif metrics[name].max_regression is None:
            what = f"{name} decides, but has no max_regression, so a candidate could never be worse."
            self._document.wrong(node, "MR703", what, f"Write it at metrics.{name}.")
        return name

    def _slices(self, known: tuple[str, ...]) -> tuple[SliceGate, ...]:
        found: list[SliceGate] = []
        for item in self._top.items("slices"):
            if not isinstance(item, MapNode):
                self._document.wrong(
                    item, "MR704", "This is not a slice.", "Write {column: …, metric: …, limit: …}."
                )
                continue
            fields = Fields(self._document, item)
            self._refuse_empty(fields)
            gate = SliceGate(
                column=fields.text("column"),
                metric=fields.text("metric", choices=known),
                threshold=self._threshold(fields, "This slice"),
                min_rows=self._whole(fields, "min_rows", MIN_ROWS, least=1),
                at=self._place(fields, "column"),
            )
            fields.close()
            if any((gate.column, gate.metric) == (other.column, other.metric) for other in found):
                what = f"Duplicate slice: {gate.metric} by {gate.column}."
                self._document.wrong(item, "MR704", what, "Keep one of them.")
            found.append(gate)
        return tuple(found)

    def _budget(self, key: str, name: str, least: float = 0.001) -> float | None:
        fields = self._top.mapping(key)
        if fields is None:
            return None
        self._refuse_empty(fields)
        value = fields.number(name, least=least)
        fields.close()
        return value

    def _runtimes(self) -> tuple[str, ...]:
        # A model that has inference tests is held to them, also if gates.yml does not mention them.
        if not self._top.has("inference_tests") and (self._document.file.parent / FOLDER).is_dir():
            return ("python",)
        found: list[str] = []
        for item in self._top.items("inference_tests"):
            name = item.value if isinstance(item, ScalarNode) else None
            if name not in RUNTIMES:
                hint = did_you_mean(str(name), RUNTIMES, f"Choose one of: {', '.join(RUNTIMES)}.")
                self._document.wrong(item, "MR704", f"{name} is not a runtime of inference tests.", hint)
            else:
                found.append(str(name))
        return tuple(dict.fromkeys(found))

    def _bootstrap(self) -> Bootstrap:
        fields = self._top.mapping("bootstrap")
        if fields is None:
            return Bootstrap()
        self._refuse_empty(fields)
        found = Bootstrap(
            self._whole(fields, "resamples", 10_000, least=100, most=1_000_000),
            fields.number("confidence", 0.95, least=0.5, most=0.999),
            self._whole(fields, "seed", 7, least=0, most=2**32 - 1),
        )
        fields.close()
        return found

    def _holdout(self) -> str:
        text = self._top.text("holdout")
        if not text:
            return ""
        try:
            return ":".join(parse_reference(text))
        except UserError as error:
            fix = "Write azureml:name:version."
            self._document.wrong(self._top.get("holdout"), "MR704", str(error), fix)
            return ""

    def _whole(self, fields: Fields, name: str, default: int, *, least: int, most: float = 1e9) -> int:
        value = fields.number(name, default, least=least, most=most)
        if math.isfinite(value) and value != int(value):
            self._document.wrong(fields.get(name), "MR704", f"{name} is {value:g}.", "Write a whole number.")
        return int(value) if math.isfinite(value) else default

    def _refuse_empty(self, fields: Fields) -> None:
        """Report a key without a value, which would silently disable the gate that it names."""
        for name, key, _ in fields.node:
            if fields.node.get(name) is None:
                self._document.wrong(key, "MR704", f"{name} has no value.", "Write one, or remove the key.")

    def _place(self, fields: Fields, name: str) -> Position:
        node = fields.get(name)
        return node.at if node else fields.node.at
