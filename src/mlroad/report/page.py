"""The page: the verdict first, then what it rests on. No script, nothing loaded, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from mlroad import __version__
from mlroad.report.changed_rules import title
from mlroad.report.html import chip, code, digest, pairs, section, table, tile
from mlroad.report.metrics_table import metrics_section, slices_section
from mlroad.report.report_data import Facts, finite, record
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
    milliseconds,
    places_of,
    remedies,
    versus,
    way_out,
)
from mlroad.report.style import STYLE
from mlroad.report.task_plots import task_plots

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_FAILURES = 50
"""Failed inference cases that are shown; the verdict file has them all."""
_LABELS = {"failed": "l2", "broken": "l2", "waived": "l1", "passed": "ok"}


def page(facts: Facts) -> str:
    """The HTML."""
    name = f"{facts.model}: {facts.shown}"
    parts = (
        _head(facts),
        _rules(facts),
        _troubles(facts),
        metrics_section(facts),
        slices_section(facts),
        _plots(facts),
        _inference(facts),
        _budgets(facts),
        _lineage(facts),
        _waivers(facts),
        _checks(facts),
        _foot(facts),
    )
    body = "\n".join(part for part in parts if part)
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        # The browser itself then refuses to load or run anything, whatever a text of the run looks like.
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{escape(name)}</title>\n<style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _head(facts: Facts) -> str:
    label = {"better": "ok", "equal": "l0"}.get(facts.word, "l2")
    stage = f"trained on {facts.candidate.stage} data"
    return (
        f'<p class="eyebrow">Candidate {escape(facts.candidate.run)}, {stage}</p>\n'
        f"<h1>{escape(facts.model)} <span>{escape(versus(facts))}</span></h1>\n"
        f'<div class="card verdict {facts.word}">{chip(label, facts.shown)}'
        f'<p class="lead">{escape(lead(facts))}</p><p class="soft">{escape(decision(facts))}</p></div>\n'
        f'<div class="tiles">{"".join(_tiles(facts))}</div>'
    )


def _tiles(facts: Facts) -> Iterable[str]:
    verdict = facts.verdict
    name = str(verdict.get("decide_by") or "")
    decided = record(record(verdict.get("metrics")).get(name))
    champion = f"champion: {figure(decided.get('champion'))}" if facts.champion else "no champion yet"
    yield tile(f"{metric(name)} decides", figure(decided.get("candidate")), champion)
    if facts.champion:
        places = places_of(decided.get("candidate"))
        note = between(decided.get("interval"), signed=True, places=places)
        yield tile(
            f"Difference in {metric(name)}",
            figure(decided.get("difference"), signed=True, places=places),
            note or "no interval",
        )
    good, all_ = (
        len(facts.checks("passed", "waived")),
        len(facts.checks("passed", "waived", "failed", "broken")),
    )
    waived = len(facts.checks("waived"))
    note = f"{waived} by a waiver" if waived else "passed"
    yield tile("Checks", f"{good} of {all_}", note, bad=good < all_)
    for runtime, tests in record(verdict.get("inference")).items():
        cases, failed = record(tests).get("cases"), record(tests).get("failed")
        right = cases - failed if isinstance(cases, int) and isinstance(failed, int) else NONE
        yield tile(
            f"Inference, {runtime}",
            f"{right} of {cases}",
            "cases as expected",
            bad=record(tests).get("passed") is not True,
        )
    latency, size = record(verdict.get("latency")), record(verdict.get("size"))
    if finite(latency.get("p95_ms")) is not None:
        yield tile(
            "Latency, p95",
            milliseconds(latency.get("p95_ms")),
            _budget(milliseconds, latency.get("budget_ms")),
        )
    if finite(size.get("bytes")) is not None:
        yield tile("Size", megabytes(size.get("bytes")), _budget(megabytes, size.get("budget_bytes")))


def _budget(show: Any, value: object) -> str:
    return "no budget set" if finite(value) is None else f"allowed: {show(value)}"


def _rules(facts: Facts) -> str:
    """That the bar is another one than the champion's: nobody should have to find that out."""
    if not facts.rules:
        return ""
    items = "".join(
        f"<li>{chip(change.label, change.kind)}<div>{escape(change.what)}"
        f' <code class="soft">{escape(change.file)}</code></div></li>'
        for change in facts.rules
    )
    return f'<h2>{escape(title(facts.rules, facts.champion))}</h2>\n<ul class="findings card">{items}</ul>'


