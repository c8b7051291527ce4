"""Which rows belong to the holdout: chosen by hash, by hash within each class, or by time.

The identity of a row decides its side: the values of its key, or all of its values. So a row is on the same
side wherever it occurs, and rows that share a key or are equal stay together.

- By hash, a row belongs to the holdout if the SHA-256 of salt and identity, as a number from 0 to 1, is below
  the share.
- With `--stratify`, the identities of each class with the smallest hashes do, as many as the share of the
  class. The class of a group is the most frequent one of its rows.
- With `--by-time`, the newest rows do, and with a key the groups with the newest last row. So no row of the
  training data is as new as the limit, and rows of the same time are on the same side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.text import count
from mlroad.data import sql
from mlroad.data.sql import TableEngine

IDENTITY, VALUE = '"mlroad: identity"', '"mlroad: value"'
"""Helper columns: the identity of a row, and its class or time."""


@dataclass(frozen=True, slots=True)
class SplitRule:
    """How rows are identified and split."""

    salt: str
    share: float
    """The share of identities (or, by time, of rows) that belong to the holdout, between 0 and 1."""
    identity: tuple[str, ...]
    """The columns that identify a row. Empty for a folder of files, which their content identifies."""
    stratify: str = ""
    by_time: str = ""

    @property
    def column(self) -> str:
        """The column that decides, if it is not the hash alone."""
        return self.stratify or self.by_time

    @property
    def limit(self) -> str:
        """Identities whose digest is below these eight hexadecimal digits belong to the holdout."""
        return f"{min(round(self.share * 2**32), 2**32 - 1):08x}"

    def is_holdout(self, identity: str) -> bool:
        """Whether a row belongs to the holdout, if the hash alone decides."""
        return hashlib.sha256((self.salt + identity).encode()).hexdigest()[:8] < self.limit

    def as_tag(self) -> dict[str, Any]:
        """The rule in the derivation of a version."""
        about: dict[str, Any] = {"share": self.share, "salt": self.salt, "identity": list(self.identity)}
        return about | {name: getattr(self, name) for name in ("stratify", "by_time") if getattr(self, name)}

    @classmethod
    def from_tag(cls, about: Mapping[str, Any]) -> SplitRule:
        """The rule that `as_tag` wrote."""
        return cls(
            str(about["salt"]),
            float(about["share"]),
            tuple(about["identity"]),
            str(about.get("stratify", "")),
            str(about.get("by_time", "")),
        )


def choose(engine: TableEngine, rule: SplitRule, rows: str) -> str:
    """A table of the identities of the holdout. ``rows`` has the columns IDENTITY and VALUE.

    Raises UserError for a column that cannot decide.
    """
    chosen = engine.fresh("chosen")
    engine.run(f"CREATE TABLE {chosen} AS {(_stratified if rule.stratify else _newest)(engine, rule, rows)}")
    return chosen


def _stratified(engine: TableEngine, rule: SplitRule, rows: str) -> str:
    classes = engine.fresh("classes")
    engine.run(
        f"CREATE TABLE {classes} AS SELECT {IDENTITY}, v FROM (SELECT {IDENTITY}, "
        f"coalesce('=' || {VALUE}::VARCHAR, '') AS v, count(*) AS c FROM {rows} GROUP BY ALL) "
        f"QUALIFY row_number() OVER (PARTITION BY {IDENTITY} ORDER BY c DESC, v) = 1"
    )
    found, identities = engine.row(f"SELECT count(DISTINCT v), count(*) FROM {classes}")
    if found * 2 > identities:
        what = f"The column {rule.stratify} has {count(found, 'value')} in {identities:,} rows or groups."
        raise UserError(what, "--stratify needs a column with few values, such as the label.")
    hashed = f"sha256({sql.text(rule.salt)} || {IDENTITY})"
    wanted = f"greatest(1, least(size - 1, round(size * {rule.share})))"
    return (
        f"SELECT {IDENTITY} FROM (SELECT {IDENTITY}, count(*) OVER (PARTITION BY v) AS size, "
        f"row_number() OVER (PARTITION BY v ORDER BY {hashed}, {IDENTITY}) AS place FROM {classes}) "
        f"WHERE size > 1 AND place <= {wanted}"
    )


def _newest(engine: TableEngine, rule: SplitRule, rows: str) -> str:
    missing = int(engine.row(f"SELECT count(*) FROM {rows} WHERE {VALUE} IS NULL")[0])
    if missing:
        what = f"The column {rule.by_time} has no time in {count(missing, 'row')}."
        raise UserError(what, "Fill them in, or leave these rows out with a step (`mlroad dataset derive`).")
    last = engine.fresh("last")
    engine.run(
        f"CREATE TABLE {last} AS SELECT {IDENTITY}, max({VALUE}) AS t, count(*) AS c FROM {rows} GROUP BY ALL"
    )
    newer = f"SELECT t, sum(sum(c)) OVER (ORDER BY t DESC) AS newer, (SELECT sum(c) FROM {last}) AS total"
    cut = (
        f"SELECT t FROM ({newer} FROM {last} GROUP BY t) WHERE newer < total "
        f"ORDER BY abs(newer - total * {rule.share}), t DESC LIMIT 1"
    )
    if not engine.rows(cut):
        raise UserError(f"All rows have the same {rule.by_time}.", "Name a column with the time of each row.")
    return f"SELECT {IDENTITY} FROM {last} WHERE t >= ({cut})"
