"""Tests of whether a column's values changed, by scipy, each with the size of the change in words.

All of them use ranks or counts, so they hold for any distribution: zeros, heavy tails and rare classes cause
no false alarms. The size of a change is a share from 0 to 1: how much of the values lie elsewhere.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mlroad.core.text import percent
from mlroad.data.shift import Level, level_of

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Show = Callable[[float], str]
FEW = 20
"""Numbers with at most this many values are compared value by value too."""
_SPIKE = 0.2
"""A value with at least this share, such as 0, is compared on its own, and the other values without it."""
_ODDS = 2.0
"""A class whose odds change by this factor has shifted, however rare it is."""
_TAILS = (0.01, 0.05)
_IN_TAIL = 20
"""The fewest values for a test of a tail: with fewer, chance explains almost anything."""
_EXACT_UP_TO = 300
_EXPECTED = 5
"""The chi-squared test needs this many expected values per class (Cochran, 1954)."""
_QUANTILES = (0.5, 0.25, 0.75, 0.05, 0.95, 0.01, 0.99)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one test found: the chance of it in two random halves of one table, and its size."""

    p: float
    size: float
    level: Level
    words: str


def compare_numbers(before: Numbers, after: Numbers, show: Show, *, are_codes: bool) -> list[Evidence]:
    """Compare numbers. ``are_codes``: whether they may be identifiers, which replace each other."""
    if not len(before) or not len(after):
        return []
    values, old, new = value_counts(before, after)
    if len(values) <= FEW:
        found = compare_classes(old, new, [show(value) for value in values])
        return found + (list(compare_spread(before, after, show)) if len(values) > 2 else [])
    spike = int(np.argmax(old + new))
    if old[spike] + new[spike] < _SPIKE * (len(before) + len(after)):
        found = list(compare_spread(before, after, show))
    else:
        value = float(values[spike])
        found = compare_classes(
            np.array([old[spike], len(before) - old[spike]]),
            np.array([new[spike], len(after) - new[spike]]),
            [show(value), f"values other than {show(value)}"],
        )
        rest = before[before != value], after[after != value]
        found += compare_spread(*rest, show, f" of the values other than {show(value)}")
    return found + (compare_turnover(old, new) if are_codes else [])


def value_counts(before: Numbers, after: Numbers) -> tuple[Numbers, Counts, Counts]:
    """The distinct values in order, and how often each occurs before and after."""
    values, where = np.unique(np.concatenate([before, after]), return_inverse=True)
    old = np.bincount(where[: len(before)], minlength=len(values))
    return values, old, np.bincount(where[len(before) :], minlength=len(values))


def compare_spread(
    before: Numbers, after: Numbers, show: Show, of: str = " of the values"
) -> Iterator[Evidence]:
    """Kolmogorov-Smirnov for any change, Mann-Whitney for a move of all values, and both tails.

    The size is the statistic of Kolmogorov-Smirnov. A Wasserstein distance of that many standard deviations
    counts too: few values that are far off change little else.
    """
    if not len(before) or not len(after) or min(before.min(), after.min()) == max(before.max(), after.max()):
        return
    is_small = max(len(before), len(after)) <= _EXACT_UP_TO
    with warnings.catch_warnings():
        # If the exact chance cannot be computed, scipy says so, and takes the other one.
        warnings.simplefilter("ignore", RuntimeWarning)
        gap = stats.ks_2samp(before, after, method="exact" if is_small else "asymp")
    chances = [float(gap.pvalue), float(stats.mannwhitneyu(before, after).pvalue)]
    chances += _tails(before, after)
    size = float(gap.statistic)
    moved = max(size, _distance(before, after))
    words = _move(before, after, show, of)
    yield Evidence(min(1.0, len(chances) * min(chances)), size, level_of(moved), words)


def _tails(before: Numbers, after: Numbers) -> Iterator[float]:
    """For each tail: the chance that one version has this share of the extreme values."""
    both = np.sort(np.concatenate([before, after]))
    for share in _TAILS:
        if share * len(both) < _IN_TAIL:
            continue
        low, high = np.quantile(both, (share, 1 - share))
        old = np.array([(before < low).sum(), (before > high).sum()])
        new = np.array([(after < low).sum(), (after > high).sum()])
        yield from map(float, _chances(old, new, len(before), len(after)))


def _distance(before: Numbers, after: Numbers) -> float:
    """The Wasserstein distance in standard deviations of the values before; 0 if there is no such thing."""
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(before.std())
        distance = float(stats.wasserstein_distance(before, after)) if spread > 0 else 0.0
    return distance / spread if spread > 0 and math.isfinite(distance / spread) else 0.0


