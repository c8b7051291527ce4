"""`mlroad codegen`: code for applications that use a model."""

from pathlib import Path

import click

from mlroad.cli.lazy import Entry, LazyGroup
from mlroad.cli.output_options import result
from mlroad.models.csharp_codegen import write_csharp


@click.group(
    cls=LazyGroup,
    table={"csharp": Entry("mlroad.cli.codegen:csharp", "Write C# records for requests and answers.")},
)
def codegen() -> None:
    """Write code for applications with a model."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--namespace",
    metavar="NAME",
    default="InferenceModels",
    show_default=True,
    help="The namespace of the records.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the code (default: in FOLDER, such as Diabetes.g.cs).",
)
def csharp(folder: Path, namespace: str, out: Path | None) -> None:
    """Write C# records for requests and answers.

    FOLDER is a folder that `mlroad export` wrote. The records check their values, and a class loads the model
    and answers them. The code needs the project harness/dotnet/Core of the factory.

    \b
    mlroad codegen csharp out/diabetes
    mlroad codegen csharp out/diabetes --namespace Clinic.Models --out ../clinic/Models/Diabetes.g.cs

    Exit codes: 0 written, 2 there is no such contract or a wrong argument.
    """
    file, call = write_csharp(folder, out, namespace)
    result(file=file.as_posix())
    click.echo(f"{file.as_posix()}\n\n{call}")
