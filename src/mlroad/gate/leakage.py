"""Features that tell the target: a copy in another unit, rounded, with noise, as a date, in a text, in gaps.

Each feature is looked at alone, and in several forms: its values, the numbers in its texts, and its gaps. A
form tells the target if rows that are neighbours by the form have the same target, or the other way around:
the form was computed from it. (Gasser, Sroka & Jennen-Steinmetz 1986, Biometrika 73:625-633, estimate the
noise of a curve in this way.) Honest features of real data seldom come near.
"""

import re
from collections import Counter
from collections.abc import Iterator
from math import lgamma, log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlroad.core.text import percent
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import Holdout
from mlroad.gate.measures import Floats
from mlroad.gate.metrics import measure
from mlroad.gate.tasks.task import Predictions, Truth, codes_of
from mlroad.gate.tasks.texts import words
from mlroad.models.metric_names import Task

_ROWS = 5_000
"""Of more rows, a sample suffices."""
_LEAST = 20
_RARE = 5
"""Fewer rows of a class, or with a gap or a word, can be luck."""
_LUCK = log(1e-6)
_REST = 0.005
"""The share of the variance that neighbours leave unexplained: a copy with noise of 7 %."""
_NEAR, _MOST = 0.02, 0.6
"""So near in units of the deviation, for so many rows: a copy that is wrong in the others."""
_OTHERS = 0.05
"""How often neighbours have other classes, as a share of how often two rows of the table have."""
_SORTED = 0.999
_SAID = 0.8
_LEADS = 7
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SEED = 5


def telling_features(gates: Gates, table: Holdout) -> Iterator[str]:
    """What is said of each feature that tells a target: a clause about both."""
    if table.rows < _LEAST:
        return
    chosen = _chosen(gates, table)
    frame, truth = table.frame.iloc[chosen].reset_index(drop=True), table.truth.where(chosen)
    known = {*gates.targets, *(gates.columns.get(key) for key in ("time", "series", "query"))}
    for name in frame.columns:
        if name in known:
            continue
        for target in gates.targets:
            how = _how(gates, frame, name, target) or _in_query(gates.task, frame[name], truth)
            if how:
                yield f"{name} {how} {target}"


def _chosen(gates: Gates, table: Holdout) -> NDArray[np.intp]:
    """The rows that are looked at. A series and a query stay whole."""
    rng = np.random.default_rng(_SEED)
    if gates.task == "ranking":
        order = np.argsort(table.truth.groups["query"], kind="stable")
    elif gates.task == "forecast":
        series = gates.columns.get("series")
        codes = codes_of(table.frame[series]) if series else np.zeros(table.rows)
        order = np.lexsort((table.truth.groups["time"], codes))
    else:
        order = rng.permutation(table.rows)
    return np.sort(order[:_ROWS])


def _how(gates: Gates, frame: pd.DataFrame, name: str, target: str) -> str:
    feature, wanted = frame[name], frame[target]
    if gates.task == "text":
        return _says(feature, wanted)
    classes = gates.task in ("binary", "multiclass", "multilabel")
    values = pd.factorize(wanted, sort=True)[0].astype(np.float64) if classes else wanted.to_numpy(np.float64)
    if classes and (word := _word(feature, values)):
        return f'has the word "{word}" where it tells'
    for how, form in _forms(feature):
        if gates.task == "forecast":
            found = _in_time(gates, frame, form, values)
        else:
            found = _tells(form, values, classes=classes)
        if found:
            return how + found
    return ""


