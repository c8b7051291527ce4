"""`python -m tests.unit.pipeline.compare_azure` compares `mlroad check` with azure-ai-ml on known mistakes.

`--write` updates the table in docs/reference/azure-ai-ml-comparison.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.azure import azure_errors
from tests.unit.pipeline.mutations import AREAS, BASE, PIPELINE, Damage, Mutation
from tests.unit.pipeline.oddities import ODDITIES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "azure-ai-ml-comparison.md"
START, END = "<!-- table -->", "<!-- end of table -->"


def table(missed: list[str] | None = None) -> str:
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
                found, rejected, refused = _both(mutation, folder)
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
        quiet, accepted = _odd(Path(name, "odd"), missed)
    head = [
        f"azure-ai-ml {version('azure-ai-ml')}, offline (`load_job` and its private validation).",
        "",
        "| | mlroad check | azure-ai-ml |",
        "| --- | --- | --- |",
        f"| mistakes found, of {total} | {ours} | {theirs} |",
        f"| odd but right pipelines accepted, of {len(ODDITIES)} | {quiet} | {accepted} |",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _both(mutation: Mutation | Damage, folder: Path) -> tuple[bool, bool, bool]:
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
    return found, rejected, bool(azure_errors(folder / PIPELINE))


def _odd(root: Path, refused: list[str]) -> tuple[int, int]:
    quiet = accepted = 0
    for number, oddity in enumerate(ODDITIES):
        folder = root / str(number)
        shutil.copytree(BASE, folder)
        oddity.apply(folder)
        quiet += not check_pipeline(folder / PIPELINE)
        if errors := azure_errors(folder / PIPELINE):
            refused.append(f"{oddity.title}: {errors}")
        accepted += not errors
    return quiet, accepted


def main(arguments: list[str]) -> None:
    """Print the table, or write it to the page."""
    text = table()
    if arguments != ["--write"]:
        sys.stdout.write(text)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n\n{text}\n{END}{after}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
