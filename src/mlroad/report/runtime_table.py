"""The inference tests by case and runtime, and how long one row takes in each runtime."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlroad.report.formatting import NONE, figure, finite, milliseconds
from mlroad.report.report_data import Fields, ReportData, fields


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case: ``passed``, ``failed``, or a dash for each runtime."""

    id: str
    kind: str
    results: Sequence[str]


@dataclass(frozen=True, slots=True)
class RuntimeTimes:
    """Milliseconds for one row: median, 95th and 99th percentile, and the widths of two bars."""

    runtime: str
    text: str
    widths: tuple[str, str]


@dataclass(frozen=True, slots=True)
class RuntimeTable:
    """The table of all cases. ``summary`` says in one sentence whether the runtimes agree."""

    runtimes: Sequence[str]
    rows: Sequence[CaseRow]
    """Those that did not pass everywhere come first."""
    not_agreed: int
    """How many of them there are."""
    summary: str
    times: Sequence[RuntimeTimes]
    notes: Sequence[str]
    """What else was measured."""


def runtime_table(data: ReportData) -> RuntimeTable:
    """The table of the runtimes that the gate requires. Without inference tests, it has no runtimes."""
    tested = {str(tests["runtime"]): tests for tests in data.inference}
    runtimes = list(data.verdict["inference"])
    results = {name: _results(tested.get(name, Fields())) for name in runtimes}
    kinds = {case: kind for cases in results.values() for case, (kind, _) in cases.items()}
    rows = [
        CaseRow(case, kind, [results[name].get(case, ("", NONE))[1] for name in runtimes])
        for case, kind in kinds.items()
    ]
    rows.sort(key=_passed_everywhere)
    not_agreed = sum(not _passed_everywhere(row) for row in rows)
    summary = _summary(runtimes, rows, not_agreed)
    return RuntimeTable(runtimes, rows, not_agreed, summary, _times(data), list(_notes(data)))


def _results(tests: Fields) -> Mapping[str, tuple[str, str]]:
    """The kind and the result of each case."""
    found = tests["results"] if isinstance(tests["results"], list) else []
    listed = [fields(result) for result in found]
    return {str(it["id"]): (str(it["kind"]), "passed" if it["passed"] is True else "failed") for it in listed}


def _passed_everywhere(row: CaseRow) -> bool:
    return all(result == "passed" for result in row.results)


def _summary(runtimes: Sequence[str], rows: Sequence[CaseRow], not_agreed: int) -> str:
    if not rows:
        return ""
    where = ", ".join(runtimes)
    if not_agreed:
        return f"{not_agreed} of {len(rows)} cases did not pass in {where}."
    return f"All {len(rows)} cases passed in {where}."


def _times(data: ReportData) -> list[RuntimeTimes]:
    known = {name: fields(tests["latency"]) for name, tests in data.verdict["inference"].items()}
    if "pyfunc" in known and not known["pyfunc"]:
        known["pyfunc"] = data.verdict["latency"]  # the gate times the model itself, row by row
    found = {name: it for name, it in known.items() if finite(it["p50_ms"]) and finite(it["p95_ms"])}
    most = max((float(it["p95_ms"]) for it in found.values()), default=1.0)
    return [
        RuntimeTimes(
            name,
            " / ".join(figure(it[f"p{share}_ms"]) for share in (50, 95, 99)),
            (_width(it["p50_ms"], most), _width(it["p95_ms"], most)),
        )
        for name, it in found.items()
    ]


def _notes(data: ReportData) -> Iterator[str]:
    for name, tests in data.verdict["inference"].items():
        if its := fields(tests["figures"]):
            per_second, memory = figure(its["answers_per_second"]), figure(its["peak_mb"])
            cold = milliseconds(its["cold_ms"])
            yield f"{name}: the first answer after {cold} (cold start), {per_second} a second, {memory} MB."
    if parity := fields(fields(data.verdict["export"])["parity"]):
        most, usual = figure(parity["max_difference"]), figure(parity["p99_difference"])
        yield (
            f"The exported model's answers to {parity['rows']} rows differ from the Python model's by up to "
            f"{most} (99 % of them by at most {usual}); {parity['flips']} of them would be decided otherwise."
        )


def _width(value: float, most: float) -> str:
    return f"{100 * value / most:.1f}%"
