"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(selftest)


def selftest(
    model: Annotated[
        str | None,
        typer.Argument(help="Plant faults in this model's newest candidate; otherwise in a sample."),
    ] = None,
    *,
    run: Annotated[str | None, typer.Option("--run", help="Another candidate of the model.")] = None,
) -> None:
    """Plant bad candidates, and see whether the gate rejects each for the right reason.

    \b
    mlroad selftest              the gate itself, on a tiny model made for it
    mlroad selftest diabetes     the gates.yml of a model, on its newest candidate

    All happens in a temporary folder. Exit codes: 0 every fault was rejected for the right reason, 1 one was
    not or the good candidate did not pass, 2 a mistake in a file or on the command line.
    """
    from mlroad.core.problems import UserError
    from mlroad.gate.selftest.run_selftest import selftest as plant
    from mlroad.gate.selftest.run_selftest import told

    candidate = None
    if model is not None:
        from mlroad.core.repo import root_here
        from mlroad.run.candidate import find_candidate
        from mlroad.run.model_folder import find_model

        candidate = find_candidate(find_model(root_here(), model), run)
    elif run is not None:
        raise UserError("--run needs a model.", "Write `mlroad selftest MODEL --run ID`.")
    tested = plant(candidate)
    print(told(tested, f"{model or 'sample'}"))
    raise typer.Exit(1 if tested.wrong else 0)
