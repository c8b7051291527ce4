"""The commands of this area; each imports what it needs when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from mlroad.registry.base import Registry
    from mlroad.registry.champion import Change

_T = TypeVar("_T")

_Publish = Annotated[
    bool,
    typer.Option(
        "--publish", help="Pull the registry's branch first, push it afterwards; anew if others were faster."
    ),
]
_By = Annotated[str | None, typer.Option("--by", help="Who decides; the caller, if not given.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

registry_app = typer.Typer(
    name="registry",
    help="The registry as a whole: its git branch, its folders, tags of versions.",
    no_args_is_help=True,
)


def add_commands(app: typer.Typer) -> None:
    """Add them to ``app``."""
    app.command()(register)
    app.command()(approve)
    app.command()(rollback)
    app.command()(why)
    app.command("who-used")(who_used)
    app.command("list")(list_versions)
    app.command()(clean)
    app.add_typer(registry_app)


def register(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    run: Annotated[str, typer.Option("--run", help="The run on prod data that passed its gate.")],
    dev_run: Annotated[
        str | None, typer.Option("--dev-run", help="The run of the same commit on dev data: its twin.")
    ] = None,
    by: _By = None,
    publish: _Publish = False,
) -> None:
    """Register a candidate whose verdict is green, with its lineage; it gets the alias "candidate".

    \b
    mlroad register diabetes --run 20261124-101500-000000 --dev-run 20261124-101000-000000
    mlroad register diabetes --run … --dev-run … --publish

    The same run is registered once, however often this is called. With --publish its commit must be in the
    default branch of origin.
    Exit codes: 0 registered, 1 refused, 2 a mistake on the command line, 3 others keep pushing (--publish).
    """
    from mlroad.core.github_outputs import tell_workflow
    from mlroad.core.repo import root_here
    from mlroad.gate.register import register as do
    from mlroad.run.model_folder import find_model

    folder = find_model(root_here(), model)
    version, new = _change(
        publish,
        lambda registry: do(registry, folder, run, dev_run, by, merged=publish),
        lambda done: f"register {done[0].name} (run {run})",
    )
    tell_workflow(version=str(version.number))
    print(f"{'registered' if new else 'was registered already as'} {version.name}")
    if not version.tags.get("dev_model_digest"):
        print("It has no dev twin (--dev-run): candidates trained on dev data cannot be compared with it.")
    print(f"next: mlroad approve {version.name}")


def approve(
    version: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="Its candidate, if no version.")],
    *,
    by: _By = None,
    publish: _Publish = False,
) -> None:
    """Make a version champion. The champion until now is remembered, for `mlroad rollback`.

    \b
    mlroad approve diabetes                the version with the alias "candidate"
    mlroad approve diabetes:3 --by "@octocat"

    Exit codes: 0 done or done before, 1 its verdict is not green, 2 a mistake on the command line.
    """
    from mlroad.core.repo import root_here
    from mlroad.gate.register import who
    from mlroad.registry.base import CANDIDATE
    from mlroad.registry.champion import approve as do
    from mlroad.registry.version_names import find_version

    name = by or who(root_here())
    change = _change(
        publish,
        lambda registry: do(registry, find_version(registry, version, CANDIDATE), name),
        lambda done: f"approve {done.version.name} (by {name})",
    )
    _tell(change, f"approved by {name}")
    if change.new and change.before is None:
        _advise_required(root_here(), change.version.model)


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    to: Annotated[
        int | None, typer.Option("--to", help="This version, rather than the champion before.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the version.")] = "",
    by: _By = None,
    publish: _Publish = False,
) -> None:
    """Make the previous champion champion again.

    \b
    mlroad rollback diabetes --reason "wrong units in production"
    mlroad rollback diabetes --to 2

    Called twice, it goes back two champions. Give --to where it may be repeated.
    Exit codes: 0 done, 1 that version may not be champion, 2 there is none to go back to.
    """
    from mlroad.core.repo import root_here
    from mlroad.gate.register import who
    from mlroad.registry.champion import rollback as do

    name = by or who(root_here())
    change = _change(
        publish,
        lambda registry: do(registry, model.removeprefix("models/"), to, name, reason),
        lambda done: f"roll back to {done.version.name} (by {name})",
    )
    _tell(change, f"rolled back by {name}")


def why(
    version: Annotated[str, typer.Argument(metavar="MODEL:VERSION|MODEL@ALIAS")], *, as_json: _Json = False
) -> None:
    """Tell everything about a version: code, data, run, verdict, waivers, approvals.

    \b
    mlroad why diabetes:3
    mlroad why diabetes@champion --json
    """
    from mlroad.registry.version_names import find_version
    from mlroad.registry.why import why as text
    from mlroad.registry.why import why_json

    found = find_version(_registry(), version)
    _print(why_json(found) if as_json else text(found))


def who_used(
    dataset: Annotated[str, typer.Argument(metavar="DATASET:VERSION")], *, as_json: _Json = False
) -> None:
    """List the versions that were trained on a dataset version, judged by it, or on what was made from it.

    \b
    mlroad who-used diabetes_train:1
    mlroad who-used azureml:diabetes:1 --json
    """
    from mlroad.core.repo import root_here
    from mlroad.data.store import find as find_dataset
    from mlroad.data.version import parse_reference
    from mlroad.registry.why import who_used as find
    from mlroad.registry.why import who_used_text

    name = ":".join(parse_reference(dataset))
    found = find(_registry(), name)
    if not found:
        find_dataset(root_here(), name)  # of a misspelt name nobody could say that it was not used
    _print(found if as_json else who_used_text(name, found))


def list_versions(
    model: Annotated[str | None, typer.Argument(help="One model; all of them, if not given.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List the registered versions with their aliases and verdicts, by number.

    \b
    mlroad list
    mlroad list diabetes --json
    """
    from mlroad.core.repo import root_here
    from mlroad.registry.why import list_json, list_text
    from mlroad.run.model_folder import find_model

    registry, name = _registry(), model.rstrip("/").removeprefix("models/") if model else None
    if name and name not in registry.models():
        find_model(root_here(), name, also=registry.models())
    found = list_json(registry, name)
    if as_json:
        _print(found)
    elif found:
        print(list_text(found))
    else:
        print(f"No version{f' of {model}' if model else ''} is registered.")


