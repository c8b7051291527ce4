"""Writing the page and the Markdown of a candidate."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

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
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(2)}")
    try:
        # Texts from broken files may hold halves of a character pair, which no encoding knows.
        temporary.write_bytes(content.encode("utf-8", "replace"))
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        what = f"The report cannot be written: {file}: {error.strerror}."
        raise UserError(what, "Name another file with -o.") from None