def _forms(feature: pd.Series) -> Iterator[tuple[str, Floats]]:
    """The forms of a feature as numbers, NaN where it has none, with words before the verb."""
    gaps = feature.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(feature.dtype):
        yield "", feature.to_numpy(np.float64, na_value=np.nan)
    elif pd.api.types.is_datetime64_any_dtype(feature.dtype):
        yield "", np.where(gaps, np.nan, feature.astype("int64").astype(np.float64))
    else:
        texts = pd.Series(_texts(feature))
        yield "", np.where(gaps, np.nan, pd.factorize(texts, sort=True)[0].astype(np.float64))
        if texts.str.match(_DATE).mean() > 0.9:
            moments = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)
            yield "as a date ", np.where(moments.isna(), np.nan, moments.astype("int64").astype(np.float64))
        found = [_NUMBER.findall(text) for text in texts]
        for place in range(min(3, int(np.median([len(its) for its in found])))):
            yield (
                "has a number in its text that ",
                np.array(
                    [float(its[place].replace(",", ".")) if place < len(its) else np.nan for its in found]
                ),
            )
    if _RARE <= gaps.sum() <= len(gaps) - _RARE:
        yield "is missing where it ", gaps.astype(np.float64)


def _texts(feature: pd.Series) -> list[str]:
    return ["" if gap else str(value) for value, gap in zip(feature, feature.isna(), strict=True)]


def _tells(form: Floats, values: Floats, *, classes: bool) -> str:
    there = np.isfinite(form) & np.isfinite(values)
    form, values = form[there], values[there]
    if len(form) < max(_LEAST, len(there) / 2) or np.ptp(form) == 0 or np.ptp(values) == 0:
        return ""
    kinds = np.unique(values, return_counts=True)[1]
    if abs(np.corrcoef(form, values)[0, 1]) >= 1 - 1e-9:
        return "is a multiple of"
    if (not classes or len(kinds) == 2) and _in_order(form, values):
        return "is in the same order as"
    if classes:
        return _tells_class(form, values, kinds)
    for ordered, by in ((values, form), (form, values)):
        rest, near = _apart(ordered, by)
        if rest <= _REST or near:
            return "almost tells" if by is form else "is computed from"
    return ""


def _in_order(form: Floats, values: Floats) -> bool:
    """Whether one never falls when the other grows, and this cannot be luck."""
    for sign in (1, -1):
        if (np.diff((sign * form)[np.lexsort((sign * form, values))]) >= 0).all():
            equal = (np.unique(its, return_counts=True)[1] for its in (form, values))
            alike = max(sum(lgamma(count + 1) for count in counts) for counts in equal)
            return log(2) + alike - lgamma(len(form) + 1) < _LUCK
    return False


def _apart(values: Floats, by: Floats) -> tuple[float, bool]:
    """The share of the variance of ``values`` that the neighbours in the order of ``by`` leave unexplained.

    And whether most rows are as their neighbours say, although few are by chance.
    """
    rng = np.random.default_rng(_SEED)
    order = np.lexsort((rng.random(len(by)), by))
    mixed = rng.permutation(len(by))
    spread = float(values.std())
    far = _between(values[order], by[order]) / spread
    chance = _between(values[mixed], np.arange(len(by), dtype=np.float64)) / spread
    near = [float((np.abs(its) <= _NEAR).mean()) for its in (far, chance)]
    return float((far**2).mean()), near[0] >= _MOST and near[1] < _MOST / 2


def _between(values: Floats, by: Floats) -> Floats:
    """How far each value is from the line between its neighbours, as if these were known exactly."""
    gap = by[2:] - by[:-2]
    weight = np.where(gap > 0, (by[1:-1] - by[:-2]) / np.where(gap > 0, gap, 1), 0.5)
    far = values[1:-1] - (1 - weight) * values[:-2] - weight * values[2:]
    return np.asarray(far / np.sqrt(1 + weight**2 + (1 - weight) ** 2))


