"""Fetch a tag, and check everything that can be checked without running anything."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from mlroad.core.git import dirty_files, run_git
from mlroad.core.model_source import METRICS, source_digest
from mlroad.core.problems import UserError
from mlroad.core.template import ANSWERS, answer
from mlroad.core.text import some
from mlroad.guard.guard_settings import load_settings
from mlroad.promote.fetch_tag import Prototype, fetch_commit, fetch_tag, public_address
from mlroad.promote.promotion_plan import Plan, PromoteOptions, Tell
from mlroad.promote.prototype_metrics import PrototypeMetrics, parse_metrics
from mlroad.promote.provenance import Provenance, all_provenances, load_provenance, past_provenances
from mlroad.promote.read_commit import contents_of, entries
from mlroad.promote.scan_prototype import scan_prototype
from mlroad.promote.take import Taken, take
from mlroad.promote.workbench import Workbench, write_files
from mlroad.steps.contract import own_contract


def make_plan(bench: Workbench, repo: str, tag: str, model: str, options: PromoteOptions) -> Plan:
    """Fetch the tag, and check all that can be checked without running anything. Raises UserError."""
    settings = load_settings(bench.root)
    prototype = fetch_tag(bench, repo, tag)
    name = options.name or _name_here(bench, prototype, model)
    before = load_provenance(bench.root / "models" / name)
    check_tag(bench, prototype)
    _check_before(bench, repo, prototype, name, before)
    taken = take(bench, prototype, model, name, settings.max_file_mb)
    check_contract(taken, _template_version(bench, prototype.commit))
    names = [model, *([before.model] if before else [])]
    if problems := scan_prototype(bench, prototype.commit, names, settings):
        raise UserError(problems)
    return Plan(prototype, taken, before, metrics_in(taken), repo)


def metrics_in(taken: Taken) -> PrototypeMetrics | None:
    """The model's metrics.json. Raises UserError if it cannot be used."""
    found = taken.files.get(f"models/{taken.name}/{METRICS}")
    return parse_metrics(Path(f"models/{taken.model}/{METRICS}"), found.data) if found else None


def without_old_metrics(bench: Workbench, plan: Plan, folder: str, tell: Tell) -> Plan:
    """The plan without metrics.json if that is about other code. ``folder``: the model's at the commit.

    Only for promotions that do not run the model: a run compares its own metrics with the file.
    """
    if plan.metrics is None:
        return plan
    found = entries(bench, plan.prototype.commit, f"{folder}/")
    with tempfile.TemporaryDirectory(dir=bench.folder) as place:
        write_files(Path(place), contents_of(bench, found))
        source = source_digest(Path(place) / folder)
    if plan.metrics.source == source:
        return plan
    tell(f"{folder}/{METRICS} is about other code than the tag's, so it does not count.")
    return replace(plan, metrics=None)


def check_free(root: Path, plan: Plan) -> None:
    """Raises UserError if the branch exists, or files that the promotion writes are not committed."""
    _check_clean(root, plan.taken)
    if not run_git(root, "check-ref-format", "--branch", plan.branch).ok:
        what = f"{plan.branch} is not a valid name of a branch."  # because of the model's name
        raise UserError(what, "Promote under another name: --as NAME.")
    names = run_git(root, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", check=True).text
    for name in names.splitlines():
        if name == plan.branch:
            fix = f"Delete it to promote again: git branch -D {name}"
            raise UserError(f"The branch {name} already exists.", fix)
        if name.startswith(f"{plan.branch}/") or plan.branch.startswith(f"{name}/"):
            what = f"git cannot have the branch {plan.branch} beside the branch {name}."
            raise UserError(what, f"Delete or rename that one: git branch -m {name} NEW_NAME")


def check_identity(root: Path) -> None:
    """Raises UserError if git has no user name and email for a commit."""
    if not run_git(root, "var", "GIT_COMMITTER_IDENT").ok:
        fix = 'Run `git config user.name "…"` and `git config user.email "…"`.'
        raise UserError("git has no user name and email.", fix)


def has_model(root: Path, name: str) -> bool:
    """Whether the factory has files of a model. Those that git ignores, such as caches, do not count."""
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f"models/{name}")
    return bool(run_git(root, *listed, check=True).names)


