"""The commands on registered versions, and `mlroad registry` on the registry as a whole."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from mlroad.cli.finite_number import FiniteNumber
from mlroad.cli.needs_factory import FactoryCommand
from mlroad.cli.output_options import json_option
from mlroad.core.factory_settings import load_settings
from mlroad.core.github_outputs import tell_workflow
from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.data.store import find as find_dataset
from mlroad.data.version import parse_reference
from mlroad.gate import register as registering
from mlroad.gate.gates_file import FILE as GATES
from mlroad.gate.gates_file import load_gates
from mlroad.registry import champion, own_tags
from mlroad.registry import clean as cleaning
from mlroad.registry import why as stories
from mlroad.registry.base import CANDIDATE, Refused, Registry
from mlroad.registry.branch import BranchMovedError, RegistryBranch
from mlroad.registry.branch_git import GitFailed
from mlroad.registry.github_approval import NotConfirmed, approver
from mlroad.registry.local_registry import registry_folder
from mlroad.registry.one_champion import load_champion, save_champion
from mlroad.registry.open_registry import open_registry
from mlroad.registry.publish import publish as change_in_branch
from mlroad.registry.registered_model import LINEAGE_TAG, check_models
from mlroad.registry.version_names import find_version
from mlroad.registry.version_proof import proof_of
from mlroad.run.model_folder import find_model

_T = TypeVar("_T")

_model = click.argument("model", help="The model's name.")
_version = click.argument(
    "version", metavar="MODEL:VERSION|MODEL@ALIAS", help="A version, such as diabetes:3 or diabetes@champion."
)
_publish = click.option(
    "--publish",
    is_flag=True,
    help="Pull the registry's branch first and push it afterwards; retry if someone else pushed first.",
)
_by = click.option("--by", metavar="NAME", help="Who decides (default: you).")


@click.command(cls=FactoryCommand)
@_model
@click.option(
    "--run", metavar="ID", help="A run on prod data that passed (default: the newest, and its twin)."
)
@click.option("--dev-run", metavar="ID", help="Its dev twin: the run of the same commit on dev data.")
@_by
@_publish
def register(model: str, run: str | None, dev_run: str | None, by: str | None, publish: bool) -> None:
    """Register a candidate that passed its gate.

    The version is registered with its lineage, and gets the alias "candidate". A run is registered once,
    however often you call this. With --publish, its commit must be in the default branch of origin.

    \b
    mlroad register diabetes            the newest run on prod data, with its dev twin
    mlroad register diabetes --run 20261124-101500-000000 --dev-run 20261124-101000-000000 --publish

    Exit codes: 0 registered, 1 refused, 2 a wrong argument, 3 others keep pushing (--publish).
    """
    folder = find_model(root_here(), model)
    if dev_run and not run:
        raise UserError("--dev-run is the twin of --run.", "Name both runs, or neither.")
    prod, dev = (run, dev_run) if run else registering.newest_pair(folder)
    version, new = _change(
        publish,
        lambda registry: registering.register(registry, folder, prod, dev, by, merged=publish),
        lambda done: f"register {done[0].name} (run {prod})",
    )
    tell_workflow(version=str(version.number), lineage=version.tags[LINEAGE_TAG])
    click.echo(f"{'registered' if new else 'already registered as'} {version.name}")
    if not version.tags.get("dev_model_digest"):
        click.echo(
            "It has no dev twin (--dev-run): candidates trained on dev data cannot be compared with it."
        )
    click.echo(f"next: mlroad approve {version.name}")


@click.command(cls=FactoryCommand)
@click.argument("version", metavar="MODEL[:VERSION]", help="A version (default: the model's candidate).")
@_by
@click.option(
    "--github-run",
    type=int,
    metavar="ID",
    help="Ask GitHub who approved the environment production in this workflow run.",
)
@click.option("--lineage", metavar="DIGEST", help="The digest of the lineage that was shown for approval.")
@_publish
def approve(version: str, by: str | None, github_run: int | None, lineage: str | None, publish: bool) -> None:
    """Make a registered version the champion.

    The previous champion is recorded for `mlroad rollback`.

    \b
    mlroad approve diabetes                the version with the alias "candidate"
    mlroad approve diabetes:3 --by "@octocat"

    Exit codes: 0 done, now or before, 1 its gate did not pass, or GitHub knows no approval, 2 a wrong
    argument, 3 others keep pushing.
    """
    if by and github_run is not None:
        raise UserError("--by and --github-run exclude each other.", "GitHub says who approved the run.")

    def act(registry: Registry) -> tuple[champion.Change, str]:
        found = find_version(registry, version, CANDIDATE)
        if github_run is None:
            name = by or registering.who(root_here())
        else:
            try:
                name = approver(root_here(), found, github_run)
            except NotConfirmed as error:
                raise Refused(f"{found.name} is not approved:", [str(error)]) from None
        return champion.approve(registry, found, name, run=github_run, shown=lineage), name

    change, name = _change(publish, act, lambda done: f"approve {done[0].version.name} (by {done[1]})")
    _tell(change, f"approved by {name}")
    if change.new and change.before is None:
        _advise_required(root_here(), change.version.model)


@click.command(cls=FactoryCommand)
@_model
@click.option("--to", type=int, metavar="VERSION", help="This version (default: the previous champion).")
@click.option("--reason", default="", help="Why; it is recorded with the version.")
@_by
@_publish
def rollback(model: str, to: int | None, reason: str, by: str | None, publish: bool) -> None:
    """Make the previous champion the champion again.

    Called twice, it goes back two champions. Use --to where the command may be repeated.

    \b
    mlroad rollback diabetes --reason "wrong units in production"
    mlroad rollback diabetes --to 2

    Exit codes: 0 done, 1 that version cannot be champion, 2 there is no previous champion, or a wrong
    argument, 3 others keep pushing.
    """
    name = by or registering.who(root_here())
    change = _change(
        publish,
        lambda registry: champion.rollback(registry, model.removeprefix("models/"), to, name, reason),
        lambda done: f"roll back to {done.version.name} (by {name})",
    )
    _tell(change, f"rolled back by {name}")


@click.command(cls=FactoryCommand)
@_version
@click.option("--lineage", metavar="DIGEST", help="Fail unless its lineage has this digest.")
@json_option
def why(version: str, lineage: str | None, as_json: bool) -> None:
    """Show where a registered version comes from.

    Code, data, run, verdict, waivers, who wrote it, and who approved it. An approval in a run of the workflow
    Approve is "approved" if GitHub confirms it. Any other is "claimed".

    \b
    mlroad why diabetes:3
    mlroad why diabetes@champion --json
    """
    opened = _registry()
    found = find_version(opened, version)
    if lineage is not None and found.tags.get(LINEAGE_TAG) != lineage:
        raise UserError(
            f"The lineage of {found.name} is not {lineage or 'none'}.", "Ask for the approval again."
        )
    check_models(opened, found)
    proof = proof_of(root_here(), found, opened.versions(found.model))
    _print(stories.why_json(found, proof) if as_json else stories.why(found, proof))


@click.command("who-used", cls=FactoryCommand)
@click.argument("dataset", metavar="DATASET:VERSION", help="A dataset version, such as diabetes:1.")
@json_option
def who_used(dataset: str, as_json: bool) -> None:
    """List the versions that used a dataset version.

    They were trained on it, judged by it, or trained on data that was made from it.

    \b
    mlroad who-used diabetes_train:1
    mlroad who-used azureml:diabetes:1 --json
    """
    name = ":".join(parse_reference(dataset))
    found = stories.who_used(_registry(), name)
    if not found:
        find_dataset(root_here(), name)  # a misspelled name is an error, and not "never used"
    _print(found if as_json else stories.who_used_text(name, found))


@click.command("list", cls=FactoryCommand)
@click.argument("model", required=False, help="A model (default: all models).")
@json_option
def list_versions(model: str | None, as_json: bool) -> None:
    """List the registered versions.

    With their aliases and verdicts, by number.

    \b
    mlroad list
    mlroad list diabetes --json
    """
    registry, name = _registry(), model.rstrip("/").removeprefix("models/") if model else None
    if name and name not in registry.models():
        find_model(root_here(), name, also=registry.models())
    found = stories.list_json(root_here(), registry, name)
    if as_json:
        _print(found)
    elif found:
        click.echo(stories.list_text(found))
    else:
        click.echo(f"No version{f' of {model}' if model else ''} is registered.")


@click.command(cls=FactoryCommand)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    default=10,
    show_default=True,
    help="Keep the N newest versions of each model.",
)
@click.option(
    "--days",
    type=FiniteNumber(min=0, max=36_500),
    metavar="N",
    default=90.0,
    show_default=True,
    help="Keep versions that are younger than N days.",
)
@click.option("--yes", is_flag=True, help="Delete. Without it, the command only shows what it would delete.")
@_publish
def clean(keep: int, days: float, yes: bool, publish: bool) -> None:
    """Delete old versions that nothing uses.

    Never a version with an alias, one that is deployed (tag "deployed"), or one that a rollback goes back to.

    \b
    mlroad clean                        show what would be deleted
    mlroad clean --keep 20 --days 30 --yes
    """
    if not yes:
        _print_plan(cleaning.plan(_registry(), keep, days))
        return
    done = _change(
        publish,
        lambda registry: list(cleaning.carry_out(registry, cleaning.plan(registry, keep, days))),
        lambda done: f"clean: {len(done)} deleted",
    )
    click.echo("\n".join(done) or "Nothing to delete.")


@click.group()
def registry() -> None:
    """Pull, push and tag the registry.

    The local registry is the branch "registry" of this git repo.
    """


registry.command_class = FactoryCommand


@registry.command()
@click.option(
    "--discard",
    is_flag=True,
    help="Discard what is only here: changes that were not pushed, or commits that a rewritten branch lacks.",
)
def pull(discard: bool) -> None:
    """Fetch the registry from the branch "registry" of origin.

    Without such a branch, there is nothing to do.

    \b
    mlroad registry pull

    Exit codes: 0 done, 1 git cannot fetch the branch, or it was deleted, rewritten or emptied, 2 there are
    changes here that were not pushed.
    """
    if _is_local():
        with _exit_codes():
            click.echo(RegistryBranch(root_here()).pull(discard=discard, rewritten=discard))


@registry.command()
@click.option("--message", "-m", default="update", show_default=True, help="The message of the commit.")
@click.option("--restore", is_flag=True, help="If the branch was deleted: create it again from what is here.")
def push(message: str, restore: bool) -> None:
    """Push the registry to the branch "registry" of origin.

    Your work tree and index do not change.

    \b
    mlroad registry push -m "tag diabetes:3"

    Exit codes: 0 done, 1 git cannot push, or the branch was deleted or rewritten, 2 a file is too large or
    missing, 3 someone else pushed first: pull and repeat.
    """
    if _is_local():
        with _exit_codes():
            click.echo(RegistryBranch(root_here()).push(f"registry: {message}", restore=restore))


@registry.command()
@_model
@click.argument("folder", type=click.Path(path_type=Path), help="A new folder.")
def save(model: str, folder: Path) -> None:
    """Copy the champion of a model to a folder, for a machine that cannot reach the registry.

    \b
    mlroad registry save diabetes champion
    """
    version, digest = save_champion(_registry(), find_model(root_here(), model).name, folder)
    tell_workflow(digest=digest)
    click.echo(f"saved {version.name if version else 'that there is no champion'} in {folder}: {digest}")


@registry.command()
@click.argument("folder", type=click.Path(path_type=Path), help="What `mlroad registry save` has written.")
@click.option("--digest", required=True, metavar="DIGEST", help="The digest that it printed.")
def load(folder: Path, digest: str) -> None:
    """Use a saved champion instead of the registry on this machine.

    \b
    mlroad registry load champion --digest sha256:…
    """
    load_champion(folder, digest, registry_folder(root_here()))
    click.echo(f"{registry_folder(root_here())} now holds only the champion from {folder}.")


@registry.command()
@_version
@click.option(
    "--stage",
    type=click.Choice(("prod", "dev")),
    default="prod",
    show_default=True,
    help="The model, or its dev twin.",
)
def path(version: str, stage: str) -> None:
    """Print the folder of a registered MLflow model.

    \b
    mlroad registry path diabetes@champion
    """
    opened = _registry()
    found = find_version(opened, version)
    folder = opened.model_path(found, stage)
    if folder is None:
        what = f"{found.name} has no {stage} model."
        raise UserError(what, "It was registered without one, or the model was deleted.")
    click.echo(folder)


@registry.command()
@_version
@click.argument(
    "tags", metavar="NAME=VALUE...", nargs=-1, required=True, help="An empty value deletes a tag."
)
@_publish
def tag(version: str, tags: tuple[str, ...], publish: bool) -> None:
    """Set tags of a version.

    `mlroad clean` never deletes a version with the tag "deployed".

    \b
    mlroad registry tag diabetes@champion deployed=production --publish
    mlroad registry tag diabetes:2 deployed=
    """
    wanted = own_tags.own_tags(tags)

    def set_tags(registry: Registry) -> str:
        found = find_version(registry, version)
        registry.set_tags(found, wanted)
        return found.name

    name = _change(publish, set_tags, lambda name: f"tag {name} {' '.join(tags)}")
    click.echo(f"tagged {name}: {', '.join(tags)}")


def _registry() -> Registry:
    return open_registry(root_here())


def _is_local() -> bool:
    """Whether there is a branch to pull and push. It prints if not, so that workflows can call it anyway."""
    if load_settings(root_here()).registry == "local":
        return True
    where = {"azureml": "in Azure ML", "mlflow": "an MLflow server"}[load_settings(root_here()).registry]
    click.echo(f"The registry is {where} (factory.yml): there is no branch to pull or push.")
    return False


def _change(publish: bool, action: Callable[[Registry], _T], describe: Callable[[_T], str]) -> _T:
    """Change the registry; with ``publish``, its branch as well."""
    root = root_here()
    with _exit_codes():
        if publish and load_settings(root).registry == "local":
            return change_in_branch(root, action, lambda done: f"registry: {describe(done)}")
        return action(_registry())


@contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except (Refused, GitFailed) as error:
        click.echo(error, err=True)
        sys.exit(1)
    except BranchMovedError as error:
        click.echo(error, err=True)
        sys.exit(3)


def _tell(change: champion.Change, how: str) -> None:
    name = change.version.name
    if not change.new:
        click.echo(f"{name} is already the champion")
        return
    before = f"; it was {change.before.name}" if change.before else ""
    click.echo(f"{name} is now the champion, {how}{before}")
    if change.before:
        click.echo(f"to undo: mlroad rollback {change.version.model} --to {change.before.number}")


def _print_plan(planned: cleaning.Plan) -> None:
    for version, reason in planned.keep:
        click.echo(f"keep {version.name}: {reason}")
    for version in planned.delete:
        click.echo(f"delete {version.name}, registered {version.created:%Y-%m-%d}")
    for orphan in planned.orphans:
        click.echo(f"delete {orphan}, left behind by a command that was stopped")
    if planned.delete or planned.orphans:
        click.echo("Nothing was deleted. Add --yes to delete them.")
    else:
        click.echo("Nothing to delete.")


def _advise_required(root: Path, model: str) -> None:
    """After the first champion, every candidate should be compared with one."""
    file = root / "models" / model / GATES
    try:
        optional = not load_gates(file).champion_required
    except UserError:  # `mlroad gate` reports what is wrong with it
        return
    if optional:
        click.echo(
            f"next: write `champion: required` in models/{model}/{GATES}, "
            "so that the gate compares every candidate with a champion"
        )


def _print(content: object) -> None:
    click.echo(content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False))
