"""Intervals for a figure and for a difference, by the method that holds at a few hundred rows.

- A share of rows (accuracy, recall, precision; F1 and Jaccard through it): Wilson's score interval (Wilson
  1927, JASA 22:209-212; Brown, Cai & DasGupta 2001, Statistical Science 16:101-133). The difference of two
  models' shares of the same rows: Bonett & Price 2012, Journal of Educational and Behavioral Statistics
  37:479-488.
- A mean, and RMSE: the studentized bootstrap on the scale of logarithms (Hall 1988, Annals of Statistics
  16:927-953).
- An area under a curve, up to 5,000 rows: normal, with the standard error of the jackknife, on the scale of
  log-odds (DeLong et al. 1988, Biometrics 44:837-845; Boyd, Eng & Page 2013, ECML PKDD); of a difference
  as it is.
- Anything else: the bias-corrected and accelerated bootstrap (Efron 1987, JASA 82:171-185),
  whose tails are those of Student's t for few units (Hesterberg 2015, The American Statistician 69:371-386).

docs/reference/coverage.md has their coverage, measured by `python -m tests.benchmarks coverage`.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from mlroad.gate.measures import Floats, Unmeasurable

Interval = tuple[float, float]
_UNDEFINED = 0.01
"""The share of resamples in which a metric may be undefined (one class only) and still have an interval."""
_NORMAL = NormalDist()


def wilson(hits: float, rows: float, confidence: float) -> Interval:
    """The interval of a share."""
    if rows == 0:
        return 0.0, 1.0
    z, share = _z(confidence), hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    # Rounding must not push an end of 0 or 1 past the share.
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def paired_shares(mine: Floats, other: Floats, rows: float, confidence: float) -> Interval:
    """The interval of the difference of two shares of the same rows; 0 and 1 for each row, [n]."""
    won, lost = float(((mine == 1) & (other == 0)).sum()), float(((mine == 0) & (other == 1)).sum())
    if won == lost == 0:
        return 0.0, 0.0
    up, down = (won + 1) / (rows + 2), (lost + 1) / (rows + 2)
    half = _z(confidence) * math.sqrt(max(0.0, up + down - (up - down) ** 2) / (rows + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def studentized(value: float, error: float, values: Floats, errors: Floats, confidence: float) -> Interval:
    """From the figure and its standard error, and both in each resample."""
    if error == 0:
        return value, value
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = (values - value) / errors
    # A resample without any spread says nothing about the scale: it counts as infinitely far on its side.
    # Where all values are 0, the logarithm and its error are undefined: that is far below.
    scores = np.where(np.isneginf(values), -np.inf, np.where(np.isnan(scores), 0.0, scores))
    tail = (1 - confidence) / 2
    low, high = np.quantile(scores, [1 - tail, tail], method="nearest")
    return _checked(value - float(low) * error, value - float(high) * error)


def accelerated(value: float, values: Floats, influence: Floats | None, confidence: float) -> Interval:
    """From the figure, its value in each resample, and how each unit moves it; None: without acceleration."""
    undefined = np.isnan(values)
    if undefined.mean() > _UNDEFINED:
        raise Unmeasurable(
            f"it is not defined in {undefined.mean():.1%} of the resamples: too few rows of one class"
        )
    known = values[~undefined]
    below = float((known < value).mean() + (known == value).mean() / 2)
    least = 1 / (len(known) + 1)
    bias = _NORMAL.inv_cdf(min(max(below, least), 1 - least))
    bias = min(max(bias, -1.0), 1.0)  # more would be a figure that resampling cannot reach
    speed = 0.0
    if influence is not None and (squares := float((influence**2).sum())) > 0:
        speed = float((influence**3).sum()) / (6 * squares**1.5)
    far = _z(confidence)
    if influence is not None:
        count = max(2, len(influence))
        far = _t(confidence, count - 1) * math.sqrt(count / (count - 1))
    tails = [_NORMAL.cdf(bias + z / max(0.1, 1 - speed * z)) for z in (bias - far, bias + far)]
    low, high = np.quantile(known, tails)
    return _checked(float(low), float(high))


def symmetric(value: float, influence: Floats, confidence: float, *, share: bool = False) -> Interval:
    """From the figure and how each unit moves it; of a ``share`` from 0 to 1, on the scale of log-odds."""
    count = len(influence)
    error = math.sqrt(float((influence**2).sum()) * count / max(1, count - 1))
    half = _t(confidence, count - 1) * error
    if not share:
        return _checked(value - half, value + half)
    odds, half = math.log(value / (1 - value)), half / (value * (1 - value))
    return 1 / (1 + math.exp(min(700.0, half - odds))), 1 / (1 + math.exp(min(700.0, -odds - half)))


def through(link: Callable[[Floats], Floats], interval: Interval) -> Interval:
    """An interval of an increasing function of the figure."""
    low, high = link(np.array(interval))
    return float(low), float(high)


def _checked(low: float, high: float) -> Interval:
    if not math.isfinite(low) or not math.isfinite(high):
        raise Unmeasurable("its interval is infinite")
    return low, high


def _t(confidence: float, degrees: int) -> float:
    """The quantile of Student's t (Abramowitz & Stegun 26.7.5); within 0.6 % from 5 degrees."""
    z, of = _z(confidence), max(1, degrees)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / of + second / of**2 + third / of**3


def _z(confidence: float) -> float:
    return _NORMAL.inv_cdf((1 + confidence) / 2)
