"""`mlroad train`."""

import sys
from typing import Literal

import click

from mlroad.azure.train_on_azure import train_on_azure
from mlroad.cli.needs_factory import FactoryCommand
from mlroad.core.repo import root_here
from mlroad.run.model_folder import find_model
from mlroad.run.train_locally import train_locally


@click.command(cls=FactoryCommand)
@click.argument("model", help="The model's name.")
@click.option(
    "--data",
    type=click.Choice(("dev", "prod")),
    default="dev",
    show_default=True,
    help="Which dataset versions of data.yml to train on.",
)
@click.option(
    "--target",
    type=click.Choice(("local", "azureml")),
    default="local",
    show_default=True,
    help="This machine, or Azure ML.",
)
@click.option("--no-reuse", is_flag=True, help="Run steps even if nothing changed.")
@click.option(
    "--create-compute", is_flag=True, help="Azure ML: create the compute of factory.yml if it is missing."
)
def train(
    model: str, data: Literal["dev", "prod"], target: str, no_reuse: bool, create_compute: bool
) -> None:
    """Train a candidate on dev or prod data.

    \b
    mlroad train diabetes                       on the dev data, on this machine
    mlroad train diabetes --data prod           on all data
    mlroad train diabetes --data prod --target azureml

    Exit codes: 0 done, 1 a step failed, 2 a mistake in the model folder or a wrong argument, 130 Ctrl-C.
    """
    folder = find_model(root_here(), model)
    if target == "azureml":
        sys.exit(train_on_azure(folder, data, create_compute=create_compute))
    sys.exit(train_locally(folder, data, reuse=not no_reuse))