def _name_here(bench: Workbench, prototype: Prototype, model: str) -> str:
    """The model's name in the factory: where it was promoted to before, or the same."""
    same = [
        name
        for name, it in all_provenances(bench.root).items()
        if it.model == model and it.repo == prototype.repo
    ]
    if len(same) > 1 and model not in same:
        what = f"{model} was promoted to {' and '.join(same)}."
        raise UserError(what, "Say which one is meant: --as NAME.")
    return same[0] if len(same) == 1 else model


def check_tag(bench: Workbench, prototype: Prototype) -> None:
    """Raises UserError if a model was ever promoted from this tag when it named another commit."""
    for file, it in past_provenances(bench):
        same = (it.repo, it.tag) == (prototype.repo, prototype.tag)
        if same and it.commit and it.commit != prototype.commit:
            raise _moved(file.parent.name, it.commit, prototype)


def _moved(name: str, commit: str, now: Prototype) -> UserError:
    what = (
        f"The tag {now.tag} has moved: models/{name} came from commit {commit[:10]}, "
        f"and it names {now.commit[:10]} now."
    )
    return UserError(what, "Make a new tag in the prototype, and leave old ones as they were.")


def _check_before(
    bench: Workbench, repo: str, prototype: Prototype, name: str, before: Provenance | None
) -> None:
    """Raises UserError if the factory's model cannot be the earlier version of this one."""
    if not has_model(bench.root, name):
        return
    if before is None or before.commit is None:
        what = f"models/{name} already exists and did not come from a prototype."
        raise UserError(what, "Promote under another name: --as NAME.")
    if before.tag == prototype.tag and before.commit != prototype.commit:  # under any address of the repo
        raise _moved(name, before.commit, prototype)
    if before.commit == prototype.commit:
        raise UserError(f"models/{name} is at {before.tag} already.", "There is nothing to promote.")
    if not fetch_commit(bench, repo, before.tag, before.commit):
        what = (
            f"models/{name} came from {before.repo}, commit {before.commit[:10]}, "
            f"which {public_address(repo)} does not have."
        )
        raise UserError(what, "Name that repo, or promote under another name: --as NAME.")
    if bench.run("merge-base", "--is-ancestor", prototype.commit, before.commit, check=False).ok:
        what = f"{prototype.tag} is older than {before.tag}, which models/{name} came from."
        raise UserError(what, "To go back, revert the commit of the last promotion.")


def check_contract(taken: Taken, version: str = "") -> None:
    """Raises UserError for steps that follow a contract that this factory does not know.

    ``version``: that of the template in the prototype.
    """
    if taken.contract > own_contract():
        what = (
            f"The steps of {taken.model} follow version {taken.contract} of the step contract, "
            f"and this factory knows versions up to {own_contract()}."
        )
        fix = "Update this factory first: `mlroad update`."
        if version:
            fix = (
                f"Update this factory to the template's version {version}, which the prototype has: "
                f"`mlroad update --to {version}`."
            )
        raise UserError(what, fix)


def _template_version(bench: Workbench, commit: str) -> str:
    """The version of the template that a prototype has; empty if it does not say."""
    version = answer(bench.run("cat-file", "blob", f"{commit}:{ANSWERS}", check=False).text, "_commit")
    return version if re.fullmatch(r"[\w.+-]+", version) else ""


def _check_clean(root: Path, taken: Taken) -> None:
    """Raises UserError if files that the promotion writes have changes that are not committed."""
    names = {version.name for version in taken.versions.values()}
    folders = [f"models/{taken.name}", *(f"datasets/{name}" for name in sorted(names))]
    if changed := dirty_files(root, *folders):
        what = f"There are changes that are not committed: {some(changed)}."
        raise UserError(what, "Commit or stash them first.")
