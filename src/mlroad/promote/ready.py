"""`mlroad ready`: what must still be done before a model can be promoted. One pass over the model's files."""

from pathlib import Path

from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.repo import find_root, is_factory, is_model
from mlroad.core.text import did_you_mean
from mlroad.gate.model_rules import check_card
from mlroad.pipeline.check_repo import check_and_load
from mlroad.promote.ready_code import by_item, environments, labels, not_taken, outside
from mlroad.promote.ready_data import (
    CARD_FILE,
    changed,
    data_of,
    list_of,
    unversioned,
    versions_of,
    without_licence,
)
from mlroad.promote.ready_evidence import evidence_of, metrics_item, tests_item
from mlroad.promote.ready_git import (
    committed_item,
    current_tag,
    next_tag,
    scope_of,
    secrets_item,
    tag_item,
)
from mlroad.promote.ready_item import Item, Readiness, item
from mlroad.promote.ready_requirements import check_requirements


def find_prototype(path: Path) -> tuple[Path, Path]:
    """The root of the repo and the folder of a model in it, which may be given by its name alone.

    Raises UserError for something else, and for a model that is in a factory already.
    """
    here = find_root(Path.cwd())
    by_name = here / "models" / path if here else path
    folder = path if is_model(path) or not is_model(by_name) else by_name
    if not is_model(folder):
        beside = sorted(it.name for it in (here / "models").glob("*") if is_model(it)) if here else []
        what = f"{path} is not a model folder: it has neither pipeline.yml nor steps/."
        raise UserError(what, did_you_mean(path.name, beside, "Name a folder such as models/my_model."))
    root = find_root(folder.resolve().parent)
    if root is None:
        raise UserError(f"{path} is not in a repo.", "Run `mlroad setup`.")
    if is_factory(root) and folder.resolve().parent == root.resolve() / "models":
        what = f"{path} is in a factory, so it needs no promotion."
        raise UserError(what, "`mlroad check` lists what is missing.")
    cwd = Path.cwd()
    if root.resolve() == cwd.resolve():
        return Path(), Path(folder.resolve().relative_to(cwd.resolve()))
    return root, folder


def examine(root: Path, model: Path) -> Readiness:
    """Everything that a promotion needs, and what is left. Nothing is changed, run or imported."""
    found, job, repo = check_and_load(model)
    problems = by_item(found)
    data = data_of(job)
    versions = versions_of(root, data.values())
    evidence = evidence_of(root, model, versions)
    scope = scope_of(root, model, versions)
    unresolved, not_verified = check_requirements(root, environments(job))
    committed = committed_item(root, model, scope)
    tag = current_tag(root, evidence.name, scope) if committed.done else ""
    following = next_tag(root, evidence.name)
    by_path = list(unversioned(data, root))
    datasets = [*problems["datasets"], *by_path, *changed(root, versions)]
    by_label = [*problems["latest"], *labels(model, repo, problems["latest"])]
    contract = [*problems["contract"], *outside(model, job, repo)]
    contract += not_taken(model, root, [*found, *contract, *datasets])
    items = (
        item("contract", contract),
        item("components", problems["components"], "write them (mlroad sync)"),
        item("datasets", datasets, _add(datasets), list_of(versions)),
        item("latest", by_label, _name_versions(by_label)),
        item("requirements", [*problems["requirements"], *unresolved], note=not_verified),
        tests_item(evidence),
        metrics_item(evidence),
        _card(model),
        item("licence", without_licence(root, model, versions, other_data=bool(by_path))),
        secrets_item(root, model),
        committed,
        tag_item(model, tag, following),
    )
    return Readiness(root, model, items, tag, following)


def _card(model: Path) -> Item:
    file = model / CARD_FILE
    if not file.is_file():
        what = "The model card is missing."
        return item("model card", [Problem(Position(file), "MR715", what, "Write what the model is for.")])
    return item("model card", check_card(model))


def _add(problems: list[Problem]) -> str:
    paths = [it for it in problems if it.code == "MR822" and "is a path" in it.what]
    return "create dataset versions" if paths else ""


def _name_versions(problems: list[Problem]) -> str:
    return "name the newest version" if any(it.code == "MR229" for it in problems) else ""
