"""gates.yml: what a candidate must reach. All mistakes are reported at once, each at its place."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mlroad.core.problems import Position, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_document import Document, Fields
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.data.version import parse_reference
from mlroad.gate.own_metrics import OwnMetric, read_own_metrics
from mlroad.models.metric_names import TASKS, Metric, Task, metric_of, of_task
from mlroad.models.runtimes import RUNTIMES as ALL_RUNTIMES
from mlroad.models.suite import FOLDER

FILE = "gates.yml"
RUNTIMES = tuple(name for name in ALL_RUNTIMES if name != "http")
"""The runtimes whose inference tests gates.yml can require. A gate starts no server: `http` is not here."""
MIN_ROWS = 20
"""The default min_rows of a slice: with fewer rows, its figure means little."""
_COLUMNS: dict[str, tuple[tuple[Task, ...], str]] = {
    "query": (("ranking",), "rows with one value are ranked together"),
    "time": (("forecast",), "the moment that a row's value is for"),
    "series": (("forecast",), ""),
    "resample_by": (TASKS, ""),
}
"""The keys that name a column: for which tasks, and what is in it if the key is required."""
_T = TypeVar("_T")


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
class LabelledFiles:
    """A holdout that is a folder of files: the table in it with their labels, and its column of paths."""

    table: str
    column: str


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
    targets: tuple[str, ...]
    """The columns to predict: several labels of multilabel, several outputs of a regression, or one."""
    champion_required: bool
    decide_by: str
    metrics: dict[str, Threshold]
    slices: tuple[SliceGate, ...]
    p95_ms: float | None
    max_ratio: float | None
    """How many times as long as the champion it may take."""
    machine_ms: float | None
    """The machine that p95_ms is for: what the fixed computation of `mlroad.gate.latency` takes there."""
    max_mb: float | None
    inference_tests: tuple[str, ...]
    onnx_difference: float | None
    bootstrap: Bootstrap
    places: Mapping[str, Position]
    """Where each key has its value."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The holdout's columns by their key: `query`, `time`, `series`, `resample_by`."""
    classes: tuple[str, ...] = ()
    """The classes in the order of a model's probabilities; empty: the target's values, sorted."""
    quantiles: tuple[float, ...] = ()
    season: int = 1
    """The steps in time after which values repeat; `mase` compares with the value so long ago."""
    block: int | None = None
    """The steps in time that are resampled together."""
    own_metrics: Mapping[str, OwnMetric] = field(default_factory=dict)
    """The metrics of the team's own (evaluation.py), by name."""

    files: LabelledFiles | None = None
    """None: the holdout is a table."""

    @property
    def target(self) -> str:
        """The target for people."""
        return ", ".join(self.targets)

    def metric(self, name: str) -> Metric:
        """A metric that gates.yml names."""
        if own := self.own_metrics.get(name):
            return own.metric
        found = metric_of(name, self.task)
        assert found, name
        return found

    @property
    def classes_are_told(self) -> bool:
        """Whether the task is about classes or labels."""
        return self.task in ("binary", "multiclass", "multilabel")

    def at(self, key: str) -> Position:
        """The place of a key's value, or of the file."""
        return self.places.get(key, Position(self.file))

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that are measured, on all rows or in slices."""
        return tuple(dict.fromkeys([*self.metrics, *(gate.metric for gate in self.slices)]))

    def wants(self, needs: str) -> bool:
        """Whether a metric needs this from a model's answers."""
        return any(self.metric(name).needs == needs for name in self.names)


def current_runtime(name: object) -> object:
    """The name of a runtime: `pyfunc` was `python` up to version 0.2, as old gates and verdicts still say."""
    return "pyfunc" if name == "python" else name


def load_gates(file: Path, text: str | None = None) -> Gates:
    """Read gates.yml, or ``text`` as its content. Raises UserError with every problem found in it."""
    document = Document(file, text)
    return _Reader(document, document.top(), read_own_metrics(file.parent)).read()


