"""`mlroad selftest`."""

import sys

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.gate.selftest.run_selftest import as_text
from mlroad.gate.selftest.run_selftest import selftest as plant_faults
from mlroad.models.metric_names import TASKS, Task
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model


@click.command(cls=FactoryCommand)
@click.argument(
    "model", required=False, help="Plant faults in this model's newest candidate (default: a sample)."
)
@click.option("--run", metavar="ID", help="Another candidate of the model.")
@click.option(
    "--task", type=click.Choice(TASKS), default="regression", show_default=True, help="The sample's task."
)
def selftest(model: str | None, run: str | None, task: Task) -> None:
    """Check that the gate rejects bad candidates.

    It plants faults in copies of a candidate, and checks that the gate rejects each for the right reason.
    Everything happens in a temporary folder.

    \b
    mlroad selftest                  the gate itself, on a tiny model made for it
    mlroad selftest --task ranking   the same, on a sample of another task
    mlroad selftest diabetes         a model's gates.yml, on its newest candidate

    Exit codes: 0 the gate rejected every fault for the right reason, 1 it did not, or it rejected the good
    candidate, 2 a mistake in a file or a wrong argument.
    """
    candidate = None
    if model is not None:
        candidate = find_candidate(find_model(root_here(), model), run)
    elif run is not None:
        raise UserError("--run needs a model.", "Write `mlroad selftest MODEL --run ID`.")
    tested = plant_faults(candidate, task)
    click.echo(as_text(tested, model or "sample"))
    sys.exit(1 if tested.wrong else 0)
