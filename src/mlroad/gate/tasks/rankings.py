"""Rankings: scores by which the rows of a query are sorted; the truth is how relevant each row is.

A figure is the mean over queries, and queries are what is resampled. Figures equal scikit-learn's: NDCG with
linear gains, in which rows with equal scores share their gains (McSherry & Najork 2008, ECIR). MAP and MRR
count a relevance above 0 as relevant, and rows with equal scores in the least favourable order.
Queries without a relevant row are left out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.problems import Problem, UserError
from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Floats, Measure, Unmeasurable, of_ratio
from mlroad.gate.tasks.task import (
    Predictions,
    Reader,
    Truth,
    codes_of,
    column_of,
    finite,
    numbers_of,
    one_each,
)


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The relevances, and the number of each row's query."""
    values = numbers_of(frame, gates.target, gates.at("target"), gates.holdout)
    if (values < 0).any():
        what = f"The target {gates.target} has negative relevances."
        raise UserError(Problem(gates.at("target"), "MR704", what, "Write 0 for a row that is not relevant."))
    query = column_of(frame, gates.columns["query"], gates.at("query"), gates.holdout)
    return Truth(values, groups={"query": codes_of(query)})


def read_answers(values: NDArray[Any], _: Truth) -> Predictions:
    """One score for each row."""
    return Predictions(one_each(finite(values)), "score")


def _of_queries(
    of: Callable[[Floats, Floats, int], float],
) -> Callable[[Truth, Predictions, int], Measure]:
    """The mean over queries of a function of one query's relevances and scores."""

    def measure(truth: Truth, predicted: Predictions, first: int) -> Measure:
        query = truth.groups["query"]
        order = np.argsort(query, kind="stable")
        found, counts = np.zeros(len(truth)), np.zeros(len(truth))
        for rows in np.split(order, np.flatnonzero(np.diff(query[order])) + 1):
            relevance = truth.values[rows]
            if relevance.any():
                # The figure of a query is at its first row; all its rows are drawn together.
                found[rows[0]] = of(relevance, predicted.values[rows], first)
                counts[rows[0]] = 1
        if not counts.any():
            raise Unmeasurable("no query has a relevant row")
        return of_ratio(found, counts)

    return measure


def _ndcg(relevance: Floats, scores: Floats, first: int) -> float:
    discount = 1 / np.log2(np.arange(len(relevance)) + 2)
    if first:
        discount[first:] = 0
    best = float(np.sort(relevance)[::-1] @ discount)
    # Rows with one score share the mean of their gains.
    _, place, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    gains = np.bincount(place, relevance) / sizes
    sums = np.add.reduceat(discount, np.append(0, np.cumsum(sizes)[:-1]))
    return float(gains @ sums) / best


def _hits(relevance: Floats, scores: Floats) -> NDArray[np.bool_]:
    return np.asarray((relevance > 0)[np.lexsort((relevance > 0, -scores))])


def _average_precision(relevance: Floats, scores: Floats, _: int) -> float:
    places = np.flatnonzero(_hits(relevance, scores)) + 1
    return float((np.arange(1, len(places) + 1) / places).mean())


def _reciprocal_rank(relevance: Floats, scores: Floats, _: int) -> float:
    return 1 / (1 + int(_hits(relevance, scores).argmax()))


RANKING = Reader(
    read_truth,
    read_answers,
    {
        "ndcg": _of_queries(_ndcg),
        "ndcg@": _of_queries(_ndcg),
        "map": _of_queries(_average_precision),
        "mrr": _of_queries(_reciprocal_rank),
    },
)
