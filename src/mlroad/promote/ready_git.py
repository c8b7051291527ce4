"""Whether a model is safe and stored: no secrets in it or in its history, committed, and tagged.

A tag is ``<model>-v<number>``, such as churn-v1: it is also part of a branch's name in the factory, and with
a slash, no tag could be named like the model. The tag must have the model and its dataset versions as they
are now; other files may differ.

Codes: MR828 not committed, MR829 not tagged; ``secret`` as in `mlroad guard`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from mlroad.core.git import Git, dirty_files, run_git
from mlroad.core.model_source import source_files
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import quoted
from mlroad.data.store import DATASETS, local_path
from mlroad.data.version import DatasetVersion
from mlroad.guard.commits import check_commits, commits_since
from mlroad.guard.guard_settings import load_settings
from mlroad.guard.guarded_files import all_files
from mlroad.guard.run_guards import check as run_guards
from mlroad.pipeline.repo_index import absolute
from mlroad.promote.ready_item import Item, item

_OTHER = re.compile(r"[a-z][a-z0-9_]*-v[0-9]+")
_NO_REPO = "This folder is not in a git repo."


def scope_of(root: Path, model: Path, versions: Sequence[DatasetVersion]) -> list[str]:
    """What a promotion takes, as paths from the root: the model, its dataset versions and their data."""
    found = [_below(root, model)]
    for version in versions:
        found.append(_below(root, version.file))
        found.append(_below(root, version.file.with_suffix(".sha256")))
        data = local_path(root, version)
        if not version.is_remote and data.resolve().is_relative_to((root / DATASETS).resolve()):
            found.append(_below(root, data))
    return found


def secrets_item(root: Path, model: Path) -> Item:
    """Secrets in the files of the model, and in every commit that changed them."""
    whole = absolute(root)
    if not Git(root).is_repo:
        return item("secrets", [Problem(Position(model), "MR828", _NO_REPO, "Run `mlroad setup`.")])
    settings = load_settings(whole)
    folder = [_below(root, model)]
    found = run_guards(all_files(whole, folder), settings, ("secrets", "large-files", "conflicts"))
    known = {(problem.what.partition(", in commit")[0]) for problem in found}
    try:
        past = check_commits(settings, commits_since(whole, "", folder), folder)
    except UserError as error:
        return item("secrets", [*found, Problem(Position(model), "secret", str(error), "")])
    return item("secrets", [*found, *(it for it in past if it.what.partition(", in commit")[0] not in known)])


def committed_item(root: Path, model: Path, scope: Sequence[str]) -> Item:
    """Every file is committed as it is, and git ignores none of the model's own."""
    if not Git(root).is_repo:
        return item("committed", [Problem(Position(model), "MR828", _NO_REPO, "Run `mlroad setup`.")])
    shown = " ".join(dict.fromkeys([quoted(scope[0]), *(DATASETS for name in scope[1:2])]))
    fix = f"git add {shown} && git commit"
    problems = [
        Problem(Position(root / name), "MR828", "This file is not committed.", f"Commit it: `{fix}`.")
        for name in dirty_files(root, *scope)
    ]
    for file in Git(root).ignored([path for _, path in source_files(model)]):
        what = "git ignores this file, so the factory would not get it."
        problems.append(Problem(Position(file), "MR828", what, "Change .gitignore, or remove the file."))
    return item("committed", problems)


def tags_of(root: Path, name: str) -> dict[int, str]:
    """The tags ``<name>-v<number>``, by number."""
    names = run_git(root, "tag", "--list", f"{name}-v*").text.splitlines()
    numbers = {tag.removeprefix(f"{name}-v"): tag for tag in names}
    return {int(number): tag for number, tag in sorted(numbers.items()) if number.isdecimal()}


def current_tag(root: Path, name: str, scope: Sequence[str]) -> str:
    """The tag that has everything in the scope as HEAD has it; empty if there is none."""
    own = tags_of(root, name)
    at_head = [
        tag for tag in run_git(root, "tag", "--points-at", "HEAD").text.splitlines() if _may_be(tag, name)
    ]
    newest = [own[max(own)]] if own else []
    for tag in [*(tag for tag in at_head if tag in own.values()), *newest, *at_head]:
        same = run_git(root, "diff", "--quiet", f"refs/tags/{tag}", "HEAD", "--", *scope)
        if same.code == 0:
            return tag
    return ""


def tag_item(model: Path, tag: str, following: str) -> Item:
    """A tag has the model as it is now."""
    if tag:
        return item("tagged", (), note=tag)
    what = "No tag has the model and its datasets as they are now."
    fix = f"`mlroad ready {quoted(model)} --tag` makes {following} when nothing else is left."
    return item("tagged", [Problem(Position(model), "MR829", what, fix)], f"tag {following}")


def next_tag(root: Path, name: str) -> str:
    return f"{name}-v{max(tags_of(root, name), default=0) + 1}"


def make_tag(root: Path, tag: str, message: str) -> None:
    """Tag HEAD with an annotated tag. Raises GitError, for example without a name for git."""
    run_git(root, "tag", "--annotate", "--file=-", tag, stdin=message, check=True)


def commit(root: Path, files: Sequence[str], message: str) -> str:
    """Commit only these files, with the repo's hooks. Returns the reason if git refuses, else nothing."""
    run_git(root, "add", "--", *files, check=True)
    done = run_git(root, "commit", "--quiet", "--only", "--message", message, "--", *files)
    return "" if done.ok else (done.errors.strip() or done.text)


def _may_be(tag: str, name: str) -> bool:
    """Whether a tag may be about this model: it is not named like those of another one."""
    return tag.startswith(f"{name}-v") or not _OTHER.fullmatch(tag)


def _below(root: Path, path: Path) -> str:
    return absolute(path).relative_to(absolute(root)).as_posix()
