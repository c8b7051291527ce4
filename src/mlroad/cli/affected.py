"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mlroad.pipeline.affected import Affected

_SHOWN = 3


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(affected)


def affected(
    base: Annotated[
        str,
        typer.Option("--base", help="What to compare with: a commit or a branch; zeros for a first push."),
    ],
    head: Annotated[str, typer.Option("--head", help="The commit that is asked about.")] = "HEAD",
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON list of names, as a matrix of a workflow takes it.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why (on the error stream if the list is JSON).")
    ] = False,
) -> None:
    """Which models does a change touch? Asked of git; what is not committed is not seen.

    \b
    mlroad affected --base origin/main --explain

    A model is touched by its own folder, by the dataset versions that it names, and by what all models share.
    In a workflow it sets the output `models` and adds its reasons to the summary.

    Exit codes: 0 done (also if there is none), 2 a commit that this clone does not have.
    """
    import json

    from mlroad.core.github_outputs import add_to_summary, tell_workflow
    from mlroad.core.repo import root_here
    from mlroad.pipeline.affected import affected as find

    found = find(root_here(), base, head)
    names = json.dumps(found.models)
    if as_json:
        typer.echo(names)
    if explain:
        typer.echo("\n".join(_lines(found)), err=as_json)
    elif not as_json:
        typer.echo("".join(f"{name}\n" for name in found.models), nl=False)
    tell_workflow(models=names)
    add_to_summary("### Affected models\n\n" + "".join(f"- {line}\n" for line in _lines(found)))


def _lines(found: Affected) -> list[str]:
    """Each model with its first reasons, and what was left aside."""
    lines = []
    for name in found.models:
        reasons = found.reasons[name]
        more = f" (and {len(reasons) - _SHOWN} reasons more)" if len(reasons) > _SHOWN else ""
        lines.append(f"{name}: {'; '.join(reasons[:_SHOWN])}{more}")
    if not lines:
        lines.append("no model is affected")
    if found.harmless:
        shown = ", ".join(found.harmless[:_SHOWN])
        more = f" and {len(found.harmless) - _SHOWN} more" if len(found.harmless) > _SHOWN else ""
        lines.append(f"touching no model: {shown}{more}")
    return lines