def _move(before: Numbers, after: Numbers, show: Show, of: str) -> str:
    old, new = np.quantile(before, _QUANTILES), np.quantile(after, _QUANTILES)
    with np.errstate(over="ignore", invalid="ignore"):
        moves = np.nan_to_num(abs(new - old))
    is_clear = moves[0] >= max(moves.max() / 2, 1e-300) or moves[0] >= (old[2] - old[1]) / 4 > 0
    most = 0 if is_clear else int(moves.argmax())
    old_text, new_text = show(float(old[most])), show(float(new[most]))
    if old_text == new_text:
        return f"the spread{of} changed"
    if most == 0:
        return f"the median{of if 'other' in of else ''} went from {old_text} to {new_text}"
    share = _QUANTILES[most]
    side, share = ("above", 1 - share) if share > 0.5 else ("below", share)
    return f"{share:.0%}{of} were {side} {old_text}, and are now {side} {new_text}".replace("%", " %", 1)


def compare_classes(before: Counts, after: Counts, labels: Sequence[str]) -> list[Evidence]:
    """Compare the shares of classes: all together by chi-squared, and each one, so that rare ones count."""
    n, m = int(before.sum()), int(after.sum())
    if not n or not m or len(before) < 2:
        return []
    chances = _chances(before, after, n, m)
    # Of two classes, the rarer one is of interest; both have the same chance.
    most = int(np.lexsort((before + after, chances))[0])
    old, new = float(before[most] / n), float(after[most] / m)
    size = abs(new - old)
    odds = (old * (1 - new), new * (1 - old))
    level = level_of(size)
    if level == "stable" and max(odds) >= _ODDS * min(odds):
        level = "shifted"
    words = f"{labels[most]} went from {percent(old)} to {percent(new)}"
    found = [Evidence(min(1.0, float(chances[most]) * (len(before) - 1)), size, level, words)]
    table = _large_enough(before, after)
    if table.shape[1] > 2:
        shares = table / table.sum(axis=1, keepdims=True)
        total = float(abs(shares[0] - shares[1]).sum() / 2)
        p = float(stats.chi2_contingency(table, correction=False).pvalue)
        found.append(Evidence(p, total, level_of(total), words))
    return found


def _large_enough(before: Counts, after: Counts) -> NDArray[np.float64]:
    """The counts of the classes that are frequent enough for chi-squared, and of the others together."""
    both = before + after
    n, m = int(before.sum()), int(after.sum())
    is_large = both * min(n, m) >= _EXPECTED * (n + m)
    columns = [(b, a) for b, a in zip(before[is_large], after[is_large], strict=True)]
    rest = (int(before[~is_large].sum()), int(after[~is_large].sum()))
    if sum(rest) * min(n, m) >= _EXPECTED * (n + m):
        columns.append(rest)
    return np.array(columns, dtype=float).reshape(-1, 2).T


def _chances(before: Counts, after: Counts, n: int, m: int) -> Numbers:
    """For each class, the chance of a share that differs as much (the exact test of Fisher, both sides)."""
    law = stats.hypergeom(n + m, before + after, m)
    found: Numbers = np.minimum(1.0, 2 * np.minimum(law.cdf(after), law.sf(after - 1)))
    return found


def compare_turnover(before: Counts, after: Counts) -> list[Evidence]:
    """Compare which values occur at all: whether more are new or gone than two random halves would have.

    A value that occurs c times is in only one of two random halves with a chance of 0.5 ** c. Values that
    occur once say nothing.
    """
    n, m, both = int(before.sum()), int(after.sum()), before + after
    if not n or not m:
        return []
    chances, sizes, shares = [], [], []
    for here, there, rows in ((after, before, m), (before, after, n)):
        with np.errstate(under="ignore"):
            alone = np.where(both > 1, (rows / (n + m)) ** both, 0.0)
        is_alone = (both > 1) & (there == 0)
        # Fewer coincide than by a Poisson law of the same mean, so that the chance is an upper bound.
        chances.append(float(stats.poisson.sf(int(is_alone.sum()) - 1, float(alone.sum()))))
        sizes.append(float((here[is_alone].sum() - (alone * both).sum()) / rows))
        shares.append(percent(float(here[there == 0].sum() / rows)))
    side = int(np.argmax(sizes))
    words = (
        f"{shares[0]} of the rows have values that did not occur before"
        if side == 0
        else f"values of {shares[1]} of the rows before no longer occur"
    )
    # If no value is left, the share of those that occur once is of no interest.
    size = max(0.0, *sizes) if np.any((before > 0) & (after > 0)) else 1.0
    return [Evidence(min(1.0, 2 * min(chances)), size, level_of(size), words)]


def compare_order(before: Counts, after: Counts) -> list[Evidence]:
    """Compare texts by their place in the sorted list of all of them."""
    places = np.arange(len(before), dtype=float)
    old, new = np.repeat(places, before), np.repeat(places, after)
    words = "the texts differ: they are at other places in the sorted list"
    return [
        Evidence(found.p, found.size, level_of(found.size), words) for found in compare_spread(old, new, str)
    ]