class _Reader:
    def __init__(self, document: Document, top: Fields, own: Mapping[str, OwnMetric]) -> None:
        self._own = own
        self._document = document
        self._top = top

    def read(self) -> Gates:
        top = self._top
        self._refuse_empty(top)
        task = self._task()
        metrics = self._metrics(task)
        slices = self._slices(task)
        p95_ms, max_ratio, machine_ms = self._latency()
        found = Gates(
            file=self._document.file,
            task=task or "regression",  # without one, `done` raises an error
            holdout=self._holdout(),
            targets=self._targets(task),
            champion_required=top.text("champion", choices=("optional", "required")) == "required",
            decide_by=self._decide_by(metrics),
            metrics=metrics,
            slices=slices,
            p95_ms=p95_ms,
            max_ratio=max_ratio,
            machine_ms=machine_ms,
            max_mb=self._budget("size", "max_mb"),
            inference_tests=self._runtimes(),
            onnx_difference=self._budget("onnx", "max_difference", least=0),
            bootstrap=self._bootstrap(),
            places={
                key: self._place(top, key)
                for key in ("target", "files", *_COLUMNS, "classes", "quantiles", "inference_tests")
            },
            columns=self._columns(task),
            own_metrics=self._own,
            files=self._files(),
            classes=self._classes(task),
            quantiles=self._quantiles(task, metrics, slices),
            season=self._of_tasks(
                "season", task, ("forecast",), lambda: self._whole(top, "season", 1, least=1)
            )
            or 1,
            block=self._of_tasks("block", task, ("forecast",), lambda: self._whole(top, "block", 1, least=1)),
        )
        top.close()
        self._document.done()
        return found

    def _task(self) -> Task | None:
        node = self._top.get("task")
        said = node.value if isinstance(node, ScalarNode) else None
        if said == "classification":
            what = "task cannot be classification."
            self._document.wrong(node, "MR704", what, "Write binary (two classes) or multiclass.")
            return None
        task = self._top.text("task", choices=TASKS)
        return next((known for known in TASKS if known == task), None)

    def _metric(self, name: str, task: Task | None, at: Node | Position | None) -> Metric | None:
        """A metric by its name; a problem is noted if the task has none of that name."""
        found = self._own[name].metric if name in self._own else metric_of(name, task)
        if found is None:
            known = (*self._own, *(of_task(task) if task else ()))
            which = f"Choose one of: {', '.join(known)}." if known else "See docs/factory.md."
            hint = f"{did_you_mean(name, known)} {which}".strip()
            self._document.wrong(at, "MR702", f"{name} is not a metric of {task or 'any task'}.", hint)
        return found

    def _metrics(self, task: Task | None) -> dict[str, Threshold]:
        fields = self._top.mapping("metrics")
        found: dict[str, Threshold] = {}
        known = of_task(task) if task else ()
        if fields is None:
            if not self._top.has("metrics"):
                self._top.missing("metrics", f"Name at least one of {', '.join(known)}.")
            return found
        self._refuse_empty(fields)
        for name in fields.names():
            metric = self._metric(name, task, fields.node.key_at(name))
            below = fields.mapping(name)
            if metric is None or below is None:
                continue
            self._refuse_empty(below)
            direction = metric.direction
            stated = below.text("direction", direction, choices=("lower", "higher"))
            if stated in ("lower", "higher") and stated != direction:
                what = f"direction is {stated}, but {direction} values of {name} are better."
                self._document.wrong(below.get("direction"), "MR704", what, f"Write {direction}.")
            found[name] = self._threshold(below, f"metrics.{name}", metric)
            below.close()
        if not fields.names():
            self._document.wrong(fields.node, "MR703", "metrics is empty.", f"Name {', '.join(known)}.")
        return found

    def _targets(self, task: Task | None) -> tuple[str, ...]:
        one = not isinstance(self._top.get("target"), ListNode)
        if task != "multilabel" and (one or task != "regression"):
            return (self._top.text("target"),)
        if not self._top.has("target"):
            self._top.missing("target", "List the columns of the labels.")
            return ()
        found = self._texts("target")
        if task == "regression":
            if self._top.has("quantiles"):
                what = "quantiles are for one target, and there are several."
                self._document.wrong(self._top.get("quantiles"), "MR704", what, "Remove one of both.")
            return found
        if len(found) == 1:
            what = "target has one label."
            self._document.wrong(
                self._top.get("target"), "MR704", what, "Name several, or write task: binary."
            )
        return found

    def _files(self) -> LabelledFiles | None:
        fields = self._top.mapping("files")
        if fields is None:
            return None
        self._refuse_empty(fields)
        found = LabelledFiles(fields.text("table"), fields.text("column"))
        fields.close()
        return found

    def _some(self, key: str) -> list[Node]:
        """The items of a list that has no meaning without any."""
        node = self._top.get(key)
        if isinstance(node, ListNode) and not node.items:
            self._document.wrong(node, "MR704", f"{key} is empty.", f"Name at least one, or remove {key}.")
        return self._top.items(key)

    def _texts(self, key: str) -> tuple[str, ...]:
        """A list of distinct texts; numbers and truth values count as they are written."""
        found: list[str] = []
        for item in self._some(key):
            value = item.text if isinstance(item, ScalarNode) else ""
            if not value or value in found:
                what = f"{value} is named twice in {key}." if value else f"An item of {key} is not a name."
                self._document.wrong(item, "MR704", what, "Name each once.")
            else:
                found.append(value)
        return tuple(found)

    def _columns(self, task: Task | None) -> dict[str, str]:
        found = {}
        for key, (tasks, needed) in _COLUMNS.items():

            def read(key: str = key) -> str:
                return self._top.text(key)

            name = self._of_tasks(key, task, tasks, read)
            if name and name in self._targets_named():
                what = f"{key} is {name}, which is the target."
                self._document.wrong(self._top.get(key), "MR704", what, "Name another column.")
            elif name:
                found[key] = name
            elif needed and task in tasks and not self._top.has(key):
                self._top.missing(key, f"Name the column: {needed}.")
        if "resample_by" in found and task in ("ranking", "forecast"):
            what = f"A {task} is resampled by {'query' if task == 'ranking' else 'blocks in time'}."
            self._document.wrong(self._top.get("resample_by"), "MR704", what, "Remove resample_by.")
        return found

    def _targets_named(self) -> set[str]:
        node = self._top.get("target")
        items = self._top.items("target") if isinstance(node, ListNode) else [node]
        return {item.text for item in items if isinstance(item, ScalarNode)}

    def _classes(self, task: Task | None) -> tuple[str, ...]:
        found = (
            self._of_tasks("classes", task, ("binary", "multiclass"), lambda: self._texts("classes")) or ()
        )
        if found and (len(found) != 2 if task == "binary" else len(found) < 2):
            need = "two, the positive one last" if task == "binary" else "at least two"
            self._document.wrong(
                self._top.get("classes"), "MR704", f"classes has {len(found)}.", f"Name {need}."
            )
        return found

    def _quantiles(
        self, task: Task | None, metrics: Mapping[str, Threshold], slices: Sequence[SliceGate]
    ) -> tuple[float, ...]:
        found = self._of_tasks("quantiles", task, ("regression", "forecast"), self._levels) or ()
        names = [*metrics, *(gate.metric for gate in slices)]
        named = [name for name in names if (its := metric_of(name, task)) and its.needs == "value"]
        if found and named and 0.5 not in found:
            what = f"{named[0]} is measured on the median, but quantiles has no 0.5."
            self._document.wrong(self._top.get("quantiles"), "MR704", what, "Add 0.5.")
        return found

    def _levels(self) -> tuple[float, ...]:
        found: list[float] = []
        for item in self._some("quantiles"):
            value = item.value if isinstance(item, ScalarNode) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
                self._document.wrong(item, "MR704", "A quantile is not between 0 and 1.", "Write 0.1 or 0.9.")
            elif found and value <= found[-1]:
                self._document.wrong(item, "MR704", "quantiles are not in order.", "Sort them, each once.")
            else:
                found.append(float(value))
        return tuple(found)

    def _of_tasks(
        self, key: str, task: Task | None, tasks: Sequence[str], read: Callable[[], _T]
    ) -> _T | None:
        """The value of an optional key that only some tasks have."""
        if not self._top.has(key):
            return None
        found = read()
        if task and task not in tasks:
            what = f"{key} is for {' and '.join(tasks)}, but the task is {task}."
            self._document.wrong(self._top.node.key_at(key), "MR704", what, f"Remove {key}.")
        return found

    def _threshold(self, fields: Fields, what: str, metric: Metric | None) -> Threshold:
        found = Threshold(fields.optional_number("limit"), fields.optional_number("max_regression", least=0))
        if not fields.has("limit") and not fields.has("max_regression"):
            self._document.wrong(
                fields.node, "MR703", f"{what} has no threshold.", "Write limit, max_regression, or both."
            )
        if metric and found.limit is not None and not metric.low <= found.limit <= metric.high:
            span = (
                f"from {metric.low:g} to {metric.high:g}"
                if math.isfinite(metric.high)
                else f"{metric.low:g} or more"
            )
            span = span if math.isfinite(metric.low) else f"at most {metric.high:g}"
            what = f"limit is {found.limit:g}, but the metric is always {span}."
            self._document.wrong(fields.get("limit"), "MR704", what, "Write a limit in that range.")
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

    def _slices(self, task: Task | None) -> tuple[SliceGate, ...]:
        found: list[SliceGate] = []
        for item in self._top.items("slices"):
            if not isinstance(item, MapNode):
                self._document.wrong(
                    item, "MR704", "This is not a slice.", "Write {column: …, metric: …, limit: …}."
                )
                continue
            fields = Fields(self._document, item)
            self._refuse_empty(fields)
            name = fields.text("metric")
            metric = self._metric(name, task, fields.get("metric")) if name else None
            gate = SliceGate(
                column=fields.text("column"),
                metric=name,
                threshold=self._threshold(fields, "This slice", metric),
                min_rows=self._whole(fields, "min_rows", MIN_ROWS, least=1),
                at=self._place(fields, "column"),
            )
            fields.close()
            if any((gate.column, gate.metric) == (other.column, other.metric) for other in found):
                what = f"Duplicate slice: {gate.metric} by {gate.column}."
                self._document.wrong(item, "MR704", what, "Keep one of them.")
            found.append(gate)
        return tuple(found)

    def _latency(self) -> tuple[float | None, float | None, float | None]:
        fields = self._top.mapping("latency")
        if fields is None:
            return None, None, None
        self._refuse_empty(fields)
        found = (
            fields.number("p95_ms", least=0.001),
            fields.optional_number("max_ratio", least=1),
            fields.optional_number("machine_ms", least=0.001),
        )
        fields.close()
        return found

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
            return ("pyfunc",)
        found: list[str] = []
        for item in self._top.items("inference_tests"):
            name = current_runtime(item.value) if isinstance(item, ScalarNode) else None
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
            node = fields.node.get(name)
            if node is None or (isinstance(node, ScalarNode) and not node.text.strip()):
                self._document.wrong(key, "MR704", f"{name} has no value.", "Write one, or remove the key.")

    def _place(self, fields: Fields, name: str) -> Position:
        node = fields.get(name)
        return node.at if node else fields.node.at
