"""Metrics and slices: candidate, champion, difference and limit in one line each, with their forest plot."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from mlroad.report.html import chip, section, table
from mlroad.report.interval_plot import axis_of, difference_strip, draw_strip, limit_strip
from mlroad.report.report_data import Facts, finite, interval, record
from mlroad.report.report_text import (
    NONE,
    between,
    confidence,
    figure,
    metric,
    metric_state,
    places_of,
    slice_name,
    slice_state,
    slices,
)

_LABELS = {
    "better": "ok", "equal": "l0", "worse": "l2", "broken": "l2",
    "failed": "l2", "waived": "l1", "passed": "ok",
}  # fmt: skip
_LOWER = ("mae", "rmse", "log_loss", "brier")
_SHOWN = 200
_ENDS = '<div class="ends" aria-hidden="true"><span>← worse</span><span>better →</span></div>'


def metrics_section(facts: Facts) -> str:
    """Every metric of the gate."""
    found = {name: record(figures) for name, figures in record(facts.verdict.get("metrics")).items()}
    if not found:
        return ""
    decides = facts.verdict.get("decide_by")
    lines = []
    for name, figures in found.items():
        title = escape(metric(name)) + ("<small>decides</small>" if name == decides else "")
        lines.append(_line(facts, title, name, figures, metric_state(facts, name), _reach([figures])))
    return section("Metrics", _how(facts), _legend(facts) + _table(facts, lines, "Metric"))


def slices_section(facts: Facts) -> str:
    """Every slice of the gate, those that failed first; slices of one metric share one scale."""
    found = slices(facts)
    if not found:
        return ""
    reach = {
        name: _reach([part for part in found if part.get("metric") == name])
        for name in {str(part.get("metric")) for part in found}
    }
    lines = []
    for part in found[:_SHOWN]:
        name, rows = str(part.get("metric")), part.get("rows")
        about = f"{metric(name)}, {rows:,} rows" if isinstance(rows, int) else metric(name)
        title = f"{escape(slice_name(part))}<small>{escape(about)}</small>"
        lines.append(_line(facts, title, name, part, slice_state(facts, part), reach[name]))
    text = "The same figures for parts of the holdout: an average may hide a group that is served badly."
    if len(found) > _SHOWN:
        text += f" The first {_SHOWN} of {len(found)} are shown."
    return section("Slices", text, _table(facts, lines, "Slice"))


def _how(facts: Facts) -> str:
    share = confidence(facts)
    if facts.champion:
        return (
            f"The plot shows the candidate minus the champion with its {share} interval, turned so that right"
            " is better. An interval that crosses the line in the middle may be chance."
        )
    return (
        f"There is no champion yet: the plot shows each figure with its {share} interval against its limit."
    )


def _legend(facts: Facts) -> str:
    zone = "worse than is allowed" if facts.champion else "beyond the limit"
    what = "difference" if facts.champion else "candidate"
    return (
        f'<div class="legend"><span><b class="key span"></b>{what} and its interval</span>'
        f'<span><b class="key zone"></b>{zone}</span></div>'
    )


def _table(facts: Facts, lines: list[list[str]], first: str) -> str:
    if facts.champion:
        head = [first, "Candidate", "Champion", "Difference", f"Plot{_ENDS}", "Allowed", "Verdict"]
        return table(head, lines, heading=0, wide=4)
    return table([first, "Candidate", "Plot", "Allowed", "Result"], lines, heading=0, wide=2)


def _line(
    facts: Facts, title: str, name: str, figures: Mapping[str, Any], state: str, reach: float
) -> list[str]:
    lower = figures.get("direction", "lower" if name in _LOWER else "higher") == "lower"
    failed = state in ("failed", "broken") or figures.get("verdict") in ("worse", "broken")
    value, limit = finite(figures.get("candidate")), finite(figures.get("limit"))
    ends = interval(figures.get("candidate_interval"))
    places = places_of(value)
    candidate = f"{figure(value)}{_small(between(figures.get('candidate_interval'), places=places))}"
    allowed = NONE if limit is None else f"{'at most' if lower else 'at least'} {figure(limit)}"
    verdict = _verdict(figures, state)
    if not facts.champion:
        # Nothing was compared: how the checks ended is all there is to say.
        verdict = chip(_LABELS[state], state) if state else ""
        axis = axis_of(value, limit, *(ends or ()))
        strip = limit_strip(value, ends, limit, axis, lower_is_better=lower, failed=failed)
        around = between(figures.get("candidate_interval"), places=places) or NONE
        told = f"{metric(name)} {figure(value)}, interval {around}, {allowed}"
        return [title, candidate, draw_strip(strip, told), escape(allowed), verdict]
    difference, span = finite(figures.get("difference")), interval(figures.get("interval"))
    most = finite(figures.get("max_regression"))
    strip = difference_strip(difference, span, most, reach, lower_is_better=lower, failed=failed)
    around = between(figures.get("interval"), signed=True, places=places)
    difference_told = figure(difference, signed=True, places=places)
    told = (
        f"Difference {difference_told}, interval {around or NONE};"
        f" {'lower' if lower else 'higher'} is better; allowed to be worse by {figure(most)}"
    )
    apart = f"{difference_told}{_small(around)}"
    if most is not None:
        allowed = (
            f"{figure(most)} worse" if limit is None else f"{allowed}<small>and {figure(most)} worse</small>"
        )
    drawn = f"{draw_strip(strip, told)}{_ENDS}" if difference is not None else ""
    return [title, candidate, figure(figures.get("champion")), apart, drawn, allowed, verdict]


def _verdict(figures: Mapping[str, Any], state: str) -> str:
    """The verdict of the comparison; a check that says more than that beside it."""
    word = str(figures.get("verdict") or "")
    shown = [word] if word in _LABELS else []
    if state and (not shown or (state in ("failed", "broken", "waived") and word not in ("worse", "broken"))):
        shown.append(state)
    return " ".join(chip(_LABELS[text], text) for text in shown)


def _small(text: str) -> str:
    return f"<small>{text}</small>" if text else ""


def _reach(lines: list[Mapping[str, Any]]) -> float:
    """Half of the axis of a forest plot: all intervals and allowed regressions are within."""
    values = []
    for figures in lines:
        values += [finite(figures.get("difference")), finite(figures.get("max_regression"))]
        values += interval(figures.get("interval")) or ()
    sizes = [abs(value) for value in values if value is not None]
    return max(sizes, default=1.0) * 1.18 or 1.0