def _troubles(facts: Facts) -> str:
    """What did not pass, with what to do: the reader of a red report looks for this first."""
    checks = facts.checks("broken", "failed", "waived")
    items = []
    for check, fix in zip(checks, remedies(facts, checks), strict=True):
        result = str(check.get("result"))
        todo = f"<p>{_marked(escape(fix))}</p>" if fix else ""
        items.append(
            f"<li>{chip(_LABELS[result], result)}<div>{escape(str(check.get('what') or ''))}"
            f' <code class="soft">{escape(str(check.get("id")))}</code>{todo}</div></li>'
        )
    if not items:
        return ""
    if out := way_out(facts, checks):
        items.append(f'<li>{chip("l0", "or")}<div class="soft">{escape(out)}</div></li>')
    heading = "What did not pass" if not facts.passed else "What passed by a waiver only"
    return f'<h2>{heading}</h2>\n<ul class="findings card">{"".join(items)}</ul>'


def _marked(html: str) -> str:
    """Commands between backticks, shown as code. The text is escaped already."""
    pieces = html.split("`")
    if len(pieces) % 2 == 0:
        return html
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def _plots(facts: Facts) -> str:
    plots = task_plots(facts.verdict.get("task"), facts.verdict.get("target"), facts.answers)
    if not plots:
        return ""
    legend = '<span><i class="candidate"></i>candidate</span>'
    if facts.answers.champion:
        legend += '<span><i class="champion"></i>champion</span>'
    rows = len(facts.answers.truth)
    return section(
        "On the holdout",
        f"{counted(rows, 'row')} that no model was trained on.",
        f'<div class="legend">{legend}</div><div class="charts">{"".join(plots)}</div>',
    )


def _inference(facts: Facts) -> str:
    judged = record(facts.verdict.get("inference"))
    if not judged and not facts.inference:
        return ""
    lines = []
    for runtime, tests in judged.items():
        about = record(tests)
        good = about.get("passed") is True
        lines.append(
            [
                chip("ok" if good else "l2", "passed" if good else "failed"),
                escape(runtime),
                escape(str(about.get("cases", NONE))),
                escape(str(about.get("failed", NONE))),
                digest(about.get("suite_digest")),
            ]
        )
    parts = [table(["", "Runtime", "Cases", "Failed", "Suite"], lines, heading=1)] if lines else []
    parts += [_failures(verdict) for verdict in facts.inference]
    text = "The same requests as at promotion, and whether the answers are still right."
    return section("Inference tests", text, "".join(parts))


def _failures(verdict: Mapping[str, Any]) -> str:
    results = verdict.get("results")
    wrong = (
        [r for r in results if isinstance(r, Mapping) and r.get("passed") is not True]
        if isinstance(results, list)
        else []
    )
    if not wrong:
        return ""
    lines = [
        [escape(str(r.get("id"))), escape(str(r.get("kind"))), escape(str(r.get("what") or ""))]
        for r in wrong[:_FAILURES]
    ]
    more = f" (the first {_FAILURES} are shown)" if len(wrong) > _FAILURES else ""
    runtime = escape(str(verdict.get("runtime") or ""))
    head = ["Case", "Kind", "Expected, and got"]
    return (
        f"<details open><summary>{counted(len(wrong), 'case')} failed in {runtime}{more}</summary>"
        f"{table(head, lines, heading=0)}</details>"
    )


def _budgets(facts: Facts) -> str:
    latency, size = record(facts.verdict.get("latency")), record(facts.verdict.get("size"))
    items = []
    if latency:
        before = finite(latency.get("champion_p95_ms"))
        rows = latency.get("rows")
        told = f"half of the answers within {milliseconds(latency.get('p50_ms'))}"
        told += f"; the champion's p95 is {milliseconds(before)}" if before is not None else ""
        told += f"; {counted(rows, 'request')}, one row each" if isinstance(rows, int) else ""
        items.append(
            _meter("Latency, p95", milliseconds, latency.get("p95_ms"), latency.get("budget_ms"), told)
        )
    if size:
        items.append(
            _meter(
                "Size of the model",
                megabytes,
                size.get("bytes"),
                size.get("budget_bytes"),
                "all files of the model",
            )
        )
    onnx = record(facts.verdict.get("onnx"))
    if onnx:
        items.append(
            _meter(
                "ONNX: largest difference", figure, onnx.get("max_difference"), onnx.get("budget"),
                "between the ONNX file and the model, over the holdout",
            )
        )  # fmt: skip
    return section("Budgets", "", f'<div class="cards">{"".join(items)}</div>') if items else ""