def _tells_class(form: Floats, values: Floats, kinds: NDArray[np.intp]) -> str:
    if np.sort(kinds)[-2] < _RARE:
        return ""
    found = pd.DataFrame({"form": form, "class": values})
    shares = found.groupby("form")["class"].agg(["nunique", "size"])
    if len(shares) <= len(form) / 2 and (shares["nunique"] == 1).all():
        return "determines"
    of_class = found.groupby("class")["form"].agg(["nunique", "first", "size"])
    sizes = of_class.groupby("first")["size"].sum()
    if (of_class["nunique"] == 1).all() and len(sizes) > 1 and sizes.min() >= _RARE:
        return "is computed from"
    rng = np.random.default_rng(_SEED)
    order = np.lexsort((rng.random(len(form)), form))
    others = float((np.diff(values[order]) != 0).mean())
    by_chance = 1 - float(((kinds / kinds.sum()) ** 2).sum())
    enough = np.sort(kinds)[:-1].sum() >= 4 * _RARE
    return "almost tells" if enough and others <= _OTHERS * by_chance else ""


def _word(feature: pd.Series, values: Floats) -> str:
    """A word that the texts of some classes all have, and those of the others never; empty if none."""
    if pd.api.types.is_numeric_dtype(feature.dtype) or pd.api.types.is_datetime64_any_dtype(feature.dtype):
        return ""
    sizes = Counter(values.tolist())
    having: dict[str, Counter[float]] = {}
    for text, its in zip(_texts(feature), values.tolist(), strict=True):
        for word in set(words(text)):
            having.setdefault(word, Counter())[its] += 1
    for word, counts in having.items():
        inside = sum(counts.values())
        exact = all(counts[its] in (0, size) for its, size in sizes.items())
        if exact and _RARE <= inside <= len(values) - _RARE:
            return word
    return ""


def _says(feature: pd.Series, wanted: pd.Series) -> str:
    """Whether a text has the words of the target, and hardly any others but those that all rows have."""
    if pd.api.types.is_numeric_dtype(feature.dtype):
        return ""
    both = [[Counter(words(text)) for text in _texts(its)] for its in (feature, wanted)]
    often = Counter(word for text in both[0] for word in text)
    usual = {word for word, count in often.items() if count >= 0.9 * len(wanted)}
    shares = []
    for said, right in zip(*both, strict=True):
        for word in usual:
            said.pop(word, None)
            right.pop(word, None)
        total = said.total() + right.total()
        shares.append(2 * (said & right).total() / total if total else 1.0)
    share = float(np.mean(np.array(shares) > _SAID))
    return f"has the words of {percent(share)} of" if share >= _MOST else ""


def _in_time(gates: Gates, frame: pd.DataFrame, form: Floats, values: Floats) -> str:
    """Whether a form moves as the target does at the same moment, or at a later one.

    Levels say little: they change slowly, so that yesterday's value is near today's.
    """
    series = gates.columns.get("series")
    codes = codes_of(frame[series]) if series else np.zeros(len(frame), dtype=np.intp)
    order = np.lexsort((frame[gates.columns["time"]].to_numpy(), codes))
    form, values, codes = form[order], values[order], codes[order]
    moved, target = np.diff(form), np.diff(values)
    same = np.diff(codes) == 0
    if found := _tells(np.where(same, moved, np.nan), target, classes=False):
        return found
    if _tells(np.where(same, moved, np.nan), values[1:], classes=False):
        return "adds up"
    for lead in range(1, _LEADS + 1):
        # The pairs of rows that are so far apart and in one series.
        inside = same[:-lead] & (codes[1 + lead :] == codes[1:-lead])
        if (
            _tells(np.where(inside, moved[:-lead], np.nan), target[lead:], classes=False)
            == "is a multiple of"
        ):
            return f"is, {lead} rows before, a multiple of"
    return ""


def _in_query(task: Task, feature: pd.Series, truth: Truth) -> str:
    """Whether sorting by a number is the right ranking, although any other is not."""
    if task != "ranking" or not pd.api.types.is_numeric_dtype(feature.dtype) or not truth.values.any():
        return ""
    values = np.nan_to_num(feature.to_numpy(np.float64, na_value=np.nan))
    ndcg = [
        measure("ndcg", task, truth, Predictions(its, "score"))
        for its in (values, -values, np.zeros(len(values)))
    ]
    return "sorts the rows of a query as" if max(ndcg[:2]) >= _SORTED and ndcg[2] < 0.99 else ""
