"""What a report begins with: a recommendation, what the model is for, what its figure means, who is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlroad.core.text import count, percent
from mlroad.models.metric_names import metric_of
from mlroad.report.formatting import figure, finite, metric_name
from mlroad.report.report_data import ReportData

CARD = "MODEL_CARD.md"
_LONGEST = 300
_MEANS = {
    "mae": "A prediction is off by {value} on average.",
    "rmse": "Typical errors are about {value}; large errors count more than small ones.",
    "r2": "It explains {share} of the variance of {target}.",
    "accuracy": "{share} of the rows get the right label.",
    "balanced_accuracy": "On average over the classes, {share} of the rows get the right label.",
    "precision": "When it says yes, it is right in {share} of the rows.",
    "recall": "It finds {share} of the rows whose answer is yes.",
    "roc_auc": "In {share} of the pairs of a positive and a negative row, the positive row scores higher.",
    "brier": "Its probabilities are off by {value} squared on average; 0 is best.",
    "exact_match": "{share} of its answers are exactly the expected text.",
    "mase": "Its error is {value} times that of repeating the last season's value.",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """The sentences at the top of the report; those that are not known are empty."""

    recommendation: str
    predicts: str
    figure: str
    owner: str
    asked: str


def opening(data: ReportData) -> Opening:
    """The sentences of a candidate."""
    card = data.candidate.model.root / "models" / data.model / CARD
    return Opening(
        _recommendation(data), _predicts(card), meaning(data), _section(card, "Owner"), _asked(data)
    )


def _recommendation(data: ReportData) -> str:
    if not data.passed:
        failed, broken = len(data.checks("failed")), len(data.checks("broken"))
        parts = [f"{count(failed, 'check')} failed"] * bool(failed)
        parts += [f"{count(broken, 'check')} could not be run"] * bool(broken)
        do = "merge" if data.candidate.stage == "dev" else "register"
        return f"Recommendation: do not {do} it: {' and '.join(parts) or 'it did not pass the gate'}."
    do = "merge" if data.candidate.stage == "dev" else "approve"
    if data.checks("waived"):
        return f"Recommendation: {do} it only if you agree with the waivers."
    if data.word == "equal":
        return f"Recommendation: {do} it if the change is worth more than its figures: they stay the same."
    return f"Recommendation: {do} it."


def _asked(data: ReportData) -> str:
    if not data.passed:
        return "The author of the change: read what did not pass, and train again."
    if data.candidate.stage == "dev":
        return "A reviewer of the pull request: read what changed and the slices, then approve or reject."
    compare = "compare the figures with the champion's" if data.champion else "look at the figures"
    return f"A reviewer of the environment production: {compare}, then decide."


def meaning(data: ReportData) -> str:
    """What the deciding figure means, in its unit; empty if there is no such sentence."""
    name, value = str(data.verdict["decide_by"] or ""), finite(data.decisive["candidate"])
    known = metric_of(name)
    if value is None or known is None or name not in _MEANS:
        return ""
    target = str(data.verdict["target"] or "the target")
    unit = f" (in the unit of {target})" if known.in_target_unit else ""
    text = _MEANS[name].format(value=f"{figure(value)}{unit}", share=percent(value), target=target)
    return f"{metric_name(name)} {figure(value)}: {text[0].lower()}{text[1:]}"


def _predicts(card: Path) -> str:
    """The first paragraph of the card."""
    return next((part for part in _paragraphs(card) if not part.startswith("#")), "")


def _section(card: Path, heading: str) -> str:
    """The first paragraph of a part of the card."""
    parts = _paragraphs(card)
    for place, part in enumerate(parts):
        title, _, rest = part.partition("\n")
        if title.lstrip("# ").strip() == heading and title.startswith("#"):
            return _one_line(rest or (parts[place + 1] if place + 1 < len(parts) else ""))
    return ""


def _paragraphs(card: Path) -> list[str]:
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    parts = [part.strip() for part in text.replace("\r\n", "\n").split("\n\n")]
    return [part if part.startswith("#") else _one_line(part) for part in parts if part]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
