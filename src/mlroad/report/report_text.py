"""The words and figures of a report: the same on the page and in Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlroad.report.report_data import Facts, finite, interval, record, records

NONE = "–"
NAMES = {
    "mae": "MAE", "rmse": "RMSE", "r2": "R²", "roc_auc": "ROC AUC", "log_loss": "log loss",
    "brier": "Brier score", "f1": "F1",
}  # fmt: skip
_SUBJECTS = {
    "data.training": "its training data is not what data.yml says",
    "data.holdout": "the holdout is not what was frozen",
    "data.overlap": "training data and holdout are not known to be apart",
    "predictions": "its predictions cannot be used",
    "champion": "there is no champion that it can be compared with",
    "latency.p95": "it is too slow",
    "size": "it is too large",
    "inference.python": "its inference tests do not pass",
    "onnx": "the ONNX file is not the same model",
    "waivers": "a waiver does not count",
}
_FIGURE = re.compile(r"(?:metrics|slices\.(?P<slice>.+))\.(?P<metric>\w+)\.(?P<kind>limit|regression)")
_THRESHOLD = re.compile(r"(metrics|slices)\..+\.(limit|regression)|latency\.p95|size")


def figure(value: object, *, signed: bool = False, places: int | None = None) -> str:
    """A number with four significant digits, or a dash where there is none: 45.51, −0.5, 1,234.

    ``places`` rounds it to so many decimals first: a difference needs no more than what it is of.
    """
    number = finite(value)
    if number is None:
        return NONE
    if places is not None:
        number = round(number, places)
    size = abs(number)
    text = f"{size:,.0f}" if size >= 1000 else f"{size:.4g}" if size >= 1e-4 or not size else f"{size:.1e}"
    sign = "−" if number < 0 and float(text.replace(",", "")) else "+" if signed and number > 0 else ""
    return sign + text


def places_of(value: object) -> int | None:
    """The decimals of a number that is shown with four significant digits."""
    number = finite(value)
    return None if not number else max(0, 3 - math.floor(math.log10(abs(number))))


def between(value: object, *, signed: bool = False, places: int | None = None) -> str:
    """An interval: ``40.1 to 51``; nothing where there is none."""
    ends = interval(value)
    return " to ".join(figure(end, signed=signed, places=places) for end in ends) if ends else ""


def metric(name: object) -> str:
    """A metric as people write it."""
    return NAMES.get(str(name), str(name))


def megabytes(count: object) -> str:
    """Bytes as megabytes, or as kilobytes if they are few."""
    number = finite(count)
    if number is None:
        return NONE
    return f"{number / 1e6:,.3g} MB" if number >= 1e6 else f"{number / 1e3:,.3g} kB"


def milliseconds(value: object) -> str:
    """A duration."""
    return NONE if finite(value) is None else f"{figure(value)} ms"


def counted(count: int, word: str) -> str:
    """``1 check``, ``2 checks``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def slice_name(part: Mapping[str, Any]) -> str:
    """``sex = 1``."""
    return f"{part.get('column')} = {part.get('value')}"


def confidence(facts: Facts) -> str:
    """``95 %``."""
    share = finite(record(facts.verdict.get("bootstrap")).get("confidence"))
    return f"{100 * (0.95 if share is None else share):.4g} %"


def decision(facts: Facts) -> str:
    """What the verdict means for the person who decides."""
    failed, broken = len(facts.checks("failed")), len(facts.checks("broken"))
    if facts.passed:
        waived = len(facts.checks("waived"))
        by_waiver = f" {counted(waived, 'check')} passed by a waiver only." if waived else ""
        stage = facts.candidate.stage
        if stage == "dev":
            return f"It passed the gate.{by_waiver} Once merged, it is trained on all data and judged again."
        return f"It passed the gate and may be registered.{by_waiver}"
    parts = [f"{counted(failed, 'check')} failed"] * bool(failed)
    parts += [f"{counted(broken, 'check')} could not be made"] * bool(broken)
    return f"It must not go on: {' and '.join(parts) or 'the gate refused it'}."


def versus(facts: Facts) -> str:
    """What it was compared with."""
    champion = facts.champion
    return f"against champion {champion.get('version')}" if champion else "no champion yet"


def slices(facts: Facts) -> list[Mapping[str, Any]]:
    """The slices: what failed first, then in the order of the gate."""
    found = records(facts.verdict.get("slices"))
    return sorted(found, key=lambda part: slice_state(facts, part) not in ("failed", "broken"))


def state(facts: Facts, *ids: str) -> str:
    """How the checks of these ids ended, the worst of them: broken, failed, waived or passed; or ""."""
    found = {check.get("result") for check in records(facts.verdict.get("checks")) if check.get("id") in ids}
    return next((word for word in ("broken", "failed", "waived", "passed") if word in found), "")


