"""What a report begins with: a recommendation, what the model is for, what its figure means, who is asked."""

import math
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.text import count, percent
from mlroad.models.metric_names import first_of, metric_of
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
    "mape": "A prediction is off by {share} of the true value on average.",
    "smape": "A prediction is off by {share} of the mean of both values on average.",
    "pinball": "The quantiles are off by {value} on average, errors weighted by their level.",
    "log_loss": "The probability that it gives to the right answer is {likely} (geometric mean).",
    "average_precision": "Of the rows that it puts first, {share} are positive, averaged over all lengths.",
    "f1": "Precision and recall in one figure: {share}.",
    "f1_macro": "Precision and recall in one figure, as the mean over the classes: {share}.",
    "hamming_loss": "{share} of the labels are wrong.",
    "roc_auc_macro": "Rows with a label score higher for it than rows without in {share} of the pairs.",
    "roc_auc_ovr": "A row of a class scores higher for it than another row in {share} of the pairs.",
    "top_k_accuracy@": "The right class is among its first {first} in {share} of the rows.",
    "ndcg": "The order of a query's rows is worth {share} of the best order on average.",
    "ndcg@": "The first {first} rows of a query are worth {share} of the best ones on average.",
    "map": "Down to each relevant row of a query, {share} of the rows are relevant on average.",
    "mrr": "The mean of 1 / the place of a query's first relevant row; 1 means that it always comes first.",
    "token_f1": "Answers have {share} of their words in common with the expected text on average.",
    "rouge1": "Answers have {share} of their words in common with the expected text on average.",
    "rouge2": "Answers have {share} of their pairs of words in common with the expected text on average.",
    "rougeL": "The longest common sequence of words makes {share} of the texts on average.",
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
    if doubts := [warned for warned in data.verdict["warnings"] if warned["id"] != "isolation"]:
        which = "warning below has" if len(doubts) == 1 else f"{len(doubts)} warnings below have"
        return f"Recommendation: {do} it only if the {which} an explanation."
    if data.word == "equal":
        return f"Recommendation: {do} it if the change is worth more than its figures: they stay the same."
    return f"Recommendation: {do} it."


def _asked(data: ReportData) -> str:
    if not data.passed:
        return "The author of the change: read what did not pass, and train again."
    if data.candidate.stage == "dev":
        slices = " and the slices" if data.verdict["slices"] else ""
        return f"A reviewer of the pull request: read what changed{slices}, then approve or reject."
    compare = "compare the figures with the champion's" if data.champion else "look at the figures"
    return f"A reviewer of the environment production: {compare}, then decide."


def meaning(data: ReportData) -> str:
    """What the deciding figure means, in its unit; empty if there is no such sentence."""
    name, value = str(data.verdict["decide_by"] or ""), finite(data.decisive["candidate"])
    known = metric_of(name)
    stem, first = first_of(name)
    text = _MEANS.get(f"{stem}@" if first else stem, "")
    if value is None or known is None or not text:
        return ""
    target = str(data.verdict["target"] or "the target")
    unit = f" (in the unit of {target})" if known.in_target_unit else ""
    if several := data.verdict["by_target"]:
        unit = f" as the mean over {count(len(several), 'target')}"
    likely = percent(math.exp(-abs(value)))
    text = text.format(
        value=f"{figure(value)}{unit}", share=percent(value), target=target, first=first, likely=likely
    )
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
    line = " ".join(text.replace("`", "").split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
