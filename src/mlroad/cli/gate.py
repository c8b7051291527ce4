"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(gate)


def gate(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    run: Annotated[
        str | None, typer.Option("--run", help="A run of `mlroad train`; otherwise the newest.")
    ] = None,
    form: Annotated[
        Literal["text", "json"], typer.Option("--format", help="For people, or the verdict as JSON.")
    ] = "text",
) -> None:
    """Judge a candidate by the model's gates.yml: on the frozen holdout, against the champion.

    \b
    mlroad gate diabetes                        the newest candidate
    mlroad gate diabetes --run 20260131-101500-000000
    mlroad gate diabetes --format json          the verdict, as it stands in gate/verdict.json

    Exit codes: 0 passed, 1 a check is red, 2 a mistake in gates.yml or on the command line.
    """
    import json
    import os
    import sys

    from mlroad.core.github_outputs import tell_workflow
    from mlroad.core.repo import root_here
    from mlroad.gate.judge import gate as judge
    from mlroad.gate.show_verdict import show, workflow_errors
    from mlroad.run.candidate import find_candidate
    from mlroad.run.model_folder import find_model

    candidate = find_candidate(find_model(root_here(), model), run)
    verdict = judge(candidate)
    if form == "json":
        print(json.dumps(verdict, indent=1, ensure_ascii=False))
    else:
        show(verdict)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # GitHub reads them from both outputs; the first may be JSON.
        for line in workflow_errors(verdict):
            print(line, file=sys.stderr if form == "json" else sys.stdout)
    tell_workflow(verdict=str(verdict["verdict"]), passed=str(verdict["passed"]).lower())
    raise typer.Exit(0 if verdict["passed"] else 1)
