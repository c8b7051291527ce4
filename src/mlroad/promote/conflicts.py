"""A promotion with conflicts: git shows them in the working tree, and a person resolves and stages them.

A file in .git/ remembers what was being promoted, until `--continue` completes it or `--abort` undoes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mlroad.core.files import write_json
from mlroad.core.git import current_branch, dirty_files, run_git
from mlroad.core.git_addresses import without_login
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import quoted, some
from mlroad.guard.file_checks import check_conflicts
from mlroad.guard.guarded_files import GuardedFile
from mlroad.promote.fetch_tag import address_of
from mlroad.promote.merge_versions import Merged
from mlroad.promote.promotion_plan import Plan, PromoteOptions
from mlroad.promote.workbench import Workbench

_FILE = "mlroad-promotion.json"
_REF = "refs/mlroad/promotion"
"""Keeps the prototype's version from being deleted by git while it is needed."""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """A promotion that waits for a person: its branch, and the files with conflicts."""

    branch: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is being promoted, and what was checked out before."""

    source: str
    commit: str
    """The commit that the tag named."""
    model: str
    name: str
    target: str
    run: bool
    tolerance: float
    branch: str
    before: str
    """The branch or the commit to go back to."""
    head: str
    touched: tuple[str, ...] = ()
    """The files that the promotion changed in the working tree."""

    @classmethod
    def of(cls, options: PromoteOptions, plan: Plan, bench: Workbench) -> Unfinished:
        """A promotion that starts now."""
        return cls(
            source=f"{without_login(address_of(plan.address))}@{plan.prototype.tag}",
            commit=plan.prototype.commit,
            model=plan.taken.model,
            name=plan.taken.name,
            target=options.target,
            run=options.run,
            tolerance=options.tolerance,
            branch=plan.branch,
            before=current_branch(bench.root) or bench.head,
            head=bench.head,
        )


def show_conflicts(bench: Workbench, merged: Merged, unfinished: Unfinished) -> Conflicts:
    """Check the branch out with the conflicts. Raises UserError if anything is not committed."""
    root = bench.root
    if changed := dirty_files(root, untracked=False):
        what = f"The prototype and the factory changed the same lines of {some(list(merged.conflicts))}."
        fix = f"To resolve them in the working tree, first commit or stash {some(changed)}."
        raise UserError(what, fix)
    bench.run("update-ref", "refs/heads/theirs", merged.theirs)
    options = ("--quiet", "--no-tags", "--no-write-fetch-head")
    run_git(root, "fetch", *options, str(bench.git), f"+refs/heads/theirs:{_REF}", check=True)
    write_json(_state_file(root), asdict(unfinished))
    run_git(root, "switch", "--quiet", "--create", unfinished.branch, check=True)
    # A three-way merge whose base is the parent of the picked commit: what was promoted before.
    run_git(root, "cherry-pick", "--no-commit", _REF)
    touched = tuple(dirty_files(root, untracked=False))
    write_json(_state_file(root), asdict(replace(unfinished, touched=touched)))
    return Conflicts(unfinished.branch, tuple(_unmerged(root)) or merged.conflicts)


def resolved_tree(root: Path, unfinished: Unfinished) -> str:
    """The tree with all conflicts resolved. Raises UserError if some are left."""
    here = current_branch(root)
    if here != unfinished.branch:
        what = (
            f"The promotion is on the branch {unfinished.branch}, and {here or 'no branch'} is checked out."
        )
        raise UserError(what, f"Change to it: git switch {unfinished.branch}")
    if left := _unmerged(root):
        fix = "Resolve them, and stage each file: git add FILE"
        raise UserError(f"There are conflicts in {some(left)}.", fix)
    folder = f"models/{unfinished.name}"
    inside = (f"{folder}/", "datasets/")
    names = ("-z", "--no-renames", "--name-only", "--relative")
    if changed := run_git(root, "diff", *names, "--", *inside, check=True).names:
        what = f"There are changes that are not staged: {some(changed)}."
        raise UserError(what, "Stage them (git add), or undo them.")
    staged = run_git(root, "diff", "--cached", *names, check=True).names
    if others := [name for name in staged if not name.startswith(inside)]:
        what = f"There are staged changes that are not of the promotion: {some(others)}."
        raise UserError(
            what, f"Commit them later. For now: git restore --staged {' '.join(map(quoted, others))}"
        )
    staged = run_git(
        root, "diff", "-z", "--cached", "--no-renames", "--name-only", "--diff-filter=AM", "--", folder
    ).names
    if markers := [problem for name in staged for problem in _markers(root, name)]:
        raise UserError(markers)
    tree = run_git(root, "write-tree", check=True).text
    if not _took_anything(root, unfinished, tree):
        what = f"Nothing of {folder} differs from what it was: the new version was reset."
        raise UserError(what, "Undo the promotion with `mlroad promote --abort`, and start it again.")
    return tree


def _took_anything(root: Path, unfinished: Unfinished, tree: str) -> bool:
    """Whether the tree has something new, or a person resolved a conflict with the factory's lines."""
    folder = f"models/{unfinished.name}"
    if not run_git(root, "diff-tree", "-r", "--quiet", unfinished.head, tree, "--", folder).ok:
        return True
    return bool(run_git(root, "ls-files", "--resolve-undo", "-z", "--", folder, check=True).names)