def metric_state(facts: Facts, name: str) -> str:
    """How the checks of a metric ended."""
    return state(facts, f"metrics.{name}", f"metrics.{name}.limit", f"metrics.{name}.regression")


def slice_state(facts: Facts, part: Mapping[str, Any]) -> str:
    """How the checks of a slice ended."""
    of = f"slices.{part.get('column')}={part.get('value')}"
    on = f"{of}.{part.get('metric')}"
    return state(facts, of, on, f"{on}.limit", f"{on}.regression")


def lead(facts: Facts) -> str:
    """The verdict in one sentence: the gate's own, or what did not pass in words."""
    bad = facts.checks("broken", "failed")
    if facts.passed or not bad:
        return str(facts.verdict.get("headline") or "")
    named = bad[:2] if len(bad) == 2 else bad[:1]
    what = " and ".join(subject(str(check.get("id")), str(check.get("result"))) for check in named)
    more = f", and {len(bad) - 1} more checks did not pass" if len(bad) > 2 else ""
    start = "The candidate cannot be judged" if facts.checks("broken") else "The candidate is not good enough"
    return f"{start}: {what}{more}."


def subject(identity: str, result: str) -> str:
    """What a check that did not pass comes to, for people who do not know its id."""
    found = re.fullmatch(
        r"(?:metrics|slices\.(?P<slice>.+))\.(?P<metric>\w+)\.(?P<kind>limit|regression)", identity
    )
    if not found:
        return _SUBJECTS.get(identity, f"{identity} {result}")
    where = f" where {found['slice'].replace('=', ' is ', 1)}" if found["slice"] else ""
    what = f"{metric(found['metric'])}{where}"
    if result == "broken":
        return f"{what} cannot be measured"
    if found["kind"] == "limit":
        return f"{what} misses its limit"
    return f"{what} is worse than the champion's by more than is allowed"


def remedy(facts: Facts, check: Mapping[str, Any]) -> str:
    """What to do about a check that did not pass."""
    if isinstance(check.get("fix"), str) and check["fix"]:
        return str(check["fix"])
    model, run, stage = facts.model, facts.candidate.run, facts.candidate.stage
    gates = f"models/{model}/gates.yml"
    known = {
        r"predictions": f"See what the model says: load {facts.candidate.model_path.as_posix()} with"
        " mlflow.pyfunc.load_model and give it rows of the holdout.",
        r"data\.training": f"Train it anew on what models/{model}/data.yml says:"
        f" `mlroad train {model} --data {stage}`.",
        r"data\.holdout": "Bring back the frozen data: `mlroad dataset verify` names the file that"
        f" changed; {gates} names the version.",
        r"data\.overlap": "Take the rows of the holdout out of the training data:"
        " `mlroad dataset split` keeps them apart.",
        r"champion": f"`mlroad list {model}` shows what is registered; `mlroad registry pull` fetches it.",
        r"metrics\..*\.limit": "Improve the model until it reaches its limit.",
        r"metrics\..*\.regression": "Find out what made it worse than the champion.",
        r"slices\..*": "Look at the rows of this slice: the model is not good enough for them.",
        r"latency.*": "Make the model answer faster: smaller parts, less work for each row.",
        r"size": "Make the model smaller, or leave out what inference does not need.",
        r"inference\..*": "See what the cases expected, then run them again:"
        f" `mlroad test models/{model} --run {run}`.",
        r"onnx": f"Export it anew: `mlroad train {model} --data {stage} --no-reuse`, and compare with the"
        " MLflow model.",
        r"waivers": f"Correct models/{model}/waivers.yml: a waiver needs a gate that there is, an owner, a"
        " reason and a day that has not passed.",
    }  # fmt: skip
    identity = str(check.get("id"))
    for pattern, text in known.items():
        if re.fullmatch(pattern, identity):
            return text
    return f"Mend what it says, then run `mlroad gate {model} --run {run}` again."


def remedies(facts: Facts, checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to do about each check; "" where it has been said already, or a waiver helps."""
    told: list[str] = []
    for check in checks:
        text = "" if check.get("result") == "waived" else remedy(facts, check)
        told.append("" if text in told else text)
    return told


def way_out(facts: Facts, checks: Sequence[Mapping[str, Any]]) -> str:
    """How a threshold is changed or waived, if one was missed."""
    if not any(c.get("result") == "failed" and _THRESHOLD.fullmatch(str(c.get("id"))) for c in checks):
        return ""
    folder = f"models/{facts.model}"
    return (
        f"If a threshold is wrong, change it in {folder}/gates.yml in a pull request that says why. If the"
        f" model may miss it for a while, waive it in {folder}/waivers.yml, with an owner and a last day."
    )
