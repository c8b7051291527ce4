"""A comparison as one HTML file to pass on: no script, nothing loaded, every text of the data escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from mlroad.data.diff import ColumnDiff, Diff, changed_share
from mlroad.data.diff_findings import Finding, findings, headline, optional_number, percent
from mlroad.data.profile import Profile, axis_text
from mlroad.data.row_diff import RowDiff
from mlroad.report.base_style import STYLE
from mlroad.report.dataset_plots import draw

_WORDS = {2: "important", 1: "check", 0: "note"}
_QUIET_SHOWN = 60
"""Cards of columns without findings that stand open; more are folded away."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_WIDE = 12
"""Columns of the examples of rows."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the report says of where it came from."""

    before: str
    """Such as the digest."""
    after: str
    command: str
    made_at: str


def diff_html(diff: Diff, origin: Origin) -> str:
    """The report."""
    title = f"{diff.before.label} → {diff.after.label}"
    found = findings(diff)
    body = "\n".join(
        part
        for part in (
            _head(diff),
            _findings(found, diff),
            _columns(diff, found),
            _rows(diff),
            _foot(diff, origin),
        )
        if part
    )
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        # The browser itself then refuses to load or run anything, whatever a value of the data looks like.
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _head(diff: Diff) -> str:
    before, after = diff.before, diff.after
    word = "Files" if after.format == "files" else "Rows"
    rows = diff.rows
    shifted = [column for column in diff.columns if column.shape.level != "stable"]
    tiles = [_tile(word, f"{after.rows:,}", f"{before.rows:,} before{_change(before.rows, after.rows)}")]
    if rows:
        how = f"by {', '.join(rows.key)}" if rows.key else "as whole rows"
        tiles.append(_tile("Added", f"{rows.added:,}", how))
        tiles.append(_tile("Removed", f"{rows.removed:,}", how))
        if rows.key:
            tiles.append(_tile("Changed", f"{rows.changed:,}", "other values, same key"))
    added, removed = len(diff.with_status("added")), len(diff.with_status("removed"))
    moves = ", ".join(f"{count} {word}" for count, word in ((added, "added"), (removed, "removed")) if count)
    tiles.append(_tile("Columns", f"{len(after.columns):,}", moves or "none added or removed"))
    compared = [column for column in diff.columns if column.shape.index is not None]
    tiles.append(_tile("Shifted columns", f"{len(shifted):,}", f"of {len(compared):,} that can be compared"))
    return (
        '<p class="eyebrow">Dataset comparison</p>\n'
        f"<h1>{escape(before.label)} <span>→</span> {escape(after.label)}</h1>\n"
        f'<p class="lead">{escape(headline(diff))}</p>\n'
        f'<div class="tiles">{"".join(tiles)}</div>\n{_whole(rows) if rows else ""}'
    )


def _tile(name: str, value: str, note: str) -> str:
    head = f"<small>{escape(name)}</small><b>{escape(value)}</b>"
    return f'<div class="tile">{head}<small>{escape(note)}</small></div>'


def _change(before: int, after: int) -> str:
    if before == after or not before:
        return ""
    sign = "+" if after > before else "−"
    return f" ({sign}{percent(abs(after - before) / before)})"


def _whole(rows: RowDiff) -> str:
    """All rows of both versions as one bar."""
    parts = [
        ("same", "the same", rows.same),
        ("changed", "changed", rows.changed),
        ("added", "added", rows.added),
        ("removed", "removed", rows.removed),
    ]
    total = sum(count for _, _, count in parts)
    if not total:
        return ""
    there = [part for part in parts if part[2]]
    bars = "".join(f'<b class="{kind}" style="flex:{count / total:.6f} 0 0"></b>' for kind, _, count in there)
    legend = "".join(
        f'<span><i class="{kind}"></i>{count:,} {word} ({percent(count / total)})</span>'
        for kind, word, count in there
    )
    return f'<div class="whole">{bars}</div><div class="legend">{legend}</div>'


