"""The same as the page in Markdown, for a job summary and the one comment of a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlroad.models.metric_names import shown as in_words
from mlroad.report.changed_rules import title
from mlroad.report.report_data import Facts, record, records
from mlroad.report.report_text import (
    NONE,
    between,
    confidence,
    counted,
    decision,
    figure,
    lead,
    megabytes,
    metric,
    metric_state,
    milliseconds,
    places_of,
    remedies,
    slice_name,
    slice_state,
    slices,
    versus,
    way_out,
)

LONGEST = 60_000
"""Characters. GitHub takes comments of 65,536."""
_SIGNS = {"better": "✅", "equal": "🟰", "worse": "❌", "broken": "💥"}
_RESULTS = {"passed": "✅", "waived": "🟡", "failed": "❌", "broken": "💥"}
_TEXT = 400
"""Characters of one text from a run."""
_LINES = 40
"""Lines of one table."""


def marker(model: str) -> str:
    """The hidden line by which a workflow finds the comment that it wrote before."""
    return f"<!-- factory-report: {model} -->"


def markdown(facts: Facts) -> str:
    """The text; under 60,000 characters whatever the run holds."""
    parts = [
        f"{marker(facts.model)}\n{_head(facts)}",
        _rules(facts),
        _troubles(facts),
        _metrics(facts),
        _slices(facts),
        _more(facts),
        _lineage(facts),
        _waivers(facts),
    ]
    kept: list[str] = []
    dropped = False
    run = _plain(facts.candidate.run)
    foot = f"<sub>Run `{run}`. The page with plots: `mlroad report {facts.model}`.</sub>\n"
    for part in filter(None, parts):
        if sum(map(len, kept)) + len(part) + len(foot) > LONGEST - 200:
            dropped = True
            continue
        kept.append(part)
    if dropped:
        kept.append("Some parts were too long for here: the page has them.")
    return "\n\n".join([*kept, foot])


def text(value: object, longest: int = _TEXT) -> str:
    """A text from a run so that GitHub shows it as it is: no HTML, no links, nobody is called."""
    line = " ".join(str(value).split())
    if len(line) > longest:
        line = f"{line[: longest - 1]}…"
    line = re.sub(r"[\\`*_\[\]{}#|!~]", r"\\\g<0>", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An @ would notify people, and an address become a link.
    return line.replace("@", "@&#8203;").replace("://", ":&#8203;//").replace("www.", "www&#8203;.")


def _plain(value: object) -> str:
    """A text between backticks."""
    return re.sub(r"[`|\s<>]+", " ", str(value))[:_TEXT]


def _head(facts: Facts) -> str:
    title = f"## {_SIGNS[facts.word]} {text(facts.model)}: {facts.shown}"
    about = f"Trained on {facts.candidate.stage} data, {text(versus(facts))}."
    return f"{title}\n\n**{text(lead(facts))}** {text(decision(facts))}\n\n{about}"


def _rules(facts: Facts) -> str:
    if not facts.rules:
        return ""
    lines = [
        f"- {'⚠️ ' if its.kind == 'loosened' else ''}{its.kind} `{_plain(its.file)}`: {text(its.what)}"
        for its in facts.rules[:_LINES]
    ]
    if len(facts.rules) > _LINES:
        lines.append(f"- and {len(facts.rules) - _LINES} more")
    return f"### {text(title(facts.rules, facts.champion))}\n\n" + "\n".join(lines)


def _troubles(facts: Facts) -> str:
    checks = facts.checks("broken", "failed", "waived")
    lines: list[str] = []
    for check, todo in zip(checks, remedies(facts, checks), strict=True):
        if len(lines) == _LINES or sum(map(len, lines)) > LONGEST // 3:
            break
        result = str(check.get("result"))
        head = f"- {_RESULTS[result]} {result} `{_plain(check.get('id'))}`"
        fix = f"<br>{_commands(todo)}" if todo else ""
        lines.append(f"{head}: {text(check.get('what') or '')}{fix}")
    if not lines:
        return ""
    if len(lines) < len(checks):
        lines.append(f"- and {len(checks) - len(lines)} more")
    if out := way_out(facts, checks):
        lines.append(f"\n{text(out)}")
    title = "What passed by a waiver only" if facts.passed else "What did not pass"
    return f"### {title}\n\n" + "\n".join(lines)


def _commands(told: str) -> str:
    """A remedy, with its commands as code."""
    pieces = told.split("`")
    if len(pieces) % 2 == 0:
        return text(told)
    return "".join(f"`{_plain(piece)}`" if i % 2 else _spaced(piece) for i, piece in enumerate(pieces))


def _spaced(piece: str) -> str:
    start, end = (" " if piece[:1].isspace() else ""), (" " if piece[-1:].isspace() else "")
    return f"{start}{text(piece)}{end}" if piece.strip() else piece


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    rule = "|".join("---:" if i in right else "---" for i in range(len(head)))
    rows = [f"| {' | '.join(cells)} |" for cells in lines[:_LINES]]
    more = [f"\n{len(lines) - _LINES} more are on the page."] if len(lines) > _LINES else []
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *rows, *more])


def _metrics(facts: Facts) -> str:
    found = {name: record(figures) for name, figures in record(facts.verdict.get("metrics")).items()}
    if not found:
        return ""
    lines = []
    for name, figures in found.items():
        decides = " (decides)" if name == facts.verdict.get("decide_by") else ""
        lines.append([f"{text(metric(name))}{decides}", *_figures(facts, figures, metric_state(facts, name))])
    return f"### Metrics\n\n{_table(_columns(facts, 'Metric'), lines, range(1, 5 if facts.champion else 3))}"


def _slices(facts: Facts) -> str:
    found = slices(facts)
    if not found:
        return ""
    lines = []
    for part in found:
        about = f"{text(metric(part.get('metric')))} ({text(part.get('rows', NONE))} rows)"
        figures = _figures(facts, part, slice_state(facts, part))
        lines.append([f"{text(slice_name(part), 80)}, {about}", *figures])
    table = _table(_columns(facts, "Slice"), lines, range(1, 5 if facts.champion else 3))
    return f"<details><summary>{counted(len(found), 'slice')}</summary>\n\n{table}\n\n</details>"


def _columns(facts: Facts, first: str) -> list[str]:
    if facts.champion:
        return [
            first,
            "Candidate",
            "Champion",
            f"Difference ({confidence(facts)} interval)",
            "Limit",
            "Verdict",
        ]
    return [first, f"Candidate ({confidence(facts)} interval)", "Limit", "Result"]


def _figures(facts: Facts, figures: Mapping[str, Any], state: str) -> list[str]:
    limit = figure(figures.get("limit"))
    word = in_words(figures.get("verdict") or state, facts.champion)
    told = f"{word}, {state}" if state in ("failed", "broken", "waived") and state != word else word
    shown = text(f"{_RESULTS.get(state, '')} {told}".strip())
    if not facts.champion:
        return [_with(figures, "candidate", "candidate_interval"), limit, shown]
    apart = _with(figures, "difference", "interval", signed=True)
    return [figure(figures.get("candidate")), figure(figures.get("champion")), apart, limit, shown]


def _with(figures: Mapping[str, Any], name: str, ends: str, *, signed: bool = False) -> str:
    places = places_of(figures.get("candidate"))
    around = between(figures.get(ends), signed=signed, places=places)
    return f"{figure(figures.get(name), signed=signed, places=places)}{f' ({around})' if around else ''}"


def _more(facts: Facts) -> str:
    verdict = facts.verdict
    lines = []
    for runtime, tests in record(verdict.get("inference")).items():
        about = record(tests)
        good = about.get("passed") is True
        told = f"{about.get('failed', NONE)} of {about.get('cases', NONE)} cases failed"
        lines.append([f"Inference tests, {text(runtime)}", f"{'✅' if good else '❌'} {told}", NONE])
    latency, size, onnx = (record(verdict.get(name)) for name in ("latency", "size", "onnx"))
    if latency:
        lines.append(
            ["Latency, p95", milliseconds(latency.get("p95_ms")), milliseconds(latency.get("budget_ms"))]
        )
    if size:
        lines.append(["Size", megabytes(size.get("bytes")), megabytes(size.get("budget_bytes"))])
    if onnx:
        lines.append(
            ["ONNX, largest difference", figure(onnx.get("max_difference")), figure(onnx.get("budget"))]
        )
    parts = [_table(["", "Measured", "Allowed"], lines)] if lines else []
    wrong = [
        [f"`{_plain(r.get('id'))}`", text(r.get("kind"), 20), text(r.get("what") or "")]
        for tests in facts.inference
        for r in records(tests.get("results"))
        if r.get("passed") is not True
    ]
    if wrong:
        head = f"<details><summary>{counted(len(wrong), 'inference case')} failed</summary>"
        parts.append(f"{head}\n\n{_table(['Case', 'Kind', 'Expected, and got'], wrong)}\n\n</details>")
    return "\n\n".join(parts)


def _lineage(facts: Facts) -> str:
    lines = [
        [
            text(s.dataset),
            text(s.role),
            text(" ← ".join(s.parents) or NONE),
            f"`{_plain(s.digest)[:19]}`" if s.digest else NONE,
        ]
        for s in facts.sources
    ]
    about = record(facts.verdict.get("candidate"))
    dirty = ", with changes that are not committed" if about.get("dirty") else ""
    commit = f"Commit `{_plain(about.get('commit') or NONE)}`{dirty}."
    table = f"\n\n{_table(['Dataset', 'Used as', 'Made from', 'Digest'], lines)}" if lines else ""
    return f"<details><summary>Where it comes from</summary>\n\n{commit}{table}\n\n</details>"


def _waivers(facts: Facts) -> str:
    lines = []
    for waiver in records(facts.verdict.get("waivers")):
        gate, owner = (f"`{_plain(waiver.get(name))}`" for name in ("gate", "owner"))
        used = "yes" if waiver.get("used") else "no"
        lines.append([gate, owner, text(waiver.get("reason")), text(waiver.get("expires")), used])
    if not lines:
        return ""
    return f"### Waivers\n\n{_table(['Check', 'Owner', 'Reason', 'Ends on', 'Was needed'], lines)}"
