"""`mlroad freeze` and `mlroad test`: inference tests."""

import sys
from pathlib import Path

import click

from mlroad.cli.finite_number import FiniteNumber
from mlroad.cli.output_options import format_option
from mlroad.core.files import write_output
from mlroad.core.problems import UserError
from mlroad.models.fork_server import start_server
from mlroad.models.runtimes import ALL, RUNTIMES

_model = click.argument("model", type=click.Path(path_type=Path), help="A model folder, such as models/iris.")
_run_id = click.option("--run", "run_id", metavar="ID", help="A run (default: the newest that completed).")
_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@_model
@_run_id
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    metavar="N",
    default=20,
    show_default=True,
    help="How many golden cases.",
)
@click.option(
    "--dataset",
    metavar="NAME:VERSION",
    default="",
    help="Where the rows come from (default: the data that the run read).",
)
@click.option(
    "--absolute",
    type=FiniteNumber(min=0),
    metavar="X",
    help="Largest allowed difference of an answer, for a model trained on the same data.",
)
@click.option(
    "--retrained",
    type=FiniteNumber(min=0),
    metavar="X",
    help="Largest allowed difference of an answer, for a model trained on other data.",
)
@click.option("--accept", is_flag=True, help="Accept the edited cases.jsonl without running the model.")
def freeze(
    model: Path,
    run_id: str | None,
    rows: int,
    dataset: str,
    absolute: float | None,
    retrained: float | None,
    accept: bool,
) -> None:
    """Write inference tests from a run's model.

    The cases hold the model's answers to rows of a dataset, and requests that it must refuse.

    \b
    mlroad freeze models/iris
    mlroad freeze models/iris --rows 50 --dataset iris_holdout:1
    mlroad freeze models/iris --accept

    Exit codes: 0 written, 1 the model failed, 2 a mistake in the model folder or a wrong argument.
    """
    if not accept:
        start_server()
    from mlroad.models.freeze import FreezeOptions  # noqa: PLC0415 - meanwhile, the server imports MLflow
    from mlroad.models.freeze import accept as accept_edits  # noqa: PLC0415
    from mlroad.models.freeze import freeze as write_cases  # noqa: PLC0415

    options = FreezeOptions(run_id, rows, dataset, absolute, retrained)
    if accept and options != FreezeOptions():
        raise UserError("--accept does not run the model.", "Leave out the other options.")
    click.echo("\n".join(accept_edits(model) if accept else write_cases(model, options)))


@click.command()
@_model
@_run_id
@click.option(
    "--runtime",
    "runtimes",
    type=click.Choice((*RUNTIMES, ALL)),
    multiple=True,
    default=("pyfunc",),
    show_default=True,
    help="What runs the model: MLflow, ONNX Runtime, a server, or the .NET harness. Can be repeated.",
)
@click.option("--url", default="", metavar="URL", help="The model's address, for --runtime http.")
@click.option("--junit", type=_file, metavar="FILE", help="Also write JUnit XML.")
@click.option("--markdown", type=_file, metavar="FILE", help="Also write a table of cases and runtimes.")
@format_option("text", "json")
def test(
    model: Path,
    run_id: str | None,
    runtimes: tuple[str, ...],
    url: str,
    junit: Path | None,
    markdown: Path | None,
    form: str,
) -> None:
    """Run a model's inference tests.

    The tests run on the model of a run. The verdict is written beside the run.

    \b
    mlroad test models/iris
    mlroad test models/iris --run 20261124-101500-000000 --format json
    mlroad test models/iris --runtime all --junit tests.xml
    mlroad test models/iris --runtime http --url http://localhost:5000/v2/models/iris

    Exit codes: 0 all passed, 1 a case failed or the tests are not valid, 2 there is nothing to test.
    """
    if {"pyfunc", ALL} & set(runtimes):
        start_server()
    from mlroad.models.inference_report import as_json, as_junit, as_markdown, as_text  # noqa: PLC0415 - as above
    from mlroad.models.inference_tests import run_tests  # noqa: PLC0415

    tested = run_tests(model, run_id, runtimes, url)
    if junit:
        write_output(junit, as_junit(tested, model))
    if markdown:
        write_output(markdown, as_markdown(tested))
    click.echo(as_json(tested) if form == "json" else as_text(tested, model))
    sys.exit(0 if tested.passed else 1)
