"""Measure the team's own metrics: in a process of their own at the gate, from the records at `register`.

Metrics of rows and scorers are measured once for each row of each model and recorded. A metric of samples is
measured when the bootstrap asks for a sample, and each value is recorded under a digest of the sample's rows:
`register` draws the same samples and finds the values again.
"""

import contextlib
import hashlib
import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlroad.core.repo import cache_folder
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.measures import Floats, Measure, OfSamples, Rows, Unmeasurable, Weights, by_row
from mlroad.gate.own_metrics import FILE, OwnMetric
from mlroad.gate.records import ModelAnswers, OwnRecords, Values
from mlroad.models.model_process import ModelBroken, ModelProcess
from mlroad.models.suite import file_digest

SECONDS = 120.0
"""A metric of samples may take so much time of a processor, all samples together."""
_PROCESSES = 2
"""They measure samples at the same time."""
_AT_ONCE = 16
"""Samples of one request."""
_Counts = NDArray[Any]
"""[samples, units]."""
_PROGRESS = 10.0
_SAME = 1e-9


@dataclass(slots=True)
class Spent:
    """What a scorer has used of its budget, for all models that are compared."""

    calls: int = 0
    seconds: float = 0.0


Spending = dict[str, Spent]
"""By the scorer's name."""


@dataclass(slots=True)
class OwnMeasures:
    """The own metrics that gates.yml names. Without processes, only what is recorded is known."""

    metrics: Mapping[str, OwnMetric]
    records: OwnRecords
    digest: str
    """Of evaluation.py as it is now."""
    processes: Sequence[ModelProcess] = ()
    again: str = ""
    _free: SimpleQueue[ModelProcess] = field(default_factory=SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of a processor that metrics of samples have taken, by name."""
    _shown: float = 0.0

    def __post_init__(self) -> None:
        for process in self.processes:
            self._free.put(process)

    def measures(self, name: str, models: Sequence[str], numbers: Rows) -> list[Measure]:
        """A metric of each model's answers to these rows. Raises Unmeasurable."""
        if self.records.digest != self.digest:
            raise Unmeasurable(f"{FILE} has changed since it was measured. {self.again}")
        if self.records.error:
            raise Unmeasurable(self.records.error)
        if self.metrics[name].form == "sample":

            def of(counts: Weights, units: Rows | None) -> Floats:
                return self._samples(name, models, (numbers, units), counts)

            return [OfSamples(of, model) for model in range(len(models))]
        return [by_row(self._by_row(name, which)[numbers]) for which in models]

    def _by_row(self, name: str, of: str) -> Values:
        found = self.records.values.get((name, of))
        if found is None or found.values is None:
            raise Unmeasurable(found.error if found else f"its values are not recorded. {self.again}")
        return found.values

    def _samples(
        self, name: str, models: Sequence[str], rows: tuple[Rows, Rows | None], counts: Weights
    ) -> Floats:
        """The metric of each sample, [models, resamples]: what is recorded; the rest is measured."""
        known = [self.records.samples.setdefault((name, of), {}) for of in models]
        kind = np.uint8 if counts.dtype == np.uint8 else np.uint16
        by_sample = np.ascontiguousarray(counts.T).astype(kind, copy=False)
        digests = _digests(*rows, by_sample)
        unknown = [place for place, its in enumerate(digests) if any(its not in of for of in known)]
        parts = [unknown[start : start + _AT_ONCE] for start in range(0, len(unknown), _AT_ONCE)]
        with ThreadPoolExecutor(_PROCESSES) as threads:
            found = threads.map(lambda part: self._measured(name, models, (*rows, by_sample[part])), parts)
            for part, values in zip(parts, found, strict=True):
                for of, its in zip(known, values.T.tolist(), strict=True):
                    of.update(zip((digests[place] for place in part), its, strict=True))
        return np.array([[of[its] for its in digests] for of in known])

    def _measured(self, name: str, models: Sequence[str], drawn: tuple[Rows, Rows | None, _Counts]) -> Floats:
        """The metric of each sample, [resamples, models]."""
        if not self.processes:
            raise Unmeasurable(f"a sample of it is not recorded. {self.again}")
        spent = self.spent.get(name, 0.0)
        done = len(self.records.samples[name, models[0]])
        if spent > SECONDS:
            raise Unmeasurable(
                f"{done:,} samples took {SECONDS:g} s of a processor, which is the limit. Make it faster, "
                "lower bootstrap.resamples, or give one value for each row"
            )
        request = {"form": "samples", "name": name, "of": list(models)}
        process = self._free.get()
        try:
            values, seconds = process.measure_samples(request, drawn)
            numbers, units, counts = drawn
            again = process.measure_samples(request, (numbers, units, counts[:1]))[0] if not done else values
            if not np.array_equal(again[:1], values[:1], equal_nan=True):
                raise ModelBroken("it gives two values for the same rows: it is not deterministic")
            for value in values.flat:
                _checked(name, value)
        except ModelBroken as error:
            raise Unmeasurable(f"{error} ({FILE})") from None
        finally:
            self._free.put(process)
        self._note(name, seconds, done)
        return values

    def _note(self, name: str, seconds: float, done: int) -> None:
        """Add to what a metric has used, and print how far it is."""
        with self._lock:
            self.spent[name] = self.spent.get(name, 0.0) + seconds
            if time.monotonic() - self._shown > _PROGRESS:
                if self._shown:
                    print(f"{name}: {done:,} samples measured", file=sys.stderr, flush=True)
                self._shown = time.monotonic()


def _digests(numbers: Rows, units: Rows | None, counts: _Counts) -> list[str]:
    """The name of each sample in the records."""
    common = hashlib.blake2b(numbers.astype(np.int64).tobytes(), digest_size=8)
    if units is not None:
        common.update(units.astype(np.int64).tobytes())
    found = []
    for count in counts:
        its = common.copy()
        its.update(count)
        found.append(its.hexdigest())
    return found


@contextlib.contextmanager
def measuring(
    model_folder: Path,
    root: Path,
    gates: Gates,
    table: Holdout | None,
    answers: Mapping[str, ModelAnswers | None],
    spent: Spending | None = None,
) -> Iterator[OwnMeasures | None]:
    """Measure the own metrics of rows and the scorers; samples follow on demand. None if there are none.

    ``spent`` is what scorers have used of their budgets already: it is updated.
    """
    spent = {} if spent is None else spent
    named = _named(gates)
    given = {of: its.values for of, its in answers.items() if its is not None and its.values is not None}
    if not named or table is None or not given:
        yield None
        return
    file = model_folder / FILE
    digest = file_digest(file)
    found = OwnRecords(digest)
    with contextlib.ExitStack() as stack:
        open_ = _Processes(file, _data(table, gates, given), stack)
        try:
            for metric in named.values():
                process = open_.of(metric)
                for of, values in given.items():
                    if metric.form == "scorer":
                        cache = _Scores(root, model_folder.name, metric.name, digest)
                        found.values[metric.name, of] = _scored(
                            process,
                            metric,
                            (of, values),
                            table,
                            cache,
                            spent.setdefault(metric.name, Spent()),
                        )
                    elif metric.form == "rows":
                        found.values[metric.name, of] = _of_rows(process, metric.name, of, len(values))
        except ModelBroken as error:
            found.error = f"{FILE} cannot be used: {error}"
        samples = [metric for metric in named.values() if metric.form == "sample"]
        live = []
        if samples and not found.error:
            live = [open_.of(samples[0], number) for number in range(_PROCESSES)]
        yield OwnMeasures(named, found, digest, live)


def recorded(gates: Gates, model_folder: Path, records: OwnRecords | None, again: str) -> OwnMeasures | None:
    """The own metrics from the records alone."""
    named = _named(gates)
    if not named:
        return None
    digest = file_digest(model_folder / FILE)
    return OwnMeasures(named, records or OwnRecords(digest, "it was not measured"), digest, again=again)


def _named(gates: Gates) -> dict[str, OwnMetric]:
    return {name: gates.own_metrics[name] for name in gates.names if name in gates.own_metrics}


class _Processes:
    """Processes for metrics, and another one for scorers, which may use the network."""

    def __init__(self, file: Path, data: dict[str, Any], stack: contextlib.ExitStack) -> None:
        self._file = file
        self._data = data
        self._stack = stack
        self._open: dict[tuple[str, int], ModelProcess] = {}

    def of(self, metric: OwnMetric, number: int = 0) -> ModelProcess:
        """A process for a metric. Raises ModelBroken if evaluation.py cannot be loaded."""
        kind: Literal["evaluation", "scorer"] = "scorer" if metric.form == "scorer" else "evaluation"
        if (kind, number) not in self._open:
            process = self._stack.enter_context(ModelProcess(self._file, kind))
            process.load()
            process.give(self._data)
            self._open[kind, number] = process
        return self._open[kind, number]


def _data(table: Holdout, gates: Gates, answers: Mapping[str, Values]) -> dict[str, Any]:
    targets = table.frame[list(gates.targets)].to_numpy()
    truth = targets if len(gates.targets) > 1 else targets[:, 0]
    shaped = {
        of: values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        for of, values in answers.items()
    }
    return {"truth": truth, "answers": shaped, "rows": table.features(gates.targets)}


def _of_rows(process: ModelProcess, name: str, of: str, rows: int) -> ModelAnswers:
    """One value for each row, asked twice."""
    request = {"form": "rows", "name": name, "of": of}
    try:
        first, second = (process.measure_rows(request, rows) for _ in range(2))
        if bad := int((~np.isfinite(first)).sum()):
            raise ModelBroken(f"{bad} of its {len(first)} values are NaN or infinite")
        if not np.allclose(first, second, rtol=_SAME, atol=_SAME):
            raise ModelBroken("it gives other values when it is called again: it is not deterministic")
    except ModelBroken as error:
        return ModelAnswers("", f"{error} ({FILE})")
    return ModelAnswers("", values=first)


class _Scores:
    """The scores of earlier gates, by the content that was scored."""

    def __init__(self, root: Path, model: str, name: str, digest: str) -> None:
        folder = cache_folder(root) / "scores"
        folder.mkdir(exist_ok=True)
        self._file = folder / f"{model}-{name}-{digest[7:23]}.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        self.known: dict[str, float] = {}
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # a gate that was killed leaves part of a line
                key, value = json.loads(line)
                self.known[str(key)] = float(value)

    def keep(self, key: str, value: float) -> None:
        """Keep a score at once: it was paid."""
        self.known[key] = value
        with self._file.open("a", encoding="utf-8", newline="\n") as out:
            out.write(f"\n{json.dumps([key, value])}")  # on a line of its own, whatever is left there


def _scored(
    process: ModelProcess,
    metric: OwnMetric,
    answers: tuple[str, Values],
    table: Holdout,
    cache: _Scores,
    spent: Spent,
) -> ModelAnswers:
    """A score for each row: from earlier gates, or by a call within what is left of the budget."""
    of, values = answers
    shown = time.monotonic()
    keys = [_content(table, values, row) for row in range(len(values))]
    for row, key in enumerate(keys):
        if key in cache.known:
            continue
        if spent.calls >= metric.calls or spent.seconds > metric.seconds:
            left = len({key for key in keys if key not in cache.known})
            budget = f"{metric.calls} calls" if spent.calls >= metric.calls else f"{metric.seconds:g} seconds"
            what = f"its budget of {budget} is used up, and {left} answers have no score yet"
            return ModelAnswers("", f"{what}. Raise it in {FILE}, or run the gate again, which goes on here")
        started = time.monotonic()
        spent.calls += 1
        try:
            request = {"form": "scorer", "name": metric.name, "of": of, "row": row}
            cache.keep(key, _checked(metric.name, process.measure(request)))
        except ModelBroken as error:
            return ModelAnswers("", f"{error} ({FILE}, row {row + 1})")
        finally:
            spent.seconds += time.monotonic() - started
        if time.monotonic() - shown > _PROGRESS:
            shown = time.monotonic()
            print(f"{metric.name}: {row + 1:,} of {len(keys):,} answers", file=sys.stderr, flush=True)
    return ModelAnswers("", values=np.array([cache.known[key] for key in keys]))


def _content(table: Holdout, values: Values, row: int) -> str:
    # The digest covers the files of a holdout that is a folder.
    content = [table.digest, table.frame.iloc[row].to_dict(), np.ravel(values[row]).tolist()]
    return hashlib.sha256(json.dumps(content, default=str, sort_keys=True).encode()).hexdigest()


def _checked(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ModelBroken(f"{name} gives {value}")
    return value