def put_in_place(root: Path, tree: str, commit: str, head: str) -> None:
    """Bring the branch from ``head`` to the commit, and the working tree from the resolved files.

    Raises UserError, and changes nothing, if a file of the commit would replace one that git does not know.
    """
    tried = run_git(root, "read-tree", "--dry-run", "-m", "-u", tree, commit)
    if not tried.ok:
        what = tried.reason.removeprefix("error: ").rstrip(".")
        raise UserError(f"{what}.", "Move it away, and repeat: mlroad promote --continue")
    run_git(root, "update-ref", "HEAD", commit, head, check=True)  # fails if the branch has moved
    run_git(root, "read-tree", "-m", "-u", tree, commit, check=True)
    run_git(root, "cherry-pick", "--quit")


def abort(root: Path) -> str:
    """Undo a promotion with conflicts; returns the branch that is checked out again.

    Edits of files that the promotion did not touch stay, and so does a branch that has commits of its own.
    Raises UserError, and changes nothing, if edits that are not staged would be lost.
    """
    unfinished = load_unfinished(root)
    if current_branch(root) == unfinished.branch:
        _undo_merge(root, unfinished)
        run_git(root, "switch", "--quiet", *_target(unfinished), check=True)
    if run_git(root, "rev-parse", f"refs/heads/{unfinished.branch}").text == unfinished.head:
        run_git(root, "branch", "--quiet", "-D", unfinished.branch)
    forget_unfinished(root)
    return current_branch(root) or unfinished.before


def _undo_merge(root: Path, unfinished: Unfinished) -> None:
    changed = set(run_git(root, "diff", "-z", "--name-only", check=True).names) - set(_unmerged(root))
    if lost := sorted(changed & set(unfinished.touched)):
        what = f"Your edits of {some(lost)} would be lost: they are not staged."
        fix = f"Copy what you need. Then: git add {' '.join(map(quoted, lost))} && mlroad promote --abort"
        raise UserError(what, fix)
    mine = sorted(set(dirty_files(root, untracked=False)) - set(unfinished.touched))
    if mine and unfinished.touched:  # `reset --merge` keeps only what is not staged
        literal = {"GIT_LITERAL_PATHSPECS": "1"}
        run_git(root, "reset", "--quiet", "--", *mine, environment=literal, check=True)
    run_git(root, "reset", "--quiet", "--merge", check=True)


def load_unfinished(root: Path) -> Unfinished:
    """The promotion that waits. Raises UserError if there is none."""
    try:
        return Unfinished(**json.loads(_state_file(root).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(
            "No promotion is unfinished here.", "Start one: mlroad promote REPO@TAG MODEL"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        problem = Problem(
            Position(_state_file(root)), "MR835", f"This file cannot be read: {error}.", "Delete it."
        )
        raise UserError(problem) from None


def refuse_unfinished(root: Path) -> None:
    """Raises UserError if a promotion waits."""
    if _state_file(root).is_file():
        branch = load_unfinished(root).branch
        fix = "Complete it with `mlroad promote --continue`, or undo it with `mlroad promote --abort`."
        raise UserError(f"A promotion to the branch {branch} is unfinished.", fix)


def forget_unfinished(root: Path) -> None:
    """Delete what remembers it."""
    run_git(root, "update-ref", "-d", _REF)
    _state_file(root).unlink(missing_ok=True)


def _target(unfinished: Unfinished) -> tuple[str, ...]:
    is_commit = unfinished.before == unfinished.head
    return ("--detach", unfinished.before) if is_commit else (unfinished.before,)


def _unmerged(root: Path) -> list[str]:
    return run_git(root, "diff", "-z", "--name-only", "--relative", "--diff-filter=U", check=True).names


def _markers(root: Path, name: str) -> list[Problem]:
    path = Path(name)
    data = run_git(root, "cat-file", "blob", f":{name}", check=True).data
    return check_conflicts(GuardedFile(path, name, path, data))


def _state_file(root: Path) -> Path:
    return root / run_git(root, "rev-parse", "--git-path", _FILE, check=True).text
