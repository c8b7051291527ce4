"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(train)
    app.command()(runs)


def train(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    data: Annotated[
        Literal["dev", "prod"], typer.Option("--data", help="Which versions of data.yml to train on.")
    ] = "dev",
    target: Annotated[
        Literal["local", "azureml"], typer.Option("--target", help="This machine, or Azure ML.")
    ] = "local",
    no_reuse: Annotated[
        bool, typer.Option("--no-reuse", help="Run steps even when nothing has changed.")
    ] = False,
    create_compute: Annotated[
        bool, typer.Option("--create-compute", help="Azure ML: create the compute of factory.yml if need be.")
    ] = False,
) -> None:
    """Train a candidate: run the model's pipeline on its dev or prod data.

    \b
    mlroad train diabetes                       on the dev data, on this machine
    mlroad train diabetes --data prod           on all data
    mlroad train diabetes --data prod --target azureml

    Exit codes: 0 done, 1 a step failed, 2 a mistake in the model folder or on the command line, 130 Ctrl-C.
    """
    from mlroad.core.repo import root_here
    from mlroad.run.model_folder import find_model

    folder = find_model(root_here(), model)
    if target == "azureml":
        from mlroad.azure.train_on_azure import train_on_azure

        raise typer.Exit(train_on_azure(folder, data, create_compute=create_compute))
    from mlroad.run.train_here import train_here

    raise typer.Exit(train_here(folder, data, reuse=not no_reuse))


def runs(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the candidates on this machine, newest first, with what the gate said of each.

    \b
    mlroad runs diabetes
    mlroad runs diabetes --json

    A + after the commit: files were changed that are not committed.
    """
    import json

    from mlroad.core.repo import root_here
    from mlroad.run.candidate_list import runs_json, runs_text
    from mlroad.run.model_folder import find_model

    folder = find_model(root_here(), model)
    found = runs_json(folder)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        print(runs_text(found))
    else:
        print(f"There is no candidate of {folder.name} here. `mlroad train {folder.name}` makes one.")
