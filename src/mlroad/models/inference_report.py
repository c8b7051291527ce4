"""What `mlroad test` shows: failures at their lines, a table case × runtime, Markdown and JUnit XML."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from mlroad.core.text import count, quoted
from mlroad.models.inference_tests import Tested
from mlroad.models.inference_verdict import InferenceVerdict, Result
from mlroad.models.suite import CASES, FOLDER, verdict_file

_MOST = 50
"""Cases in a table, failed ones first."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML does not have."""


def as_text(tested: Tested, model_folder: Path) -> str:
    """The verdicts for people: failures first, each at its line, then the summary of each runtime."""
    lines: list[str] = []
    several = len(tested.verdicts) > 1
    for verdict in tested.verdicts.values():
        lines += _failures(verdict, model_folder / FOLDER / CASES, f"{verdict.runtime}: " if several else "")
    if several and not any(verdict.reason for verdict in tested.verdicts.values()):
        lines += ["", *_table(tested)]
    for verdict in tested.verdicts.values():
        lines += ["", *_summary(verdict, tested, model_folder)]
    lines += [f"{runtime} was not run: {why}" for runtime, why in tested.left_out.items()]
    return "\n".join(lines).lstrip("\n")


def as_json(tested: Tested) -> str:
    """The verdict as it was written; that of each runtime if there are several."""
    said = {runtime: verdict.json() for runtime, verdict in tested.verdicts.items()}
    content = said if len(said) > 1 else next(iter(said.values()))
    return json.dumps(content, indent=1, ensure_ascii=False)


def as_markdown(tested: Tested) -> str:
    """A heading, a table of cases and runtimes, and what is wrong in each failed one."""
    verdicts = list(tested.verdicts.values())
    lines = [f"# Inference tests of {tested.run.model}", "", f"Run {tested.run.id}.", ""]
    lines += [f"- {its.runtime}: {_head(its)} {its.about_batches}".rstrip() for its in verdicts]
    lines += [f"- {runtime}: not run. {_cell(why)}" for runtime, why in tested.left_out.items()]
    rows = _rows(verdicts)
    if rows:
        lines += ["", _row(["case", "kind", *tested.verdicts]), _row(["---"] * (2 + len(verdicts)))]
        lines += [_row(map(_cell, row)) for row in rows]
        lines += _more(verdicts)
    failed = [(verdict, result) for verdict in verdicts for result in verdict.failed]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- `{r.id}` in {v.runtime}: {_cell(r.what)}" for v, r in failed[:_MOST]]
    return "\n".join(lines) + "\n"


def as_junit(tested: Tested, model_folder: Path) -> str:
    """JUnit XML: a test suite for each runtime, a test case for each case."""
    suites = ElementTree.Element("testsuites", name=f"inference tests of {tested.run.model}")
    for verdict in tested.verdicts.values():
        whole = bool(verdict.reason) and not verdict.results
        about = {"tests": len(verdict.results) + whole, "failures": len(verdict.failed), "errors": int(whole)}
        suite = ElementTree.SubElement(suites, "testsuite", name=f"{verdict.model} in {verdict.runtime}")
        suite.attrib |= {key: str(number) for key, number in about.items()}
        if whole:
            case = ElementTree.SubElement(suite, "testcase", classname=_class(verdict), name="suite")
            ElementTree.SubElement(case, "error", message=_xml(verdict.reason))
        for result in verdict.results:
            case = ElementTree.SubElement(
                suite, "testcase", classname=_class(verdict), name=_xml(result.id),
                file=(model_folder / FOLDER / CASES).as_posix(), line=str(result.line),
            )  # fmt: skip
            if not result.passed:
                failure = ElementTree.SubElement(case, "failure", message=_xml(result.what), type=result.code)
                failure.text = _xml(f"{result.kind} {result.id}: {result.what}")
    for runtime, why in tested.left_out.items():
        suite = ElementTree.SubElement(suites, "testsuite", name=runtime, tests="1", skipped="1")
        case = ElementTree.SubElement(suite, "testcase", classname=runtime, name="suite")
        ElementTree.SubElement(case, "skipped", message=_xml(why))
    ElementTree.indent(suites)
    text: str = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _failures(verdict: InferenceVerdict, cases: Path, label: str) -> Iterator[str]:
    if verdict.problems:
        yield from (f"{label}{problem}" for problem in verdict.problems)
    else:
        yield from (f"{cases}:{r.line}: {r.code}: {label}{r.id}: {r.what}" for r in verdict.failed)


def _table(tested: Tested) -> Iterator[str]:
    verdicts = list(tested.verdicts.values())
    rows = [("case", "kind", *tested.verdicts), *_rows(verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from _more(verdicts)


def _rows(verdicts: Sequence[InferenceVerdict]) -> list[tuple[str, ...]]:
    """A row for each case, failed ones first; the cases are the same in each runtime."""
    columns = [verdict.results for verdict in verdicts if verdict.results]
    if len(columns) < len(verdicts):
        return []
    rows = [(results[0].id, results[0].kind, *map(_word, results)) for results in zip(*columns, strict=True)]
    return sorted(rows, key=lambda row: "failed" not in row)[:_MOST]


def _more(verdicts: Sequence[InferenceVerdict]) -> list[str]:
    rest = max(len(verdict.results) for verdict in verdicts) - _MOST
    return ["", f"{count(rest, 'other case')} not shown, failed ones last."] if rest > 0 else []


def _word(result: Result) -> str:
    if not result.passed:
        return "failed"
    return "allowed" if result.what else "passed"


def _summary(verdict: InferenceVerdict, tested: Tested, model_folder: Path) -> Iterator[str]:
    written = verdict_file(tested.run.folder, verdict.runtime).as_posix()
    if verdict.reason:
        yield f"Failed in {verdict.runtime}: no case of {verdict.model} was run.  {written}"
        return
    data = ", ".join(tested.run.datasets()) or "no dataset version"
    yield f"{_head(verdict)} in {verdict.runtime}: {verdict.model}, run {verdict.run} (trained on {data})"
    why = {
        "tolerance": "tolerance: it was trained on the data that the golden answers came from",
        "retrained": "retrained: it was trained on other data than the golden answers came from",
    }[verdict.judged_by]
    yield f"judged by {why}"
    if verdict.about_batches:
        yield verdict.about_batches
    if verdict.latency:
        times = verdict.latency
        yield f"one row takes {times.p50:.2f} ms (median), {times.p95:.2f} ms (95th percentile)"
    if verdict.too_slow:
        yield verdict.too_slow
    if verdict.runtime == "pyfunc" and any(result.code == "MI201" for result in verdict.failed):
        command = f"mlroad freeze {quoted(model_folder)} --run {verdict.run}"
        yield f"If the new answers are right, accept them: `{command}`."
    yield written


def _head(verdict: InferenceVerdict) -> str:
    if verdict.reason:
        return f"failed. {verdict.reason}"
    total = count(len(verdict.results), "case")
    if verdict.failed:
        return f"{len(verdict.failed)} of {total} failed"
    return f"{total} passed, but too slow" if verdict.too_slow else f"{total} passed"


def _class(verdict: InferenceVerdict) -> str:
    return f"{verdict.model}.{verdict.runtime}"


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _xml(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
