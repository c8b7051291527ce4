"""Areas under curves from weights of rows: ROC, and precision over recall. Figures equal scikit-learn's.

The area under the ROC curve is the Mann-Whitney statistic (Hanley & McNeil 1982, Radiology 143:29-36): the
weighted share of pairs of a positive and a negative row in the right order. Ties count half.

Why not scikit-learn with ``sample_weight``: on 100,000 rows, one weighted roc_auc_score takes 40 ms. 10,000
resamples for two models are 20,000 calls: 13 minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlroad.gate.measures import Floats, Weighted, Weights, ratio

BLOCK = 31
"""Places in a block of the area: 8 bits hold the sum of this many weights, 16 bits that of their products."""


@dataclass(frozen=True, slots=True)
class Area:
    """The area under the ROC curve from weights: the weight of the negatives before each positive.

    Rows are in order of score, at places in blocks. ``negatives`` and ``positives`` [place in a block, block]
    are the row at each place, or n where there is none of the class. If positives and negatives have equal
    scores, each negative appears twice, before and after the positives with its score, so that half of it
    counts.
    """

    negatives: NDArray[np.intp]
    positives: NDArray[np.intp]

    def of(self, weights: Weights) -> Floats:
        """The area in each resample, as `Weighted`. NaN where one class is absent."""
        # Pairs within a block [block, resample]: place by place, all blocks at once.
        wide = np.result_type(weights, np.uint16)
        below, found = np.zeros((2, self.negatives.shape[1], weights.shape[1]), dtype=weights.dtype)
        pairs = np.zeros(below.shape, dtype=wide)
        for negatives, positives in zip(self.negatives, self.positives, strict=True):
            below += np.take(weights, negatives, axis=0)
            here = np.take(weights, positives, axis=0)
            found += here
            pairs += np.multiply(here, below, dtype=wide)
        # Pairs of two blocks [resample, block]. 32 bits hold every sum of counts, a product of two needs 64.
        ends = np.cumsum(below.T.copy(), axis=1, dtype=np.int32).astype(np.float64)
        mine = found.T.astype(np.float64, order="C")
        ordered = np.ones(len(pairs)) @ pairs + np.einsum("ij,ij->i", mine[:, 1:], ends[:, :-1])
        return ratio(ordered, mine.sum(axis=1) * ends[:, -1])


def area(truth: NDArray[Any], scores: NDArray[Any]) -> Weighted:
    """The area under the ROC curve of class 1 against all others; arrays are [n]."""
    positives, negatives = np.flatnonzero(truth == 1), np.flatnonzero(truth != 1)
    ties = bool(np.isin(scores[positives], scores[negatives]).any())
    turns = [negatives, positives, negatives] if ties else [negatives, positives]
    rows = np.concatenate(turns)
    turn = np.repeat(np.arange(len(turns)), [len(some) for some in turns])
    order = np.lexsort((turn, scores[rows]))  # by score, then by turn
    blocks = len(rows) // BLOCK + 1
    places = np.full((2, blocks * BLOCK), len(truth))
    places[(turn[order] == 1).astype(int), np.arange(len(rows))] = rows[order]
    return Weighted(
        Area(*places.reshape(2, blocks, BLOCK).transpose(0, 2, 1).copy()).of,
        min(len(positives), len(negatives)),
    )


def average_precision(truth: NDArray[Any], scores: NDArray[Any]) -> Weighted:
    """The mean of the precisions at each positive, in order of score; rows with one score count together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # the last row of each score
    starts = np.append(0, ends[:-1] + 1)
    positive = (truth[order] == 1)[:, None]

    def of(weights: Weights) -> Floats:
        ordered = weights[order]
        found = np.add.reduceat(np.where(positive, ordered, 0), starts, axis=0, dtype=np.int64)
        every = np.cumsum(np.add.reduceat(ordered, starts, axis=0, dtype=np.int64), axis=0)
        hits = np.cumsum(found, axis=0)
        precision = hits / np.maximum(every, 1)
        return ratio((found * precision).sum(axis=0), hits[-1])

    return Weighted(of, int(positive.sum()))


def mean_of(measures: Sequence[Weighted], shares: Sequence[Floats] | None = None) -> Weighted:
    """The mean of several areas, or their mean weighted by the rows with 1 in each of ``shares`` [n]."""

    def of(weights: Weights) -> Floats:
        values = np.stack([measure.of(weights) for measure in measures])
        if shares is None:
            return np.asarray(values.mean(axis=0))
        there = np.stack([weights[:-1][share == 1].sum(axis=0, dtype=np.float64) for share in shares])
        return ratio((values * there).sum(axis=0), there.sum(axis=0))

    # In a weighted mean, a class counts as little as it has rows.
    rare = None if shares is not None else min((m.rare for m in measures if m.rare is not None), default=None)
    return Weighted(of, rare)
