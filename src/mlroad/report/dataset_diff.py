"""A comparison of two dataset versions as one HTML file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlroad.core.text import percent
from mlroad.data.column_plots import Bars, Bins
from mlroad.data.diff import ColumnDiff, Diff, changed_share
from mlroad.data.diff_findings import findings, headline, optional_number, p_text
from mlroad.data.profile import axis_text
from mlroad.data.row_diff import RowDiff
from mlroad.report.dataset_plots import Bar, Histogram, bars, histogram
from mlroad.report.render import render

_STATUS = {"added": ("l1", "new"), "removed": ("l2", "removed"), "type changed": ("l2", "type")}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a report came from."""

    before: str
    """Facts about the version before, such as its digest."""
    after: str
    command: str
    made_at: str


@dataclass(frozen=True, slots=True)
class Card:
    """One column. ``chip`` is a colour and a word, ``figures`` are names with values before and after."""

    anchor: str
    name: str
    kind: str
    chip: tuple[str, str] | None
    histogram: Histogram | None
    bars: Sequence[Bar] | None
    figures: Sequence[tuple[str, str, str]]


def diff_html(diff: Diff, origin: Origin) -> str:
    """The report."""
    found, shares = findings(diff), changed_share(diff)
    anchors = {column.name: f"c{i}" for i, column in enumerate(diff.columns)}
    cards = [_card(column, anchors[column.name], shares.get(column.name, 0.0)) for column in diff.columns]
    flagged = {finding.column for finding in found}
    return render(
        "dataset_diff.html.jinja",
        diff=diff,
        origin=origin,
        headline=headline(diff),
        findings=found,
        anchors=anchors,
        change=_change(diff.before.rows, diff.after.rows),
        row_shares=_row_shares(diff.rows) if diff.rows else [],
        with_findings=[card for card in cards if card.name in flagged],
        without_findings=[card for card in cards if card.name not in flagged],
    )


def _change(before: int, after: int) -> str:
    if before == after or not before:
        return ""
    return f" ({'+' if after > before else '−'}{percent(abs(after - before) / before)})"


def _row_shares(rows: RowDiff) -> list[tuple[str, int, float]]:
    """The kinds of rows that occur: name, number, and share of all rows."""
    kinds = {"unchanged": rows.same, "changed": rows.changed, "added": rows.added, "removed": rows.removed}
    total = sum(kinds.values())
    return [(kind, count, count / total) for kind, count in kinds.items() if count]


def _card(column: ColumnDiff, anchor: str, changed: float) -> Card:
    profiles = [profile for profile in (column.before, column.after) if profile]
    kinds = dict.fromkeys(profile.column.kind for profile in profiles)
    chip = _STATUS.get(column.status)
    if not chip and column.shift.level != "stable":
        chip = ("l1" if column.shift.level == "shifted" else "l2", column.shift.level)
    plot = column.plot
    return Card(
        anchor,
        column.name,
        " → ".join(kinds),
        chip,
        histogram(plot, profiles[-1].column, column.name) if isinstance(plot, Bins) else None,
        bars(plot) if isinstance(plot, Bars) else None,
        [line for line in _figures(column, changed) if line[1] or line[2]],
    )


def _figures(column: ColumnDiff, changed: float) -> Iterator[tuple[str, str, str]]:
    def both(name: str, shown: Mapping[int, str]) -> tuple[str, str, str]:
        return name, shown.get(0, ""), shown.get(1, "")

    profiles = [(i, profile) for i, profile in enumerate((column.before, column.after)) if profile]
    yield both("missing", {i: percent(p.share_missing) if p.missing else "none" for i, p in profiles})
    yield both(
        "distinct values", {i: f"{'' if p.distinct_is_exact else '≈ '}{p.distinct:,}" for i, p in profiles}
    )
    yield both("minimum", {i: axis_text(p.lowest, p.column) for i, p in profiles})
    yield both("median", {i: axis_text(p.median, p.column) for i, p in profiles})
    yield both("mean", {i: axis_text(p.mean, p.column) for i, p in profiles})
    yield both("standard deviation", {i: optional_number(p.std) for i, p in profiles})
    yield both("maximum", {i: axis_text(p.highest, p.column) for i, p in profiles})
    if any(p.infinite for _, p in profiles):
        yield both("infinite", {i: f"{p.infinite:,}" for i, p in profiles})
    if column.shift.size is not None:
        yield "shift", "", f"{column.shift.size:.2f}"
    if column.shift.p is not None:
        yield "p-value", "", p_text(column.shift.p)
    elif column.shift.words:
        yield "not judged", "", column.shift.words
    if changed:
        yield "changed values", "", percent(changed)
