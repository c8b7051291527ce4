"""Aggregates of many columns, in time that grows with their number and no faster.

A query takes longer to plan than its number of expressions grows, and every query of a wide table costs as
much as all of its columns. So a table with many columns is turned into one long table of cells first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlroad.data import sql
from mlroad.data.sql import TableEngine

_MANY = 64
"""More columns than this make a table wide."""
_MOST = 100_000_000
"""More cells than this are not copied."""
_AT_ONCE = 32
"""Columns per query of a table that is not wide."""


class Cells:
    """The cells of some columns that have the same type."""

    def __init__(
        self, engine: TableEngine, source: str, columns: Sequence[str], rows: int, width: int = 0
    ) -> None:
        """``width`` is the number of columns of the source, if it has others too."""
        self._engine = engine
        self._source = source
        self._places = {column: place for place, column in enumerate(columns)}
        self._long = ""
        if columns and max(width, len(columns)) > _MANY and 0 < rows * len(columns) <= _MOST:
            self._long = engine.fresh("cells")
            values = ", ".join(map(sql.name, columns))
            engine.run(
                f"CREATE TEMP TABLE {self._long} AS SELECT unnest(range({len(columns)})) AS place,"
                f" unnest([{values}]) AS value FROM {source}"
            )

    def each(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[Any, ...]]:
        """The aggregates of each column. In their SQL, {0} is the column."""
        if self._long:
            return self._grouped(wanted)
        found: dict[str, tuple[Any, ...]] = {}
        names = list(wanted)
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            parts = [part.replace("{0}", sql.name(name)) for name in some for part in wanted[name]]
            row = iter(self._engine.row(f"SELECT {', '.join(parts)} FROM {self._source}") if parts else ())
            found |= {name: tuple(next(row) for _ in wanted[name]) for name in some}
        return found

    def groups(self, columns: Sequence[str], value: str, order: str) -> dict[str, list[tuple[Any, int]]]:
        """Each value of some columns with its count. In ``value`` (SQL), {0} is the column."""
        if not self._long:
            return {
                name: self._engine.rows(
                    f"SELECT {value.replace('{0}', sql.name(name))}, count(*) AS n FROM {self._source}"
                    f" WHERE {sql.name(name)} IS NOT NULL GROUP BY {sql.name(name)}"
                    f" ORDER BY {order.replace('{0}', sql.name(name))}"
                )
                for name in columns
            }
        found: dict[str, list[tuple[Any, int]]] = {name: [] for name in columns}
        names = list(self._places)
        for place, shown, count in self._engine.rows(
            f"SELECT place, {value.replace('{0}', 'value')}, count(*) AS n FROM {self._long}"
            f" WHERE value IS NOT NULL AND {self._chosen(columns)} GROUP BY place, value"
            f" ORDER BY place, {order.replace('{0}', 'value')}"
        ):
            found[names[place]].append((shown, count))
        return found

    def _grouped(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[Any, ...]]:
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, parts in wanted.items():
            alike.setdefault(tuple(parts), []).append(name)
        names = list(self._places)
        found: dict[str, tuple[Any, ...]] = {}
        for parts, columns in alike.items():
            for place, *values in self._engine.rows(
                f"SELECT place, {', '.join(part.replace('{0}', 'value') for part in parts)} FROM {self._long}"
                f" WHERE {self._chosen(columns)} GROUP BY place"
            ):
                found[names[place]] = tuple(values)
        return {name: found[name] for name in wanted}

    def _chosen(self, columns: Sequence[str]) -> str:
        if len(columns) == len(self._places):
            return "true"
        # As one text, because the engine takes long to parse thousands of numbers.
        places = ",".join(str(self._places[name]) for name in columns)
        return f"place IN (SELECT unnest(string_split('{places}', ','))::BIGINT)"
