"""Pick the rows of a dataset that become golden cases. The order of the file makes no difference.

The rows are sorted by the SHA-256 of their values. Half of the cases are usual rows, the first ones, taken
in turn from each stratum: the rows with one decision, or with answers of about the same size. A quarter are
rows with texts and booleans that none of these has, one for each. The rest are the rows farthest from all
that were taken before, the unusual ones (greedy k-center, Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5).
The distance is that of ranks for numbers, and 0 or 1 for everything else, so that no unit weighs more than
another.
"""

import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from mlroad.core.problems import UserError
from mlroad.models.model_process import ColumnSpec
from mlroad.models.tensors import Tensor, TensorError, read_tensor

StrataOf = Callable[[Sequence[tuple[Tensor, ...]]], Sequence[str] | None]
POOL = 2000
"""The rows are picked from this many, the first by their hash."""
_TAG = 40
"""Characters of a value in a tag: some texts are whole documents."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The requests, one row each, and how many rows could not be used because a value is missing."""

    requests: tuple[tuple[Tensor, ...], ...]
    tags: tuple[str, ...]
    """Why each was picked."""
    incomplete: int


def pick(path: Path, label: str, columns: Sequence[ColumnSpec], wanted: int, strata_of: StrataOf) -> Picked:
    """Requests from ``wanted`` rows of the table in ``path``, or from all if it has fewer.

    ``strata_of`` names the stratum of each of some requests; None if it cannot.

    Raises UserError if the table lacks a column, or the model's signature does not allow a value.
    """
    rows, incomplete = _pool(path, label, columns)
    if not rows:
        why = "each lacks a value that the model needs" if incomplete else "it is empty"
        raise UserError(
            f"No row of {label} can be a request: {why}.", "Name another dataset: --dataset NAME:VERSION."
        )
    try:
        strata = strata_of([_request(row, columns, label) for row in rows])
    except UserError:
        strata = None  # of a row that may not be picked
    chosen = _spread(rows, columns, min(wanted, len(rows)), strata or [""] * len(rows))
    requests = tuple(_request(rows[place], columns, label) for place in chosen)
    return Picked(requests, tuple(chosen.values()), incomplete)


def requests_of(path: Path, label: str, columns: Sequence[ColumnSpec], most: int) -> list[tuple[Tensor, ...]]:
    """Requests from at most ``most`` and `POOL` rows, the first by hash. Raises UserError as `pick` does."""
    rows, _ = _pool(path, label, columns)
    return [_request(row, columns, label) for row in rows[:most]]


def _pool(path: Path, label: str, columns: Sequence[ColumnSpec]) -> tuple[list[tuple[Any, ...]], int]:
    """The first rows by hash, without duplicates, and the number of rows in which something is missing."""
    from mlroad.data import sql
    from mlroad.data.open_table import open_table
    from mlroad.data.reading import Reading
    from mlroad.data.sql import TableEngine
    from mlroad.data.table import Kind

    with TableEngine() as engine:
        texts: dict[str, Kind] = {column.name: "string" for column in columns if column.datatype == "BYTES"}
        table = open_table(engine, path, label, Reading(texts))
        there = [column.name for column in table.columns]
        missing = [column.name for column in columns if column.required and column.name not in there]
        if missing:
            raise UserError(
                f"{label} lacks {', '.join(missing[:5])}, which the model reads.",
                "Name a dataset that has the columns of the model's signature: --dataset NAME:VERSION.",
            )
        names = [sql.name(c.name) if c.name in there else f"NULL AS {sql.name(c.name)}" for c in columns]
        needed = [c for c in columns if c.name in there and c.required]
        floats = {c.name for c in table.columns if c.type in {"FLOAT", "DOUBLE"}}
        complete = " AND ".join(_is_there(sql.name(c.name), c.name in floats) for c in needed) or "true"
        parts = [f"coalesce({sql.name(c.name)}::VARCHAR, '')" for c in columns if c.name in there]
        key = f"sha256(concat_ws(chr(31), {', '.join(parts)}))"
        incomplete = engine.row(f"SELECT count(*) FROM {table.view} WHERE NOT ({complete})")[0]
        query = f"SELECT DISTINCT {key} AS hash, {', '.join(names)} FROM {table.view} WHERE {complete}"
        return [row[1:] for row in engine.rows(f"FROM ({query}) ORDER BY hash LIMIT {POOL}")], incomplete


