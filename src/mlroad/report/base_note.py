"""What a pull request changes about its own judge: the first lines of its report."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlroad.core.files import read_json
from mlroad.core.verdict_words import BASE_VERDICT, verdict_word
from mlroad.report.changed_rules import changes_between
from mlroad.report.report_data import ReportData
from mlroad.run.candidate import Candidate

LOOSER = "> [!CAUTION]"
"""How the report of a pull request that loosens a gate begins. pr.yml puts such reports first."""


def base_note(candidate: Candidate, data: ReportData) -> str:
    """Both verdicts, and how the rules differ; empty if the rules are those of the base branch."""
    before = read_json(candidate.gate / BASE_VERDICT)
    return "\n".join(_lines(before, data)) + "\n\n" if before else ""


def _lines(before: Mapping[str, Any], data: ReportData) -> Iterator[str]:
    changes = changes_between(before, data.verdict)
    looser = any(change.kind == "loosened" for change in changes)
    yield LOOSER if looser else "> [!NOTE]"
    yield f"> **This pull request {'loosens' if looser else 'changes'} the gates of {data.model}.**"
    for change in changes:
        yield f"> - {change.kind}: {change.file}: {change.what}"
    yield ">"
    for whose, verdict in (("the base branch", before), ("this pull request", data.verdict)):
        word = verdict_word(verdict["verdict"], verdict["champion"])
        passed = "passed" if verdict["passed"] else "**not passed**"
        yield f"> By the gates of {whose}: {word}, {passed}. {verdict['headline']}  "
    yield "> It must pass by both. To loosen a gate, change it in a pull request that keeps the model."
