"""Texts: answers that are compared with a reference text.

Exact match and token F1 are those of SQuAD (Rajpurkar et al. 2016): without case, punctuation and English
articles. ROUGE is that of the package rouge-score, without stemming: languages differ in it.
"""

import re
import string
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.gate.gates_file import Gates
from mlroad.gate.measures import Measure, by_row
from mlroad.gate.tasks.task import Predictions, Reader, Truth, column_of, one_each
from mlroad.models.model_process import ModelBroken

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"\w+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def read_truth(frame: pd.DataFrame, gates: Gates) -> Truth:
    """The reference texts."""
    column = column_of(frame, gates.target, gates.at("target"), gates.holdout)
    return Truth(np.array([str(value) for value in column], dtype=object))


def read_answers(values: NDArray[Any], _: Truth) -> Predictions:
    """One text for each row."""
    flat = one_each(values)
    if flat.dtype != object or not all(isinstance(value, str) for value in flat):
        shown = next((value for value in flat if not isinstance(value, str)), flat[0])
        raise ModelBroken(f"it answers with {str(shown)[:60]}, which is not a text")
    return Predictions(flat, "text")


def words(text: str) -> list[str]:
    """The words of a text as SQuAD counts them."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(truth: str, answer: str) -> float:
    """The F1 of the words that both have."""
    wanted, said = words(truth), words(answer)
    if not wanted or not said:
        return float(wanted == said)
    return 2 * sum((Counter(wanted) & Counter(said)).values()) / (len(wanted) + len(said))


def _each(of: Callable[[str, str], float]) -> Callable[[Truth, Predictions, int], Measure]:
    return lambda truth, predicted, _: by_row(
        [of(right, said) for right, said in zip(truth.values, predicted.values, strict=True)]
    )


class _Words:
    """All words in small letters. The package's own tokenizer leaves out every letter but a to z."""

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text.lower())


def _rouge(name: str) -> Callable[[Truth, Predictions, int], Measure]:
    def measure(truth: Truth, predicted: Predictions, first: int) -> Measure:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([name], tokenizer=_Words())
        return _each(lambda right, said: scorer.score(right, said)[name].fmeasure)(truth, predicted, first)

    return measure


TEXT = Reader(
    read_truth,
    read_answers,
    {
        "exact_match": _each(lambda right, said: float(words(right) == words(said))),
        "token_f1": _each(token_f1),
        **{name: _rouge(name) for name in ("rouge1", "rouge2", "rougeL")},
    },
)