def _is_there(name: str, is_float: bool) -> str:
    return f"{name} IS NOT NULL" + (f" AND isfinite({name})" if is_float else "")


def _spread(
    rows: Sequence[tuple[Any, ...]], columns: Sequence[ColumnSpec], wanted: int, strata: Sequence[str]
) -> dict[int, str]:
    """The places of the chosen rows, with tags that say why."""
    usual = (wanted + 1) // 2
    chosen = dict.fromkeys(islice(_in_turn(strata), usual), "usual")
    chosen |= dict(islice(_slices(rows, columns, set(chosen)), (wanted - usual) // 2))
    places = np.column_stack([_places([r[i] for r in rows], c.datatype) for i, c in enumerate(columns)])
    nearest = np.full(len(rows), np.inf)

    def take(place: int) -> None:
        # Classes are 2 or more apart: any two classes are equally different.
        steps = np.minimum(np.abs(places - places[place]), 1.0).sum(axis=1)
        np.minimum(nearest, steps, out=nearest)
        nearest[place] = -1.0

    for place in chosen:
        take(place)
    while len(chosen) < wanted:
        farthest = int(np.argmax(nearest))
        chosen[farthest] = "unusual"
        take(farthest)
    return chosen


def _in_turn(strata: Sequence[str]) -> Iterator[int]:
    """Places, one of each stratum after the other."""
    places: dict[str, list[int]] = {}
    for place, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(place)
    turns = zip_longest(*(places[stratum] for stratum in sorted(places)))
    return (place for turn in turns for place in turn if place is not None)


def _slices(
    rows: Sequence[tuple[Any, ...]], columns: Sequence[ColumnSpec], taken: Set[int]
) -> Iterator[tuple[int, str]]:
    """The first row of each text and boolean that no row of ``taken`` has, with the tag ``column=value``."""
    seen = set(taken)
    for column, spec in enumerate(columns):
        if spec.datatype not in {"BYTES", "BOOL"}:
            continue
        known = {rows[place][column] for place in seen}
        for place, row in enumerate(rows):
            value = row[column]
            if value is not None and value not in known:
                known.add(value)
                if place not in seen:
                    seen.add(place)
                    yield place, f"{spec.name}={str(value)[:_TAG]}"


def _places(values: Sequence[Any], datatype: str) -> Any:
    """A coordinate for each value: its rank from 0 to 1 for numbers; classes are 2 apart."""
    known = sorted({value for value in values if value is not None and value == value})  # noqa: PLR0124
    step = 2.0 if datatype in {"BYTES", "BOOL"} else 1.0 / max(1, len(known) - 1)
    place = {value: number * step for number, value in enumerate(known)}
    return np.array([place.get(value, -2.0) for value in values])


def _request(row: tuple[Any, ...], columns: Sequence[ColumnSpec], label: str) -> tuple[Tensor, ...]:
    found: list[Tensor] = []
    for value, column in zip(row, columns, strict=True):
        if value is None or value != value:  # noqa: PLR0124  (NaN)
            if column.datatype.startswith("FP"):
                found.append(Tensor(column.name, column.datatype, (1, 1), (math.nan,)))
            continue  # an optional column of another type without a value has no tensor
        plain = _plain(value, column.datatype)
        try:
            found.append(
                read_tensor(
                    {"name": column.name, "datatype": column.datatype, "shape": [1, 1], "data": [plain]}
                )
            )
        except TensorError as error:
            raise UserError(
                f"A row of {label} cannot be a request to this model: {error}.",
                f"The model's signature says that {column.name} is {column.type}: make the dataset fit it.",
            ) from None
    return tuple(found)


def _plain(value: Any, datatype: str) -> Any:
    """A value of the table as JSON has it; unchanged (and refused later) if it does not fit the datatype."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        value = int(value) if value == int(value) else float(value)
    if datatype.startswith("FP"):
        if isinstance(value, int):
            value = float(value)
        if datatype == "FP32" and isinstance(value, float):
            return float(np.float32(value))
        return value
    if "INT" in datatype:
        if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
            return int(value)
        return value
    if datatype == "BOOL" and value in {0, 1}:
        return bool(value)
    return value
