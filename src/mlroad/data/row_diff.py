"""The rows that were added, removed and changed, by a key or as whole rows.

Rows are compared by a 64-bit hash of their values. For two versions of 10 million rows, the chance of missing
a change is below one in a million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.text import cut, did_you_mean, some
from mlroad.data import sql
from mlroad.data.comparable import comparable
from mlroad.data.sql import TableEngine
from mlroad.data.table import Table

EXAMPLES = 5
_LOOKED_AT = 200_000
"""The most changed rows in which the changes of each column are counted."""


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """The changed values of a row, before and after."""

    key: Mapping[str, str]
    values: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RowDiff:
    """Counts of rows, and examples. Values are text, as displayed."""

    key: tuple[str, ...]
    """If empty, whole rows were compared, so `changed` is 0."""
    compared: tuple[str, ...]
    """The common columns, without the key."""
    same: int
    added: int
    removed: int
    changed: int = 0
    looked_at: int = 0
    """The number of changed rows that `changed_in` is based on."""
    changed_in: Mapping[str, int] | None = None
    added_rows: tuple[Mapping[str, str], ...] = ()
    removed_rows: tuple[Mapping[str, str], ...] = ()
    changed_rows: tuple[ChangedRow, ...] = ()


def compare_rows(engine: TableEngine, before: Table, after: Table, key: Sequence[str]) -> RowDiff | None:
    """Compare the rows of two versions; None if they have no column in common.

    Raises UserError for a key that a version lacks, or that is not unique.
    """
    for table in (before, after):
        check_columns(table, key, "--key")
    columns = [column.name for column in before.columns if after.column(column.name)]
    if not columns:
        return None
    comparison = RowGroups(engine, before, after, key, [column for column in columns if column not in key])
    return comparison.by_key() if key else comparison.whole()


def check_columns(table: Table, wanted: Sequence[str], option: str) -> None:
    """Raises UserError unless the table has all these columns."""
    names = [column.name for column in table.columns]
    for column in wanted:
        if column not in names:
            advice = did_you_mean(column, names, f"It has {some(names, 20)}.")
            raise UserError(f"{option} {column}: {table.label} has no such column.", advice)


def shown_value(value: object) -> str:
    """A value as reports display it: at most 80 characters, with a word for missing values."""
    if value is None:
        return "missing"
    return cut(str(value), 80)


def _same_key(left: str, right: str, keys: Sequence[str]) -> str:
    """The condition that two rows have the same key, where null equals null."""
    return " AND ".join(f"{left}.{key} IS NOT DISTINCT FROM {right}.{key}" for key in keys)


class RowGroups:
    """The rows of two tables, grouped by key, or by their hash if there is no key."""

    def __init__(
        self, engine: TableEngine, before: Table, after: Table, key: Sequence[str], columns: Sequence[str]
    ) -> None:
        self.engine = engine
        self.tables = (before, after)
        self.key = tuple(key)
        self.columns = tuple(columns)
        self.keys = tuple(f"k{number}" for number in range(len(key))) or ("h",)
        self.found = engine.fresh("groups")

    def by_key(self) -> RowDiff:
        # Two equal hashes cancel out: one row on each side and x = 0 means that the row is unchanged.
        self.find("bit_xor(h)", "n <> 2 OR n1 <> 1 OR x <> 0")
        self._check_unique()
        removed, added, changed = self.engine.row(
            "SELECT count(*) FILTER (n1 = 0), count(*) FILTER (n0 = 0), count(*) FILTER (n0 = 1 AND n1 = 1)"
            f" FROM {self.found}"
        )
        looked_at, changed_in = self._changed_in(changed)
        return RowDiff(
            key=self.key,
            compared=self.columns,
            same=self.tables[0].rows - removed - changed,
            added=added,
            removed=removed,
            changed=changed,
            looked_at=looked_at,
            changed_in=changed_in,
            added_rows=self.examples(1, "n0 = 0"),
            removed_rows=self.examples(0, "n1 = 0"),
            changed_rows=self._changed_rows(),
        )

    def whole(self) -> RowDiff:
        """A row with n copies before and m copies after was added or removed |n - m| times."""
        self.find("0", "n <> 2 * n1")
        removed, added = self.engine.row(
            f"SELECT coalesce(sum(n0 - n1) FILTER (n0 > n1), 0)::BIGINT,"
            f" coalesce(sum(n1 - n0) FILTER (n1 > n0), 0)::BIGINT FROM {self.found}"
        )
        return RowDiff(
            key=(),
            compared=self.columns,
            same=self.tables[0].rows - removed,
            added=added,
            removed=removed,
            added_rows=self.examples(1, "n1 > n0"),
            removed_rows=self.examples(0, "n0 > n1"),
        )

    def find(self, checksum: str, condition: str) -> None:
        """Find the groups that meet a condition, with their number of rows on each side (n0 and n1)."""
        keys = ", ".join(self.keys)
        self.engine.run(
            f"CREATE TEMP TABLE {self.found} AS SELECT {keys}, n - n1 AS n0, n1 FROM ("
            f"SELECT {keys}, count(*)::INTEGER AS n, sum(side)::INTEGER AS n1, {checksum} AS x"
            f" FROM ({self._hashed(0)} UNION ALL {self._hashed(1)}) GROUP BY {keys}) WHERE {condition}"
        )

    def _hashed(self, side: int) -> str:
        """The rows of one version: their key, the hash of the rest, and the side."""
        parts = [self._own_keys(side), *([f"{self._hash(side)} AS h"] if self.key else []), f"{side} AS side"]
        return f"SELECT {', '.join(parts)} FROM {self.tables[side].view}"

    def _own_keys(self, side: int) -> str:
        if not self.key:
            return f"{self._hash(side)} AS h"
        values = (self._value(side, column) for column in self.key)
        return ", ".join(f"{value} AS {alias}" for value, alias in zip(values, self.keys, strict=True))

    def _hash(self, side: int) -> str:
        return (
            f"hash({', '.join(self._value(side, column) for column in self.columns)})"
            if self.columns
            else "0"
        )

    def _value(self, side: int, column: str) -> str:
        own, other = self.tables[side].column(column), self.tables[1 - side].column(column)
        assert own
        assert other
        return comparable(sql.name(column), own, other)

    def _check_unique(self) -> None:
        texts = ", ".join(f"{key}::VARCHAR" for key in self.keys)
        for side, table in enumerate(self.tables):
            twice = self.engine.rows(
                f"SELECT n{side}, {texts} FROM {self.found} WHERE n{side} > 1 ORDER BY ALL LIMIT 1"
            )
            if twice:
                count, *values = twice[0]
                pairs = zip(self.key, values, strict=True)
                example = ", ".join(f"{column} = {shown_value(value)}" for column, value in pairs)
                flags = " ".join(f"--key {column}" for column in self.key)
                what = f"{flags} is not unique: {table.label} has {count} rows with {example}."
                raise UserError(
                    what, "Name all columns of the key, or leave --key out to compare whole rows."
                )

    def _changed_in(self, changed: int) -> tuple[int, dict[str, int]]:
        if not changed or not self.columns:
            return 0, {}
        looked_at = min(changed, _LOOKED_AT)
        pairs = self._pairs(self._chosen("n0 = 1 AND n1 = 1", f"hash({', '.join(self.keys)})", looked_at))
        counts = [f"count(*) FILTER (a.c{i} IS DISTINCT FROM b.c{i})" for i in range(len(self.columns))]
        row = self.engine.row(f"SELECT {', '.join(counts)} FROM {pairs}")
        return looked_at, {column: count for column, count in zip(self.columns, row, strict=True) if count}

    def _chosen(self, condition: str, order: str, count: int) -> str:
        """Some of the keys that moved, as a table, so that only their rows are read."""
        table = self.engine.fresh("chosen")
        self.engine.run(
            f"CREATE TEMP TABLE {table} AS SELECT {', '.join(self.keys)} FROM {self.found}"
            f" WHERE {condition} ORDER BY {order} LIMIT {count}"
        )
        return table

    def _equal(self, left: str, right: str, chosen: str) -> str:
        """The condition that a row has a chosen key."""
        nothing = " OR ".join(f"{key} IS NULL" for key in self.keys)
        if self.engine.row(f"SELECT count(*) FROM {chosen} WHERE {nothing}")[0]:
            return _same_key(left, right, self.keys)
        # With plain equality, the engine can skip the parts of a file that have none of these keys.
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self.keys)

    def _pairs(self, chosen: str) -> str:
        """The rows with the chosen keys in both versions, as a and b."""
        sides = []
        for side, table in enumerate(self.tables):
            values = [f"{self._value(side, column)} AS c{i}" for i, column in enumerate(self.columns)]
            rows = f"SELECT {', '.join([self._own_keys(side), *values])} FROM {table.view}"
            sides.append(
                f"(SELECT * FROM ({rows}) v SEMI JOIN {chosen} c ON {self._equal('c', 'v', chosen)})"
            )
        return f"{sides[0]} a JOIN {sides[1]} b ON {self._equal('a', 'b', chosen)}"

    def _changed_rows(self) -> tuple[ChangedRow, ...]:
        if not self.columns:
            return ()
        pairs = self._pairs(self._chosen("n0 = 1 AND n1 = 1", ", ".join(self.keys), EXAMPLES))
        texts = [f"a.{key}::VARCHAR" for key in self.keys]
        for i in range(len(self.columns)):
            texts += [f"a.c{i} IS DISTINCT FROM b.c{i}", f"a.c{i}::VARCHAR", f"b.c{i}::VARCHAR"]
        order = ", ".join(f"a.{key}" for key in self.keys)
        rows = self.engine.rows(f"SELECT {', '.join(texts)} FROM {pairs} ORDER BY {order}")
        return tuple(self._changed_row(row) for row in rows)

    def _changed_row(self, row: Sequence[Any]) -> ChangedRow:
        key = {column: shown_value(value) for column, value in zip(self.key, row, strict=False)}
        rest = row[len(self.key) :]
        values = {
            column: (shown_value(rest[3 * i + 1]), shown_value(rest[3 * i + 2]))
            for i, column in enumerate(self.columns)
            if rest[3 * i]
        }
        return ChangedRow(key, values)

    def examples(self, side: int, condition: str) -> tuple[Mapping[str, str], ...]:
        """Example rows of one version, with all of its columns."""
        table = self.tables[side]
        chosen = self._chosen(condition, ", ".join(self.keys), EXAMPLES)
        if not self.engine.row(f"SELECT count(*) FROM {chosen}")[0]:
            return ()
        values = [f"{sql.name(column.name)} AS v{i}" for i, column in enumerate(table.columns)]
        texts = ", ".join(f"v{i}::VARCHAR" for i in range(len(values)))
        inner = f"SELECT {', '.join([*values, self._own_keys(side)])} FROM {table.view}"
        rows = self.engine.rows(
            f"SELECT {texts} FROM ({inner}) v SEMI JOIN {chosen} c ON {self._equal('c', 'v', chosen)}"
            f" ORDER BY {', '.join(self.keys)} LIMIT {EXAMPLES}"
        )
        names = [column.name for column in table.columns]
        return tuple(
            {name: shown_value(value) for name, value in zip(names, row, strict=True)} for row in rows
        )