def _meter(name: str, show: Any, value: object, budget: object, told: str) -> str:
    number, most = finite(value), finite(budget)
    bar = ""
    if number is not None and most:
        bad = " bad" if number > most else ""
        share = min(100.0, 100 * number / most)
        bar = f'<div class="meter{bad}" aria-hidden="true"><b style="width:{share:.1f}%"></b></div>'
    return (
        f'<section class="card"><h3>{escape(name)}</h3><p class="cell"><b>{escape(show(value))}</b>'
        f' <span class="soft">{escape(_budget(show, budget))}</span></p>{bar}'
        f'<p class="soft told">{escape(told)}</p></section>'
    )


def _lineage(facts: Facts) -> str:
    verdict, run = facts.verdict, facts.candidate.record
    lines = [
        [
            escape(source.dataset),
            escape(source.role),
            escape(f"{source.rows:,}" if source.rows is not None else NONE),
            escape(" ← ".join(source.parents) or "nothing: it is a source"),
            digest(source.digest),
        ]
        for source in facts.sources
    ]
    head = ["Dataset", "Used as", "Rows", "Made from", "Digest"]
    data = table(head, lines, heading=0) if lines else ""
    about = record(verdict.get("candidate"))
    dirty = " with changes that are not committed" if about.get("dirty") else ""
    commit = about.get("commit")
    job = record(facts.candidate.train.get("job"))
    facts_ = [
        ("Commit", code(commit) + dirty if commit else NONE),
        ("Run", code(facts.candidate.run)),
        ("Trained", escape(f"{facts.candidate.train.get('target') or ''} on {facts.candidate.stage} data")),
        ("Azure ML job", code(job.get("name")) if job else ""),
        ("Started", escape(str(run.get("started") or run.get("start") or ""))),
        ("Model", code(about.get("digest")) if about.get("digest") else NONE),
        ("Parameters", _parameters(run)),
    ]
    if facts.champion:
        champion = facts.champion
        facts_.append(
            (
                "Champion",
                f"version {escape(str(champion.get('version')))},"
                f" commit {code(champion.get('commit') or NONE)}",
            )
        )
    return section(
        "Where it comes from", "", f'{data}<div class="card" style="margin-top:14px">{pairs(facts_)}</div>'
    )


def _parameters(run: Mapping[str, Any]) -> str:
    given = record(run.get("parameters"))
    return "<br>".join(f"{escape(str(name))} = {escape(str(value))}" for name, value in given.items())


def _waivers(facts: Facts) -> str:
    found = facts.verdict.get("waivers")
    waivers = [w for w in found if isinstance(w, Mapping)] if isinstance(found, list) else []
    if not waivers:
        return ""
    lines = [
        [
            code(w.get("gate")), escape(str(w.get("owner"))), escape(str(w.get("reason"))),
            escape(str(w.get("expires"))), "yes" if w.get("used") else "no",
        ]
        for w in waivers
    ]  # fmt: skip
    text = "Exceptions from the gate, each with somebody who answers for it and a day on which it ends."
    return section(
        "Waivers", text, table(["Check", "Owner", "Reason", "Ends on", "Was needed"], lines, heading=0)
    )


def _checks(facts: Facts) -> str:
    checks = facts.checks("broken", "failed", "waived", "passed")
    lines: list[Sequence[str]] = [
        [
            chip(_LABELS[str(check["result"])], str(check["result"])), code(check.get("id")),
            escape(str(check.get("what") or "")),
        ]
        for check in checks
    ]  # fmt: skip
    if not lines:
        return ""
    inner = table(["Result", "Check", "What was found"], lines, heading=1)
    return f"<details><summary>All {counted(len(lines), 'check')}</summary>{inner}</details>"


def _foot(facts: Facts) -> str:
    boot = record(facts.verdict.get("bootstrap"))
    method = ""
    if boot:
        how = str(boot.get("method") or "paired bootstrap")
        same = "candidate and champion are measured on the same" if facts.champion else "found by"
        method = (
            f"<p>Intervals: {escape(confidence(facts))}, {escape(how)}; {same}"
            f" {escape(str(boot.get('resamples')))} resamples of the holdout's rows, seed"
            f" {escape(str(boot.get('seed')))}.</p>"
        )
    model, run = facts.model, facts.candidate.run
    return (
        f"<footer>{method}<p>Judged {escape(str(facts.verdict.get('made') or ''))} by factory"
        f" {escape(str(facts.verdict.get('factory') or __version__))}. Made by"
        f" <code>mlroad report {escape(model)} --run {escape(run)}</code></p></footer>"
    )
