"""The words and figures of a report: the same on the page and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from factory.report.facts import Facts, finite, interval, record, records

NONE = "–"
NAMES = {
    "mae": "MAE", "rmse": "RMSE", "r2": "R²", "roc_auc": "ROC AUC", "log_loss": "log loss",
    "brier": "Brier score", "f1": "F1",
}  # fmt: skip


def figure(value: object, *, signed: bool = False) -> str:
    """A number with four significant digits, or a dash where there is none: 45.51, −0.5, 1,234."""
    number = finite(value)
    if number is None:
        return NONE
    size = abs(number)
    text = f"{size:,.0f}" if size >= 1000 else f"{size:.4g}" if size >= 1e-4 or not size else f"{size:.1e}"
    sign = "−" if number < 0 and float(text.replace(",", "")) else "+" if signed and number > 0 else ""
    return sign + text


def between(value: object, *, signed: bool = False) -> str:
    """An interval: ``40.1 to 51``; nothing where there is none."""
    ends = interval(value)
    return f"{figure(ends[0], signed=signed)} to {figure(ends[1], signed=signed)}" if ends else ""


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


def remedy(facts: Facts, check: Mapping[str, Any]) -> str:
    """What to do about a check that did not pass."""
    if isinstance(check.get("fix"), str) and check["fix"]:
        return str(check["fix"])
    model, run, stage = facts.model, facts.candidate.run, facts.candidate.stage
    gates = f"models/{model}/gates.yml"
    relax = (
        f"Or change it in {gates} in a pull request that says why, or waive it until a date in"
        f" models/{model}/waivers.yml."
    )
    known = {
        r"predictions": f"See what the model says: load {facts.candidate.model_path.as_posix()} with"
        " mlflow.pyfunc.load_model and give it rows of the holdout.",
        r"data\.training": f"Train it anew on what models/{model}/data.yml says:"
        f" `factory train {model} --data {stage}`.",
        r"data\.holdout": "Bring back the frozen data: `modelkit dataset verify` names the file that"
        f" changed; {gates} names the version.",
        r"data\.overlap": "Take the rows of the holdout out of the training data:"
        " `modelkit dataset split` keeps them apart.",
        r"champion": f"`factory list {model}` shows what is registered; `factory registry pull` fetches it.",
        r"metrics\..*\.limit": f"Improve the model until it reaches its limit. {relax}",
        r"metrics\..*\.regression": f"Find out what made it worse than the champion. {relax}",
        r"slices\..*": f"Look at the rows of this slice: the model is not good enough for them. {relax}",
        r"latency.*": f"Make the model answer faster: smaller parts, less work for each row. {relax}",
        r"size": f"Make the model smaller, or leave out what inference does not need. {relax}",
        r"inference\..*": "See what the cases expected, then run them again:"
        f" `modelkit test models/{model} --run {run}`.",
        r"onnx": f"Export it anew: `factory train {model} --data {stage} --no-reuse`, and compare with the"
        " MLflow model.",
        r"waivers": f"Correct models/{model}/waivers.yml: a waiver needs a gate that there is, an owner, a"
        " reason and a day that has not passed.",
    }  # fmt: skip
    identity = str(check.get("id"))
    for pattern, text in known.items():
        if re.fullmatch(pattern, identity):
            return text
    return f"Mend what it says, then run `factory gate {model} --run {run}` again."
