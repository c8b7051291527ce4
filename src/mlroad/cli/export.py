"""`mlroad export`."""

import sys
from pathlib import Path

import click

from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import result
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.models.finished_run import find_run
from mlroad.models.not_exportable import NotExportable
from mlroad.models.onnx_export import FILES, export_run
from mlroad.models.onnx_parity import Parity
from mlroad.registry.export_version import export_version
from mlroad.registry.open_registry import open_registry
from mlroad.registry.version_names import find_version


@click.command(cls=FactoryCommand)
@click.argument("model", type=click.Path(path_type=Path), help="A model folder, such as models/iris.")
@click.option("--run", "run_id", metavar="ID", help="A run (default: the newest that completed).")
@click.option(
    "--version",
    metavar="NUMBER|ALIAS",
    help="A registered version instead of a run: 3, champion or candidate.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to write the files; an earlier export there is replaced (default: export/ in the run).",
)
def export(model: Path, run_id: str | None, version: str | None, out: Path | None) -> None:
    """Write a model as ONNX, for applications that are not Python.

    The folder has model.onnx, contract.json (the columns that a request has, with types, units, ranges and
    categories), the inference tests, and parity.json: how far the answers are from those of the Python model.

    \b
    mlroad export models/iris
    mlroad export models/iris --version champion --out ../shop/models/iris

    Exit codes: 0 written, 1 the model has no ONNX form, or that answers differently, 2 a wrong argument.
    """
    if version and run_id:
        raise UserError("--run and --version exclude each other.", "Name a run or a registered version.")
    if out is not None and out.exists() and not _may_replace(out):
        raise UserError(f"{out} has other files than those of an export.", "Choose another folder.")
    try:
        if version:
            folder, parity = _export_version(model, version, out)
        else:
            folder, parity = export_run(model, root_here(), find_run(model, run_id), out)
    except NotExportable as error:
        click.echo(f"{model.as_posix()}: {error}", err=True)
        sys.exit(1)
    result(folder=folder.as_posix(), parity=parity.json())
    click.echo(f"{parity}\nWrote {folder.as_posix()}: model.onnx, contract.json and the inference tests.")


def _may_replace(folder: Path) -> bool:
    """Whether a folder is empty or an earlier export."""
    return folder.is_dir() and {file.name for file in folder.iterdir()} <= FILES


def _export_version(model: Path, which: str, out: Path | None) -> tuple[Path, Parity]:
    if out is None:
        raise UserError("A registered version is exported into a folder of your own.", "Add --out FOLDER.")
    registry = open_registry(root_here())
    name = model.resolve().name
    version = find_version(registry, f"{name}{':' if which.isdigit() else '@'}{which}")
    return out, export_version(registry, version, model, root_here(), out)
