"""Writing the page and the Markdown of a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlroad.core.files import write_bytes
from mlroad.core.problems import UserError
from mlroad.report.markdown import markdown
from mlroad.report.page import page
from mlroad.report.report_data import Facts, read_facts
from mlroad.run.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    facts: Facts
    page: Path
    markdown_file: Path
    markdown: str


def make_report(candidate: Candidate, output: Path | None = None) -> Made:
    """Write report.html (or ``output``) and report.md. Raises UserError."""
    facts = read_facts(candidate)
    html, text = page(facts), markdown(facts)
    file, beside = output or candidate.gate / "report.html", candidate.gate / "report.md"
    for target, content in ((file, html), (beside, text)):
        _write(target, content)
    return Made(facts, file, beside, text)


def _write(file: Path, content: str) -> None:
    """As a whole or not at all."""
    try:
        # Texts from broken files may hold halves of a character pair, which no encoding knows.
        write_bytes(file, content.encode("utf-8", "replace"))
    except OSError as error:
        what = f"The report cannot be written: {file}: {error.strerror}."
        raise UserError(what, "Name another file with -o.") from None
