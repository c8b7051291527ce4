"""Writing the page and the Markdown of a candidate."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlroad import __version__
from mlroad.core.files import write_bytes
from mlroad.core.problems import UserError
from mlroad.registry.open_registry import open_registry
from mlroad.registry.signed_facts import has_signers, unverified
from mlroad.report.base_note import base_note
from mlroad.report.changed_model import changed_model
from mlroad.report.changed_rules import changed_rules, title
from mlroad.report.class_table import class_table, target_table
from mlroad.report.comparisons import budgets, metrics, slices
from mlroad.report.explanations import confidence, consequence, lead, problems, way_out
from mlroad.report.formatting import metric_name, places_of
from mlroad.report.recommendation import opening
from mlroad.report.render import render
from mlroad.report.report_data import ReportData, fields, read_report_data
from mlroad.report.runtime_table import runtime_table
from mlroad.report.task_plots import task_plots
from mlroad.run.candidate import Candidate

_LONGEST = 60_000
"""Characters of the Markdown. GitHub takes comments of 65,536."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written, and what it is about."""

    data: ReportData
    page: Path
    markdown_file: Path
    markdown: str


def make_report(candidate: Candidate, output: Path | None = None) -> Report:
    """Write report.html (or ``output``) and report.md. Raises UserError."""
    data = read_report_data(candidate)
    values = _values(data)
    page, markdown = render("report.html.jinja", **values), _fitting(render("report.md.jinja", **values))
    markdown = base_note(candidate, data) + markdown
    file, beside = output or candidate.gate / "report.html", candidate.gate / "report.md"
    for target, content in ((file, page), (beside, markdown)):
        _write(target, content)
    return Report(data, file, beside, markdown)


def _values(data: ReportData) -> dict[str, object]:
    """What the templates show."""
    champion, rules, found = data.champion, changed_rules(data), problems(data)
    return {
        "data": data,
        "run": fields(data.candidate.record),
        "train": fields(data.candidate.train),
        "version": __version__,
        "metric": metric_name(data.verdict["decide_by"] or ""),
        "places": places_of(data.decisive["candidate"]),
        "versus": f"against champion {champion['version']}{_doubt(data)}" if champion else "no champion yet",
        "opening": opening(data),
        "lead": lead(data),
        "consequence": consequence(data),
        "confidence": confidence(data),
        "rules": rules,
        "changes": changed_model(data),
        "rules_title": title(rules, champion),
        "problems": found,
        "way_out": way_out(data),
        "metrics": metrics(data),
        "slices": slices(data),
        "classes": class_table(data.verdict["by_class"]),
        "budgets": budgets(data),
        "runtimes": runtime_table(data),
        "targets": target_table(data.verdict["by_target"]),
        "units": fields(data.verdict["by_unit"]),
        "charts": task_plots(data.verdict, data.answers),
    }


def _doubt(data: ReportData) -> str:
    """Says in a signed registry that nothing proves that the workflow made the champion."""
    model = data.candidate.model
    if not has_signers(model.root):
        return ""
    with suppress(UserError, ValueError, TypeError):
        registry = open_registry(model.root)
        version = registry.version(model.name, int(data.champion["version"]))
        if unverified(model.root, version, registry.versions(model.name)):
            return " (unverified: `mlroad why` says more)"
    return ""


def _fitting(markdown: str) -> str:
    """The first and the last part, and as many of the others as fit into a comment."""
    first, *others, last = (part.strip() for part in markdown.split("<!-- part -->"))
    kept, left_out = [first], False
    for part in filter(None, others):
        if sum(map(len, kept)) + len(part) + len(last) > _LONGEST - 200:
            left_out = True
        else:
            kept.append(part)
    if left_out:
        kept.append("Some parts are left out here because they are too long. See the page.")
    return "\n\n".join([*kept, last]) + "\n"


def _write(file: Path, content: str) -> None:
    try:
        # Texts from broken files may hold lone surrogates, which UTF-8 cannot encode.
        write_bytes(file, content.encode("utf-8", "replace"))
    except OSError as error:
        what = f"The report cannot be written: {file}: {error.strerror}."
        raise UserError(what, "Name another file with -o.") from None
