"""Promote a model of the factory's own repo: an experiment, or a model of a former prototyping repo.

`mlroad promote experimentation/churn` makes models/churn of it. `mlroad promote models/churn` completes a
model of a prototyping repo that became a factory (`copier update -d template=factory`). Both take the model
as HEAD has it, and then do what every promotion does: a holdout, drafts, a run without credentials, a commit
on a branch. Inference tests that are missing are frozen from a run.
"""

from dataclasses import replace
from pathlib import Path

from mlroad.core.files import remove
from mlroad.core.git import dirty_files
from mlroad.core.problems import UserError
from mlroad.core.text import quoted, some
from mlroad.data.store import find
from mlroad.guard.guard_settings import load_settings
from mlroad.models.suite import CASES, FOLDER, SUITE
from mlroad.promote.conflicts import refuse_unfinished
from mlroad.promote.fetch_tag import Prototype, public_address
from mlroad.promote.make_promotion_plan import (
    check_contract,
    check_free,
    check_identity,
    has_model,
    metrics_in,
    without_old_metrics,
)
from mlroad.promote.merge_versions import first_version
from mlroad.promote.place_datasets import bring_data
from mlroad.promote.promotion import complete, create_branch, stage_datasets
from mlroad.promote.promotion_plan import Plan, Promoted, PromoteOptions, Tell
from mlroad.promote.provenance import FILE
from mlroad.promote.question import dataset_inputs, pipeline_of
from mlroad.promote.read_commit import entries, read
from mlroad.promote.run_without_credentials import run_or_refuse
from mlroad.promote.take import take
from mlroad.promote.workbench import Blob, Workbench, workbench
from mlroad.steps.new_model import check_name


def promote_here(root: Path, folder: Path, options: PromoteOptions, tell: Tell) -> Promoted:
    """Promote the model in ``folder`` of this repo. Raises UserError, and changes nothing, if it cannot."""
    place = folder.resolve().relative_to(root.resolve()).as_posix()
    name = options.name or folder.resolve().name
    check_name(name)
    check_identity(root)
    refuse_unfinished(root)
    _check_place(root, place, name)
    with workbench(root) as bench:
        plan = _plan(bench, place, name, options, tell)
        check_free(bench.root, plan)
        if not options.run:
            plan = without_old_metrics(bench, plan, place, tell)
        plan = stage_datasets(bench, plan, options.target)
        tree = first_version(bench, plan.taken, plan.replaced).tree
        made = complete(bench, plan, tree, options, tell)
        create_branch(bench, made, tell)
        return made


def _check_place(root: Path, place: str, name: str) -> None:
    target = root / "models" / name
    if place == f"models/{name}":
        if (target / FILE).is_file():
            what = f"{place} was promoted already: it has a {FILE}."
            raise UserError(what, "`mlroad check` lists what is missing.")
    elif has_model(root, name):
        raise UserError(f"models/{name} already exists.", "Promote under another name: --as NAME.")
    if changed := dirty_files(root, place):
        what = f"There are changes that are not committed: {some(changed)}."
        raise UserError(what, f"Commit them first: git add {quoted(place)} && git commit")


def _plan(bench: Workbench, place: str, name: str, options: PromoteOptions, tell: Tell) -> Plan:
    head, settings = bench.head, load_settings(bench.root)
    there = read(bench, entries(bench, head, f"{place}/"), settings.max_file_mb)
    files = {f"models/{name}/{path.removeprefix(f'{place}/')}": blob for path, blob in there.items()}
    if f"models/{name}/{FOLDER}/{SUITE}" not in files:
        files |= _frozen(bench, name, files, options, tell)
    # A commit that only the workbench has: the factory as if the model were complete.
    commit = bench.commit(bench.tree(name, files), "The model here", head)
    taken = take(bench, Prototype("", "", commit), name, name, settings.max_file_mb)
    check_contract(taken)
    taken = replace(taken, model=Path(place).name, tree=bench.run("rev-parse", f"{head}:{place}").text)
    prototype = Prototype(public_address(str(bench.root)), head[:12], head)
    return Plan(prototype, taken, None, metrics_in(taken), str(bench.root))


def _frozen(
    bench: Workbench, name: str, files: dict[str, Blob], options: PromoteOptions, tell: Tell
) -> dict[str, Blob]:
    """The inference tests of a run on the model's own data."""
    folder = f"models/{name}"
    if not options.run:
        what = f"{folder} has no inference tests, and --no-run does not make any."
        raise UserError(
            what, f"Leave --no-run out, or run `mlroad run {folder}` and `mlroad freeze {folder}`."
        )
    bench.check_out(bench.tree(name, files), folder, "datasets")
    for reference in dataset_inputs(pipeline_of(bench.stage / folder)).values():
        bring_data(bench, find(bench.stage, reference), None)
    for command in (("run", folder, "--quiet"), ("freeze", folder)):
        tell(f"Running `mlroad {command[0]} {folder}`, because it has no inference tests.")
        run_or_refuse(bench, f"`mlroad {command[0]} {folder}` fails", *command)
    made = [file for file in (bench.stage / folder / FOLDER).iterdir() if file.name in (SUITE, CASES)]
    found = {f"{folder}/{FOLDER}/{file.name}": Blob("100644", file.read_bytes()) for file in made}
    remove(bench.stage)  # the prototype's code ran there
    return found
