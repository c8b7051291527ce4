"""`python -m tests.unit.pipeline.compare_azure` compares `mlroad check` with azure-ai-ml on known mistakes.

`--write` asks azure-ai-ml about everything again, and updates its recorded answers and the table in
docs/reference/azure-ai-ml-comparison.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.azure import Answers, recorded
from tests.unit.pipeline.mutations import AREAS, BASE, PIPELINE, Damage, Mutation
from tests.unit.pipeline.oddities import ODDITIES
from tests.unit.pipeline.random_changes import rejections

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "azure-ai-ml-comparison.md"
START, END = "<!-- table -->", "<!-- end of table -->"


def table(answers: Answers, missed: list[str] | None = None) -> str:
    """Both results for every mistake and every look-alike, as Markdown.

    ``missed`` gets the titles of mistakes that only Azure refuses, and of look-alikes that Azure refuses.
    """
    lines: list[str] = []
    missed = [] if missed is None else missed
    ours = theirs = total = 0
    with tempfile.TemporaryDirectory() as name:
        for area, mutations in AREAS.items():
            lines += [
                "",
                f"### {area}",
                "",
                "| mistake | mlroad check | azure-ai-ml |",
                "| --- | --- | --- |",
            ]
            for mutation in mutations:
                folder = Path(name, str(total))
                shutil.copytree(BASE, folder)
                found, rejected, refused = _both(mutation, folder, answers)
                # compute: local is a warning here: `mlroad run` is that local run.
                if refused and not rejected and mutation.code != "MR252":
                    missed.append(mutation.title)
                total += 1
                ours += found
                theirs += refused
                said = f"{mutation.severity} {mutation.code}" if found else "**passes**"
                lines.append(
                    f"| {mutation.title} | {said} | {'rejects' if refused else 'passes'} |".replace(
                        "$[[", "`$[[`"
                    )
                )
        quiet, accepted = _odd(Path(name, "odd"), missed, answers)
    head = [
        f"azure-ai-ml {answers.version}, offline (`load_job` and its private validation).",
        "",
        "| | mlroad check | azure-ai-ml |",
        "| --- | --- | --- |",
        f"| mistakes found, of {total} | {ours} | {theirs} |",
        f"| odd but right pipelines accepted, of {len(ODDITIES)} | {quiet} | {accepted} |",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _both(mutation: Mutation | Damage, folder: Path, answers: Answers) -> tuple[bool, bool, bool]:
    """Whether the mistake itself is found here, anything is an error here, and Azure refuses it."""
    mutation.apply(folder)
    line = mutation.line(folder)
    problems = check_pipeline(folder / PIPELINE)
    found = any(
        (problem.code, problem.at.line, problem.at.file.name)
        == (mutation.code, line, Path(mutation.named).name)
        for problem in problems
    )
    rejected = any(problem.severity == "error" for problem in problems)
    return found, rejected, answers.refuses(folder, PIPELINE)


def _odd(root: Path, refused: list[str], answers: Answers) -> tuple[int, int]:
    quiet = accepted = 0
    for number, oddity in enumerate(ODDITIES):
        folder = root / str(number)
        shutil.copytree(BASE, folder)
        oddity.apply(folder)
        quiet += not check_pipeline(folder / PIPELINE)
        if answers.refuses(folder, PIPELINE):
            refused.append(oddity.title)
        else:
            accepted += 1
    return quiet, accepted


def main(arguments: list[str]) -> None:
    """Print the table, or write it to the page."""
    if arguments != ["--write"]:
        sys.stdout.write(table(recorded()))
        return
    answers = Answers({"version": None})
    text = table(answers)
    for component in (False, True):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(shutil.copytree(BASE, Path(name, "base")))
            list(rejections(folder, answers, component=component))
    answers.write()
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n\n{text}\n{END}{after}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
