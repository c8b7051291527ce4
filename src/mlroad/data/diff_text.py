"""A comparison as a table in the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlroad.core.text import percent
from mlroad.data.diff import ColumnDiff, Diff
from mlroad.data.diff_findings import findings, headline, optional_number
from mlroad.data.profile import Profile, axis_text

_COLOURS = {2: "red", 1: "yellow", 0: "dim"}
_MARKS = {2: "!!", 1: "! ", 0: "  "}
_STATUS = {"same": "", "added": "added", "removed": "removed", "type changed": "type"}
_SHOWN = 40
"""The most columns to print; the report has all of them."""


def print_diff(diff: Diff, console: Console) -> None:
    """Print the comparison. Text from the data is never interpreted as console markup."""
    console.print(Text(headline(diff), style="bold"))
    console.print()
    console.print(_rows_line(diff))
    console.print()
    console.print(_columns(diff))
    hidden = len(diff.columns) - _SHOWN
    if hidden > 0:
        console.print(Text(f"… and {hidden} more columns; --html shows them all.", style="dim"))
    found = findings(diff)
    if found:
        console.print()
        for finding in found:
            line = Text(_MARKS[finding.level], style=_COLOURS[finding.level])
            if finding.column:
                line.append(f" {finding.column}", style="bold")
            line.append(f" {finding.text}")
            console.print(line)
    if diff.is_sample:
        console.print(Text("\nMedians and shifts come from a sample of the rows.", style="dim"))


def _rows_line(diff: Diff) -> str:
    rows = diff.rows
    total = f"rows     {diff.before.rows:,} → {diff.after.rows:,}"
    if rows is None:
        return total
    how = f"by {', '.join(rows.key)}" if rows.key else "as whole rows; use --key COLUMN to find changed rows"
    changed = f", {rows.changed:,} changed" if rows.key else ""
    return (
        f"{total}: {rows.added:,} added, {rows.removed:,} removed{changed}, {rows.same:,} unchanged ({how})"
    )


def _columns(diff: Diff) -> object:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("column", overflow="fold")
    table.add_column("type")
    table.add_column("missing", justify="right")
    table.add_column("distinct", justify="right")
    table.add_column("min … max", overflow="fold")
    table.add_column("mean", justify="right")
    table.add_column("shift", justify="right")
    for column in diff.columns[:_SHOWN]:
        cells = _cells(column)
        style = {"added": "green", "removed": "red", "type changed": "yellow"}.get(column.status, "")
        shift = Text(cells[-1], style={"stable": "dim", "shifted": "yellow"}.get(column.shift.level, "red"))
        table.add_row(Text(cells[0], style=style), *(Text(cell) for cell in cells[1:-1]), shift)
    return table


def _cells(column: ColumnDiff) -> list[str]:
    before, after = column.before, column.after
    mark = _STATUS[column.status]
    shift = "" if column.shift.size is None else f"{column.shift.size:.2f}"
    return [
        f"{column.name} ({mark})" if mark in ("added", "removed") else column.name,
        _pair(before, after, lambda p: p.column.kind),
        _pair(before, after, lambda p: percent(p.share_missing) if p.missing else "0"),
        _pair(before, after, _distinct),
        _pair(before, after, _range),
        _pair(
            before,
            after,
            lambda p: axis_text(p.mean, p.column) if p.column.is_time else optional_number(p.mean),
        ),
        shift,
    ]


def _pair(before: Profile | None, after: Profile | None, show: object) -> str:
    assert callable(show)
    old = show(before) if before else ""
    new = show(after) if after else ""
    if old == new or not old or not new:
        return str(new or old)
    return f"{old} → {new}"


def _distinct(found: Profile) -> str:
    return f"{'' if found.distinct_is_exact else '≈'}{found.distinct:,}"


def _range(found: Profile) -> str:
    if found.lowest is None:
        return ""
    return f"{axis_text(found.lowest, found.column)} … {axis_text(found.highest, found.column)}"