def _findings(found: Sequence[Finding], diff: Diff) -> str:
    if not found:
        text = (
            "Nothing changed."
            if diff.is_same
            else "Rows changed, and nothing that a model would be likely to notice."
        )
        return (
            f'<h2>What deserves a look</h2>\n<div class="card"><span class="chip ok">fine</span> {text}</div>'
        )
    anchors = {column.name: f"c{i}" for i, column in enumerate(diff.columns)}
    items = []
    for finding in found:
        name = ""
        if finding.column:
            name = f'<a href="#{anchors[finding.column]}"><b>{escape(finding.column)}</b></a> '
        chip = f'<span class="chip l{finding.level}">{_WORDS[finding.level]}</span>'
        items.append(f"<li>{chip}<div>{name}{escape(finding.text)}</div></li>")
    return f'<h2>What deserves a look</h2>\n<ul class="findings card">{"".join(items)}</ul>'


def _columns(diff: Diff, found: Sequence[Finding]) -> str:
    flagged = {finding.column for finding in found}
    shares = changed_share(diff)
    cards = {
        column.name: _card(column, f"c{i}", shares.get(column.name, 0.0))
        for i, column in enumerate(diff.columns)
    }
    loud = [cards[column.name] for column in diff.columns if column.name in flagged]
    quiet = [cards[column.name] for column in diff.columns if column.name not in flagged]
    legend = (
        f'<div class="legend spaced"><span><i class="before"></i>{escape(diff.before.label)}</span>'
        f'<span><i class="after"></i>{escape(diff.after.label)}</span>'
        "<span>Plots show shares of the values that are there.</span></div>"
    )
    sections = [f"<h2>Columns</h2>\n{legend}"]
    if loud:
        sections.append(f'<div class="cards">{"".join(loud)}</div>')
    if quiet and len(quiet) <= _QUIET_SHOWN:
        above = '<p class="soft" style="margin:22px 0 10px">Without findings</p>' if loud else ""
        sections.append(f'{above}<div class="cards">{"".join(quiet)}</div>')
    elif quiet:
        sections.append(
            f"<details><summary>{len(quiet)} columns without findings</summary>"
            f'<div class="cards">{"".join(quiet)}</div></details>'
        )
    return "\n".join(sections)


def _card(column: ColumnDiff, anchor: str, changed: float) -> str:
    before, after = column.before, column.after
    present = after or before
    assert present
    kinds = [found.column.kind for found in (before, after) if found]
    kind = kinds[0] if len(set(kinds)) == 1 else " → ".join(kinds)
    chip = {
        "added": '<span class="chip l1">new</span>',
        "removed": '<span class="chip l2">gone</span>',
        "type changed": '<span class="chip l2">type</span>',
        "same": "",
    }[column.status]
    if not chip and column.shape.level != "stable":
        level = 1 if column.shape.level == "shifted" else 2
        chip = f'<span class="chip l{level}">{column.shape.level}</span>'
    plot = draw(column.shape.plot, present.column, column.name)
    name = f"<h3>{escape(column.name)}<small>{escape(kind)}</small></h3>"
    return (
        f'<section class="card" id="{anchor}"><header>{name}{chip}</header>'
        f"{plot}{_figures(column, changed)}</section>"
    )


def _figures(column: ColumnDiff, changed: float) -> str:
    lines = [_line(*line) for line in _lines(column.before, column.after) if line[1] or line[2]]
    if column.shape.index is not None:
        lines.append(_line("shift index", "", f"{column.shape.index:.3f}"))
    if changed:
        lines.append(_line("changed values", "", percent(changed)))
    head = "<thead><tr><th></th><td>before</td><td>after</td></tr></thead>"
    return f'<table class="figures">{head}{"".join(lines)}</table>'


def _line(name: str, old: str, new: str) -> str:
    moved = ' class="moved"' if old and new and old != new else ""
    return f"<tr><th>{name}</th><td>{escape(old)}</td><td{moved}>{escape(new)}</td></tr>"


