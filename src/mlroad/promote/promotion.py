"""`mlroad promote`: a model from a prototype's tag becomes one commit on a branch, or nothing at all."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mlroad.azure.data_assets import DataAssets
from mlroad.azure.register_data import registered_text
from mlroad.core.factory_settings import load_settings as load_factory_settings
from mlroad.core.files import remove
from mlroad.core.git import run_git
from mlroad.core.problems import Problem, UserError
from mlroad.data.store import find
from mlroad.gate.factory_rules import check_factory
from mlroad.guard.guard_settings import load_settings
from mlroad.pipeline.check_repo import check_and_count
from mlroad.promote.conflicts import (
    Conflicts,
    Unfinished,
    forget_unfinished,
    load_unfinished,
    put_in_place,
    refuse_unfinished,
    resolved_tree,
    show_conflicts,
)
from mlroad.promote.factory_drafts import model_question, update_data, write_drafts
from mlroad.promote.fetch_tag import Prototype, not_in_origin, parse_source
from mlroad.promote.make_promotion_plan import check_free, check_identity, make_plan, without_old_metrics
from mlroad.promote.merge_versions import Merged, as_in_factory, first_version, merge_versions
from mlroad.promote.place_datasets import keep_large_data, place_datasets, replacements
from mlroad.promote.promotion_plan import Plan, Promoted, PromoteOptions, Tell
from mlroad.promote.proof import TRIED, Proof, run_as_prototyped, try_drafts
from mlroad.promote.provenance import FILE, Provenance, requirements_digest
from mlroad.promote.pull_request import pull_request_body
from mlroad.promote.take import take
from mlroad.promote.workbench import Workbench, workbench, write_files
from mlroad.run.model_folder import ModelFolder
from mlroad.steps.new_model import check_name
from mlroad.steps.sync import sync


def promote(root: Path, source: str, model: str, options: PromoteOptions, tell: Tell) -> Promoted | Conflicts:
    """Promote a model. Raises UserError, and changes nothing, if anything prevents it.

    Only if the prototype and the factory changed the same lines, the branch is checked out with the
    conflicts, as git shows them.
    """
    repo, tag = parse_source(source)
    model = _name_of(model)
    if options.name:
        check_name(options.name)
    check_identity(root)
    refuse_unfinished(root)
    with workbench(root) as bench:
        plan = make_plan(bench, repo, tag, model, options)
        check_free(bench.root, plan)
        if warning := not_in_origin(repo, plan.prototype):
            tell(warning)
        if not options.run:
            plan = without_old_metrics(bench, plan, f"models/{model}", tell)
        plan = stage_datasets(bench, plan, options.target)
        merged = _merge(bench, plan)
        if merged.conflicts:
            return show_conflicts(bench, merged, Unfinished.of(options, plan, bench))
        made = complete(bench, plan, merged.tree, options, tell)
        create_branch(bench, made, tell)
        return made


def _name_of(model: str) -> str:
    """The name of a model that may be given as a folder: models/churn. Raises UserError."""
    found = re.fullmatch(r"(?:models[/\\])?([^/\\]+)[/\\]?", model)
    name = found[1] if found else ""
    if name in ("", ".", ".."):
        raise UserError(f"{model} is not the name of a model.", "Name one of the prototype, such as churn.")
    return name


def resume(root: Path, tell: Tell) -> Promoted:
    """Complete a promotion whose conflicts are resolved. Raises UserError if they are not."""
    unfinished = load_unfinished(root)
    tree = resolved_tree(root, unfinished)
    repo, tag = parse_source(unfinished.source)
    options = PromoteOptions(unfinished.name, unfinished.target, unfinished.run, unfinished.tolerance)
    with workbench(root) as bench:
        plan = make_plan(bench, repo, tag, unfinished.model, options)
        if plan.prototype.commit != unfinished.commit:
            what = f"The tag {tag} has moved since the promotion started, from {unfinished.commit[:10]}."
            raise UserError(what, "Undo the promotion with `mlroad promote --abort`, and make a new tag.")
        if not options.run:
            plan = without_old_metrics(bench, plan, f"models/{unfinished.model}", tell)
        plan = stage_datasets(bench, plan, options.target)
        made = complete(bench, plan, tree, options, tell)
        put_in_place(root, tree, made.commit, bench.head)
        forget_unfinished(root)
        _bring_data(bench, made, tell)
    return made


def create_branch(bench: Workbench, made: Promoted, tell: Tell) -> None:
    """Create the branch: the only change to the factory, and git makes it as a whole. Then bring its data."""
    run_git(bench.root, "update-ref", f"refs/heads/{made.branch}", made.commit, "0" * 40, check=True)
    _bring_data(bench, made, tell)


def _bring_data(bench: Workbench, made: Promoted, tell: Tell) -> None:
    """Bring the data that is not in git, and register what trains. Raises UserError if that fails."""
    keep_large_data(bench)
    try:
        for line in _register_data(bench, made.model):
            tell(line)
    except UserError as error:
        what = f"The branch {made.branch} is complete, but its data could not be registered: {error}"
        raise UserError(what, "Switch to it, and run: mlroad dataset register --all") from None


def stage_datasets(bench: Workbench, plan: Plan, target: str) -> Plan:
    """Write the datasets of the factory and of the prototype to the stage, and split off a holdout."""
    taken = plan.taken
    bench.check_out(bench.head, "datasets")
    prototype = Path(plan.address) if Path(plan.address).is_dir() else None
    new = place_datasets(bench, taken, prototype)
    write_files(bench.stage, taken.files)
    question = model_question(bench.stage, taken, target, plan.recorded)
    replaced = replacements(bench.stage, taken, plan.before.replaced if plan.before else {}, question)
    remove(bench.stage / "models")
    return replace(plan, new_datasets=new, replaced=replaced, question=question)


def _merge(bench: Workbench, plan: Plan) -> Merged:
    taken, before = plan.taken, plan.before
    if before is None or before.commit is None:
        return first_version(bench, taken, plan.replaced)
    old = Prototype(before.repo, before.tag, before.commit)
    base = take(bench, old, before.model, taken.name, load_settings(bench.root).max_file_mb)
    return merge_versions(
        bench,
        taken.name,
        as_in_factory(bench, base, before.replaced),
        as_in_factory(bench, taken, plan.replaced),
        plan.prototype.tag,
    )


def complete(bench: Workbench, plan: Plan, tree: str, options: PromoteOptions, tell: Tell) -> Promoted:
    """Complete the model of a merged tree, prove it, and make the commit, which no branch has yet."""
    name = plan.taken.name
    bench.check_out(tree, f"models/{name}")
    folder = bench.stage / "models" / name
    sync([folder])
    update_data(bench.stage, name)
    (folder / FILE).write_text(_provenance(plan).text(), encoding="utf-8", newline="\n")
    proof = Proof()
    # Code of the prototype runs in the stage, so each run is followed by a return to the files before it.
    tree = bench.snapshot(name)
    if options.run:
        proof = run_as_prototyped(bench, plan, options.tolerance, tell)
        bench.restore(tree, name)
    runtimes = TRIED if options.run else ("pyfunc",)
    drafted = write_drafts(bench.stage, name, plan.question, plan.recorded or proof.metrics, runtimes)
    tree = bench.snapshot(name)
    if options.run:
        proof, tree = try_drafts(bench, plan, tree, drafted, proof, tell)
    tree = bench.final_tree(tree, name)
    warnings = _check(bench.stage, name)
    body = pull_request_body(plan, proof, drafted, warnings)
    commit = _commit(bench, plan, tree, body)
    file = bench.root / ".mlroad" / f"{plan.branch.replace('/', '-')}.md"
    file.write_text(body, encoding="utf-8", newline="\n")
    return Promoted(plan.branch, name, plan.prototype.tag, commit, file)


def _register_data(bench: Workbench, name: str) -> Iterator[str]:
    """Register the dev data in the Azure ML workspace, if the factory uses one."""
    if load_factory_settings(bench.root).registry != "azureml":
        return
    assets = DataAssets(bench.root)
    for reference in ModelFolder(bench.stage, name).data("dev").values():
        version = find(bench.stage, reference)
        yield registered_text(version, assets.register(version))


def _provenance(plan: Plan) -> Provenance:
    taken = plan.taken
    prefix = f"models/{taken.name}/environment/"
    environment = {
        path.removeprefix(prefix): blob.data for path, blob in taken.files.items() if path.startswith(prefix)
    }
    return Provenance(
        repo=plan.prototype.repo,
        tag=plan.prototype.tag,
        commit=plan.prototype.commit,
        tree=taken.tree,
        model=taken.model,
        datasets={name: version.digest or "" for name, version in sorted(taken.versions.items())},
        replaced=plan.replaced,
        contract=taken.contract,
        requirements=requirements_digest(environment) if environment else "",
        metrics=plan.recorded,
    )


def _check(stage: Path, name: str) -> list[Problem]:
    """The warnings of `mlroad check` on the model. Raises UserError with its errors."""
    folder = stage / "models" / name
    found = [*check_and_count([folder])[0], *check_factory([folder])]
    shown = [replace(it, at=replace(it.at, file=_shown(it.at.file, stage))) for it in found]
    if errors := [it for it in shown if it.severity == "error"]:
        raise UserError(errors)
    return shown


def _shown(file: Path, stage: Path) -> Path:
    whole = file if file.is_absolute() else Path.cwd() / file
    return whole.relative_to(stage) if whole.is_relative_to(stage) else file


def _commit(bench: Workbench, plan: Plan, tree: str, body: str) -> str:
    message = f"feat({plan.taken.name}): promote {plan.prototype.tag} of {plan.prototype.repo}\n\n{body}"
    return run_git(
        bench.root, "commit-tree", tree, "-p", bench.head, "-F", "-", stdin=message, check=True
    ).text