def clean(
    *,
    keep: Annotated[int, typer.Option("--keep", min=1, help="So many of the newest versions stay.")] = 10,
    days: Annotated[float, typer.Option("--days", min=0, help="Versions younger than this stay.")] = 90,
    yes: Annotated[bool, typer.Option("--yes", help="Delete. Without it, nothing is changed.")] = False,
    publish: _Publish = False,
) -> None:
    """Show which old versions nobody needs, and delete them with --yes.

    Never a version with an alias, one that is deployed (tag "deployed"), or the previous champion.

    \b
    mlroad clean                        show
    mlroad clean --keep 20 --days 30 --yes
    """
    from mlroad.registry.clean import carry_out, plan

    if not yes:
        planned = plan(_registry(), keep, days)
        for version, reason in planned.keep:
            print(f"keep {version.name}: {reason}")
        for version in planned.delete:
            print(f"delete {version.name}, registered {version.created:%Y-%m-%d}")
        for path in planned.orphans:
            print(f"delete {path}, left behind by a command that was stopped")
        if planned.delete or planned.orphans:
            print("Nothing was deleted. The same with --yes does it.")
        else:
            print("Nothing to delete.")
        return
    done = _change(
        publish,
        lambda registry: list(carry_out(registry, plan(registry, keep, days))),
        lambda done: f"clean: {len(done)} deleted",
    )
    print("\n".join(done) or "Nothing to delete.")


@registry_app.command()
def pull(
    *,
    discard: Annotated[
        bool, typer.Option("--discard", help="Throw away what changed here and was not pushed.")
    ] = False,
) -> None:
    """Fetch the registry from the branch "registry" of origin. Without such a branch there is nothing to do.

    Exit codes: 0 done, 1 git cannot fetch it, 2 there are changes here that were not pushed.
    """
    from mlroad.core.repo import root_here
    from mlroad.registry.branch import RegistryBranch

    if _is_local():
        with _exit_codes():
            print(RegistryBranch(root_here()).pull(discard=discard))