def _lines(before: Profile | None, after: Profile | None) -> Iterator[tuple[str, str, str]]:
    def both(name: str, show: Mapping[int, str]) -> tuple[str, str, str]:
        return name, show.get(0, ""), show.get(1, "")

    sides = [(i, found) for i, found in enumerate((before, after)) if found]
    yield both("missing", {i: percent(p.share_missing) if p.missing else "none" for i, p in sides})
    yield both(
        "different values", {i: f"{'' if p.distinct_is_exact else '≈ '}{p.distinct:,}" for i, p in sides}
    )
    yield both("least", {i: axis_text(p.lowest, p.column) for i, p in sides})
    yield both("median", {i: axis_text(p.median, p.column) for i, p in sides})
    yield both("mean", {i: axis_text(p.mean, p.column) for i, p in sides})
    yield both("spread (std)", {i: optional_number(p.std) for i, p in sides})
    yield both("greatest", {i: axis_text(p.highest, p.column) for i, p in sides})
    if any(p.infinite for _, p in sides):
        yield both("infinite", {i: f"{p.infinite:,}" for i, p in sides})


def _rows(diff: Diff) -> str:
    rows = diff.rows
    if not rows or not (rows.added or rows.removed or rows.changed):
        return ""
    word = "files" if diff.after.format == "files" else "rows"
    sections = [f"<h2>Examples of {word}</h2>"]
    if rows.changed_rows:
        sections.append(_changed(rows))
    for name, count, examples in (
        ("Added", rows.added, rows.added_rows),
        ("Removed", rows.removed, rows.removed_rows),
    ):
        if examples:
            sections.append(_examples(name, count, examples))
    return "\n".join(sections)


def _changed(rows: RowDiff) -> str:
    lines = []
    for row in rows.changed_rows:
        values = list(row.values.items())
        changes = "<br>".join(
            f"{escape(name)}: <del>{escape(old)}</del> → <ins>{escape(new)}</ins>"
            for name, (old, new) in values[:_WIDE]
        )
        more = f"<br>and {len(values) - _WIDE} more" if len(values) > _WIDE else ""
        keys = "".join(f"<td>{escape(value)}</td>" for value in row.key.values())
        lines.append(f"<tr>{keys}<td>{changes}{more}</td></tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in (*rows.key, "what changed"))
    summary = f"Changed: {len(lines)} of {rows.changed:,}"
    return _table(summary, head, lines)


def _examples(name: str, count: int, examples: Sequence[Mapping[str, str]]) -> str:
    names = list(examples[0])
    head = "".join(f"<th>{escape(column)}</th>" for column in names[:_WIDE])
    if len(names) > _WIDE:
        head += f"<th>{len(names) - _WIDE} more columns</th>"
    rest = "<td>…</td>" if len(names) > _WIDE else ""
    lines = [
        f"<tr>{''.join(f'<td>{escape(row[column])}</td>' for column in names[:_WIDE])}{rest}</tr>"
        for row in examples
    ]
    return _table(f"{name}: {len(lines)} of {count:,}", head, lines)


def _table(summary: str, head: str, lines: Sequence[str]) -> str:
    return (
        f'<details open><summary>{escape(summary)}</summary><div class="card scroll">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def _foot(diff: Diff, origin: Origin) -> str:
    sample = "Spread, medians, plots and the shift index come from a sample of the rows. "
    sides = ((diff.before.label, origin.before), (diff.after.label, origin.after))
    named = "<br>".join(f"{escape(label)}: {escape(text)}" for label, text in sides)
    return (
        f"<footer><p>{named}</p>"
        f"<p>{sample if diff.is_sample else ''}The shift index is the population stability index over tenths"
        " of the values before: under 0.1 a column is called stable, from 0.25 on strongly shifted; what"
        " chance explains is called stable too. All else is exact, but for numbers marked ≈.</p>"
        f"<p>Made {escape(origin.made_at)} by <code>{escape(origin.command)}</code></p></footer>"
    )
