"""`mlroad`: the table of all commands."""

import gc
import os
import sys

import click

from mlroad import __version__
from mlroad.cli.lazy import Entry, LazyGroup, load
from mlroad.cli.needs_factory import in_prototype, require_factory
from mlroad.cli.startup import plain_endings, set_encodings

PROTOTYPE, DATA, FACTORY, REPO = "Prototype", "Data", "Factory", "Repo"

COMMANDS = {
    "new": Entry("mlroad.cli.new:new", "Create a model folder with a working baseline.", PROTOTYPE),
    "run": Entry("mlroad.cli.run:run", "Run a pipeline on this machine as Azure ML would.", PROTOTYPE),
    "sweep": Entry(
        "mlroad.cli.sweep:sweep", "Run a pipeline with many values and compare the metrics.", PROTOTYPE
    ),
    "runs": Entry("mlroad.cli.runs:runs", "List the runs of a model, or compare two runs.", PROTOTYPE),
    "ui": Entry("mlroad.cli.ui:ui", "Open MLflow's page with the tracked runs of this repo.", PROTOTYPE),
    "inputs": Entry("mlroad.cli.run:inputs", "Print the inputs of a step in its last run.", PROTOTYPE),
    "sync": Entry("mlroad.cli.models:sync", "Write the components of models from their steps.", PROTOTYPE),
    "check": Entry("mlroad.cli.check:check", "Find mistakes in models before Azure ML does.", PROTOTYPE),
    "graph": Entry("mlroad.cli.run:graph", "Print a pipeline and its last run as a diagram.", PROTOTYPE),
    "freeze": Entry("mlroad.cli.inference:freeze", "Write inference tests from a run's model.", PROTOTYPE),
    "test": Entry("mlroad.cli.inference:test", "Run a model's inference tests.", PROTOTYPE),
    "codegen": Entry("mlroad.cli.codegen:codegen", "Write code for applications with a model.", PROTOTYPE),
    "ready": Entry(
        "mlroad.cli.ready:ready", "List what is left to do before a model can be promoted.", PROTOTYPE
    ),
    "models": Entry("mlroad.cli.models:models", "List the models of this repo.", PROTOTYPE),
    "dataset": Entry("mlroad.cli.dataset:dataset", "Create, compare, check and register datasets.", DATA),
    "promote": Entry(
        "mlroad.cli.promote:promote",
        "Promote a model from a prototype's tag to a branch.",
        FACTORY,
        in_prototype="mlroad.cli.tag_status:promote",
    ),
    "backport": Entry(
        "mlroad.cli.backport:backport",
        "Write the factory's edits as a patch for the prototype.",
        FACTORY,
    ),
    "train": Entry("mlroad.cli.train:train", "Train a candidate on dev or prod data.", FACTORY),
    "hand-over": Entry("mlroad.cli.hand_over:hand_over", "Copy runs for another machine.", FACTORY),
    "take-over": Entry("mlroad.cli.hand_over:take_over", "Take over runs of another machine.", FACTORY),
    "gate": Entry("mlroad.cli.gate:gate", "Judge a candidate by the model's gates.yml.", FACTORY),
    "report": Entry("mlroad.cli.report:report", "Write the report on a judged candidate.", FACTORY),
    "export": Entry(
        "mlroad.cli.export:export", "Write a model as ONNX, for applications that are not Python.", FACTORY
    ),
    "register": Entry("mlroad.cli.registry:register", "Register a candidate that passed its gate.", FACTORY),
    "approve": Entry("mlroad.cli.registry:approve", "Make a registered version the champion.", FACTORY),
    "rollback": Entry(
        "mlroad.cli.registry:rollback", "Make the previous champion the champion again.", FACTORY
    ),
    "list": Entry("mlroad.cli.registry:list_versions", "List the registered versions.", FACTORY),
    "why": Entry("mlroad.cli.registry:why", "Show where a registered version comes from.", FACTORY),
    "who-used": Entry(
        "mlroad.cli.registry:who_used", "List the versions that used a dataset version.", FACTORY
    ),
    "clean": Entry("mlroad.cli.registry:clean", "Delete old versions that nothing uses.", FACTORY),
    "registry": Entry("mlroad.cli.registry:registry", "Pull, push and tag the registry.", FACTORY),
    "affected": Entry("mlroad.cli.affected:affected", "List the models that a change affects.", FACTORY),
    "selftest": Entry("mlroad.cli.selftest:selftest", "Check that the gate rejects bad candidates.", FACTORY),
    "setup": Entry("mlroad.cli.repo:setup", "Set up this repo after a copy or a clone.", REPO),
    "update": Entry(
        "mlroad.cli.repo:update", "Update this repo to the newest version of its template.", REPO
    ),
    "doctor": Entry(
        "mlroad.cli.doctor:doctor",
        "Say how this repo differs from its template, and what is missing here.",
        REPO,
    ),
    "github": Entry(
        "mlroad.cli.github:github", "Set up GitHub: rulesets, environments, reviewers, variables.", REPO
    ),
    "fleet": Entry(
        "mlroad.cli.fleet:fleet", "Show all repos made from the template, and start their updates.", REPO
    ),
    "help": Entry("mlroad.cli.help_page:help_page", "Print a page of the documentation.", REPO),
    "completion": Entry("mlroad.cli.completion:completion", "Print the shell's completion script.", REPO),
    "guard": Entry("mlroad.cli.guard:guard", "Find secrets, unclean notebooks and large files.", REPO),
}

_EPILOG = """\b
mlroad COMMAND --help   the options, exit codes and examples of a command
mlroad help PAGE        a page of the documentation
"""


class Root(LazyGroup):
    """The top-level group."""

    def heading(self, section: str) -> str:
        """The heading of a section, with a note if its commands do not work in this repo."""
        if section == FACTORY and in_prototype():
            return "Factory (these commands need a model factory; this is a prototyping repo)"
        return section

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now. A missing package may be one that only a factory installs."""
        entry = self.table.get(cmd_name)
        if entry and entry.in_prototype and in_prototype():
            return load(entry.in_prototype)
        try:
            return super().get_command(ctx, cmd_name)
        except ModuleNotFoundError:
            if self.table[cmd_name].section == FACTORY:
                require_factory(f"mlroad {cmd_name}")
            raise


@click.group(
    cls=Root,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, message="mlroad %(version)s")
def mlroad() -> None:
    """Create, check, run, gate and register models, from the files that Azure ML runs."""


def main() -> None:
    """Entry point of the console script."""
    # Startup creates many objects and little garbage. The default, to collect after every 700 objects,
    # takes a tenth of its time.
    gc.set_threshold(50_000)
    # MLflow would report its use to its makers, and keep a number of this machine in the home folder.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    set_encodings()
    with plain_endings():
        try:
            mlroad.main(prog_name="mlroad", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(130)