@registry_app.command()
def push(
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="Of the commit.")] = "update",
    restore: Annotated[
        bool, typer.Option("--restore", help="If the branch was deleted: make it again from what is here.")
    ] = False,
) -> None:
    """Push the registry to the branch "registry" of origin. The work tree and the index are not touched.

    Exit codes: 0 done, 1 git cannot push or the branch was deleted, 2 a file is too large, 3 others have
    pushed since: pull and repeat.
    """
    from mlroad.core.repo import root_here
    from mlroad.registry.branch import RegistryBranch

    if _is_local():
        with _exit_codes():
            print(RegistryBranch(root_here()).push(f"registry: {message}", restore=restore))


@registry_app.command()
def path(
    version: Annotated[str, typer.Argument(metavar="MODEL:VERSION|MODEL@ALIAS")],
    *,
    stage: Annotated[
        Literal["prod", "dev"], typer.Option("--stage", help="The model, or its dev twin.")
    ] = "prod",
) -> None:
    """Print the folder of a registered MLflow model on this machine.

    \b
    mlroad registry path diabetes@champion
    """
    from mlroad.core.problems import UserError
    from mlroad.registry.version_names import find_version

    registry = _registry()
    found = find_version(registry, version)
    folder = registry.model_path(found, stage)
    if folder is None:
        raise UserError(
            f"{found.name} has no {stage} model.", "It was registered without one, or it is gone."
        )
    print(folder)


@registry_app.command()
def tag(
    version: Annotated[str, typer.Argument(metavar="MODEL:VERSION|MODEL@ALIAS")],
    tags: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...")],
    *,
    publish: _Publish = False,
) -> None:
    """Write tags of a version. What carries the tag "deployed" is never cleaned away.

    \b
    mlroad registry tag diabetes@champion deployed=production --publish
    mlroad registry tag diabetes:2 deployed=
    """
    from mlroad.registry.own_tags import own_tags
    from mlroad.registry.version_names import find_version

    wanted = own_tags(tags)

    def do(registry: Registry) -> str:
        found = find_version(registry, version)
        registry.set_tags(found, wanted)
        return found.name

    name = _change(publish, do, lambda name: f"tag {name} {' '.join(tags)}")
    print(f"tagged {name}: {', '.join(tags)}")


def _registry() -> Registry:
    from mlroad.core.repo import root_here
    from mlroad.registry.base import open_registry

    return open_registry(root_here())


def _is_local() -> bool:
    """Whether there is a branch to pull and push; says so if not, so that workflows can call it anyway."""
    from mlroad.core.factory_settings import load_settings
    from mlroad.core.repo import root_here

    if load_settings(root_here()).registry == "local":
        return True
    print("The registry is in Azure ML (factory.yml): there is no branch to pull or push.")
    return False


def _change(publish: bool, action: Callable[[Registry], _T], describe: Callable[[_T], str]) -> _T:
    """Do something to the registry, in its branch as well if asked for."""
    from mlroad.core.factory_settings import load_settings
    from mlroad.core.repo import root_here
    from mlroad.registry.branch import publish as with_branch

    root: Path = root_here()
    with _exit_codes():
        if publish and load_settings(root).registry == "local":
            return with_branch(root, action, lambda done: f"registry: {describe(done)}")
        return action(_registry())


@contextmanager
def _exit_codes() -> Iterator[None]:
    from mlroad.registry.base import Refused
    from mlroad.registry.branch import GitFailed, Moved

    try:
        yield
    except (Refused, GitFailed) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    except Moved as error:
        print(error, file=sys.stderr)
        raise typer.Exit(3) from None


def _tell(change: Change, how: str) -> None:
    name = change.version.name
    if not change.new:
        print(f"{name} is champion already")
        return
    before = f"; it was {change.before.name}" if change.before else ""
    print(f"{name} is champion now, {how}{before}")
    if change.before:
        print(f"to undo: mlroad rollback {change.version.model} --to {change.before.number}")


def _advise_required(root: Path, model: str) -> None:
    """After the first champion: without one, no candidate should be let in any more."""
    from mlroad.core.problems import UserError
    from mlroad.gate.gates_file import FILE, load_gates

    file = root / "models" / model / FILE
    try:
        optional = not load_gates(file).champion_required
    except UserError:  # the gate tells what is wrong with it
        return
    if optional:
        print(f"next: write `champion: required` in models/{model}/{FILE}, so that none is judged without it")


def _print(content: object) -> None:
    import json

    print(content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False))
