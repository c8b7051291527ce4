"""The texts of a drafted model card: what is known when `mlroad new` creates a model in a factory."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlroad.core.code_owners import owners_of

_EXAMPLE = (
    "The rows are made up (`{source}`), so there is no licence to observe, and they describe no real person."
)
_OWN = "`{source}`. Write here where it comes from, under which licence, who is in it and who is not."
_METHODS = {
    "regression": "Ridge regression on all columns: numbers are scaled, texts become categories.",
    "binary": "Logistic regression. It answers with the probability of each class.",
    "multiclass": "Logistic regression. It answers with the probability of each class.",
    "multilabel": "A logistic regression for each label. It answers with the probability of each label.",
    "forecast": "Ridge regression on the calendar and on values of the past.",
    "ranking": "Ridge regression of the relevance. The rows of a query are sorted by its answers.",
    "text": "It gives the answer of the most similar questions in the training data.",
}


def card_of(
    root: Path,
    task: str,
    targets: Sequence[str],
    source: str,
    train: str,
    holdout: str,
    is_example: bool,
) -> Mapping[str, str]:
    """The texts by heading."""
    origin = (_EXAMPLE if is_example else _OWN).format(source=source)
    predicted = ", ".join(f"`{name}`" for name in targets)
    users = "It is an example of taking a model to production. " if is_example else ""
    return {
        "What it is for": f"Predicts {predicted}. {users}Write here who uses the predictions, for which "
        "decision, and what it must not be used for.",
        "Data": f"{origin} `{train}` is what it is trained on. `{holdout}` is frozen, and every candidate is "
        "measured on it.",
        "How it works": f"{_METHODS[task]} `steps/train.py` has the details.",
        "How good it is": "The report (`mlroad report`) has the figures on the frozen holdout, "
        "their intervals and the limits.",
        "Limits": "A baseline. Nothing is known yet about where it fails: write here which groups, ranges "
        "and seasons were looked at.",
        "Ethics": "Write here who could be harmed by a wrong prediction, and what was done about it."
        + (" The made-up rows can harm nobody." if is_example else ""),
        "Owner": f"{owners_of(root)}. Write here when the model was last looked at.",
    }
