"""Sentences about a verdict: what it means, and what to do about checks that did not pass."""

import re
from typing import NamedTuple

from mlroad.core.text import count
from mlroad.gate.checks import is_waivable
from mlroad.report.formatting import finite, metric_name
from mlroad.report.report_data import ReportData

_SUBJECTS = {
    "data.training": "its training data is not what data.yml names",
    "data.holdout": "the holdout has changed since it was frozen",
    "data.overlap": "training data and holdout may overlap",
    "predictions": "its predictions cannot be used",
    "agreement": "it answers the same row differently",
    "champion": "it cannot be compared with a champion",
    "latency.p95": "it is too slow",
    "size": "it is too large",
    "inference.pyfunc": "its inference tests failed",
    "inference.onnx": "its inference tests failed in ONNX Runtime",
    "inference.dotnet": "its inference tests failed in .NET",
    "onnx": "the ONNX file does not match the model",
    "waivers": "a waiver is not valid",
}
_FIGURE = re.compile(r"(?:metrics|slices\.(?P<slice>.+))\.(?P<metric>\w+)\.(?P<kind>limit|regression)")


class Problem(NamedTuple):
    """A check that did not pass, or passed only by waiver."""

    result: str
    id: str
    what: str
    fix: str


def confidence(data: ReportData) -> str:
    """``95 %``."""
    share = finite(data.verdict["bootstrap"]["confidence"])
    return f"{100 * (0.95 if share is None else share):.4g} %"


def consequence(data: ReportData) -> str:
    """What happens after a candidate that passed; empty for one that did not."""
    if not data.passed:
        return ""
    waived = len(data.checks("waived"))
    by_waiver = f" {count(waived, 'check')} passed only by waiver." if waived else ""
    if data.candidate.stage == "dev":
        return f"It passed the gate.{by_waiver} After the merge, it is trained on all data and judged again."
    return f"It passed the gate and may be registered.{by_waiver}"


def lead(data: ReportData) -> str:
    """The verdict in one sentence: the gate's own, or which checks did not pass."""
    bad = data.checks("broken", "failed")
    if data.passed or not bad:
        said, name = str(data.verdict["headline"] or ""), str(data.verdict["decide_by"] or "")
        # The gate writes the name as gates.yml has it; on the page, a metric has one name.
        return re.sub(rf"(?<![\w@]){re.escape(name)}(?![\w@])", metric_name(name), said) if name else said
    named = bad[:2] if len(bad) == 2 else bad[:1]
    what = " and ".join(_subject(str(check["id"]), str(check["result"])) for check in named)
    more = f", and {len(bad) - 1} more checks did not pass" if len(bad) > 2 else ""
    start = "The candidate cannot be judged" if data.checks("broken") else "The candidate did not pass"
    return f"{start}: {what}{more}."


def _subject(identity: str, result: str) -> str:
    """What a check that did not pass means, for readers who do not know its id."""
    found = _FIGURE.fullmatch(identity)
    if not found:
        return _SUBJECTS.get(identity, f"{identity} {result}")
    where = f" for {found['slice'].replace('=', ' = ', 1)}" if found["slice"] else ""
    what = f"{metric_name(found['metric'])}{where}"
    if result == "broken":
        return f"{what} cannot be measured"
    if found["kind"] == "limit":
        return f"{what} misses its limit"
    return f"{what} is worse than the champion's by more than allowed"


def problems(data: ReportData) -> list[Problem]:
    """The checks that did not pass without a waiver, limit and regression of a metric as one.

    A remedy that was given already is not repeated.
    """
    found: list[Problem] = []
    given: set[str] = set()
    for check in data.checks("broken", "failed", "waived"):
        result, identity = str(check["result"]), str(check["id"])
        fix = "" if result == "waived" else str(check["fix"] or "") or _remedy(data, identity)
        problem = Problem(result, identity, str(check["what"] or ""), "" if fix in given else fix)
        given.add(fix)
        if found and _is_same_figure(found[-1], problem):
            before = found.pop()
            problem = problem._replace(
                id=f"{before.id} and .regression",
                what=f"{before.what.rstrip('.')}; {problem.what}",
                fix=" ".join(filter(None, (before.fix, problem.fix))),
            )
        found.append(problem)
    return found


def _is_same_figure(first: Problem, second: Problem) -> bool:
    one, _, kind = first.id.rpartition(".")
    other, _, next_kind = second.id.rpartition(".")
    return (first.result, one, kind, next_kind) == (second.result, other, "limit", "regression")


def _remedy(data: ReportData, identity: str) -> str:
    model, run, stage = data.model, data.candidate.run, data.candidate.stage
    gates = f"models/{model}/gates.yml"
    known = {
        r"predictions": f"Look at the model's predictions: load {data.candidate.model_path.as_posix()} with"
        " mlflow.pyfunc.load_model and pass it rows of the holdout.",
        r"agreement": "Make the prediction of a row depend on that row alone: no statistics of the request,"
        " no random numbers, no clock, no state between requests.",
        r"data\.training": f"Train it on the data that models/{model}/data.yml names:"
        f" `mlroad train {model} --data {stage}`.",
        r"data\.holdout": "Restore the frozen data: `mlroad dataset verify` names the file that"
        f" changed; {gates} names the version.",
        r"data\.overlap": "Remove the holdout's rows from the training data:"
        " `mlroad dataset split` keeps the two apart.",
        r"champion": f"`mlroad list {model}` shows what is registered; `mlroad registry pull` fetches it.",
        r"metrics\..*\.limit": "Improve the model until it reaches its limit.",
        r"metrics\..*\.regression": "Find out what made it worse than the champion.",
        r"slices\..*": "Look at the rows of this slice: the model performs poorly on them.",
        r"latency.*": "Make the model faster: a smaller model, or less work per row.",
        r"size": "Make the model smaller, or leave out what inference does not need.",
        r"inference\..*": "Compare the expected outputs with the model's, fix the model, and test it again:"
        f" `mlroad test models/{model} --run {run}`.",
        r"onnx": f"Export it again: `mlroad train {model} --data {stage} --no-reuse`, then compare it with"
        " the MLflow model.",
        r"waivers": f"Correct models/{model}/waivers.yml: a waiver needs an existing check, an owner, a"
        " reason and an expiry date in the future.",
    }
    for pattern, text in known.items():
        if re.fullmatch(pattern, identity):
            return text
    return f"Fix what it reports, then run `mlroad gate {model} --run {run}` again."


def way_out(data: ReportData) -> str:
    """How to change or waive a threshold, if one was missed."""
    if not any(is_waivable(str(check["id"])) for check in data.checks("failed")):
        return ""
    folder = f"models/{data.model}"
    return (
        f"If a threshold is wrong, change it in {folder}/gates.yml in a pull request that explains why. To"
        f" accept the miss for a limited time, waive it in {folder}/waivers.yml, with an owner and an expiry"
        " date."
    )
