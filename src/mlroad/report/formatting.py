"""Numbers as the pages show them."""

import math

from mlroad.core.text import number

NONE = "–"
"""Shown in place of a missing number."""
_METRICS = {
    "mae": "MAE", "rmse": "RMSE", "r2": "R²", "roc_auc": "ROC AUC", "log_loss": "log loss",
    "brier": "Brier score", "f1": "F1", "mape": "MAPE", "smape": "sMAPE", "mase": "MASE", "mrr": "MRR",
    "map": "MAP", "token_f1": "token F1", "exact_match": "exact match", "f1_macro": "macro F1",
    "average_precision": "average precision", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L",
}  # fmt: skip


def finite(value: object) -> float | None:
    """A number that can be shown and drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def interval(value: object) -> tuple[float, float] | None:
    """Both ends of an interval, or None."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = finite(value[0]), finite(value[1])
    return None if low is None or high is None else (low, high)


def figure(value: object, *, signed: bool = False, places: int | None = None) -> str:
    """A number with four significant digits: 45.51, −0.5, 1,234.

    ``places`` rounds it to this many decimals first, such as a difference to those of the values compared.
    """
    exact = finite(value)
    if exact is None:
        return NONE
    shown = exact if places is None else round(exact, places)
    return ("−" if shown < 0 else "+" if signed and shown > 0 else "") + number(abs(shown))


def places_of(value: object) -> int | None:
    """The decimals of a number that is shown with four significant digits."""
    exact = finite(value)
    return None if not exact else max(0, 3 - math.floor(math.log10(abs(exact))))


def between(value: object, *, signed: bool = False, places: int | None = None) -> str:
    """An interval: ``40.1 to 51``, or an empty text if there is none."""
    ends = interval(value)
    return " to ".join(figure(end, signed=signed, places=places) for end in ends) if ends else ""


def metric_name(name: object) -> str:
    """The usual way to write a metric's name."""
    stem, mark, first = str(name).partition("@")
    return _METRICS.get(stem, stem.upper() if stem == "ndcg" else stem) + mark + first


def megabytes(value: object) -> str:
    """Bytes as megabytes, or as kilobytes below one megabyte."""
    octets = finite(value)
    if octets is None:
        return NONE
    return f"{octets / 1e6:,.3g} MB" if octets >= 1e6 else f"{octets / 1e3:,.3g} kB"


def milliseconds(value: object) -> str:
    """A duration."""
    return NONE if finite(value) is None else f"{figure(value)} ms"
