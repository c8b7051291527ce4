"""The text of a promotion's pull request, and opening it with GitHub's `gh`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlroad.core.gh_program import has_gh, run_gh
from mlroad.core.git import run_git
from mlroad.core.problems import Problem, UserError
from mlroad.core.text import count, number
from mlroad.promote.promotion_plan import TOLERANCE, Plan
from mlroad.promote.proof import Proof


def pull_request_body(plan: Plan, proof: Proof, drafted: Sequence[str], warnings: Sequence[Problem]) -> str:
    """What is promoted, from where, the figures side by side, and what needs a look."""
    return "\n".join(_lines(plan, proof, drafted, warnings)) + "\n"


def _lines(plan: Plan, proof: Proof, drafted: Sequence[str], warnings: Sequence[Problem]) -> Iterator[str]:
    taken, prototype = plan.taken, plan.prototype
    again = f" It was at `{plan.before.tag}` before; the factory's edits are merged." if plan.before else ""
    origin = "commit" if prototype.commit.startswith(prototype.tag) else "tag"
    yield f"`models/{taken.name}` from the {origin} `{prototype.tag}` of {prototype.repo}.{again}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| commit | `{prototype.commit}` |"
    yield f"| model in the prototype | `{taken.model}` |"
    for name, version in sorted(taken.versions.items()):
        new = ", new here" if name in plan.new_datasets else ""
        instead = f", trained on here: `{plan.replaced[name]}`" if name in plan.replaced else ""
        yield f"| dataset | `{name}`{new}{instead} (`{(version.digest or '')[:19]}…`) |"
    yield f"| step contract | version {taken.contract} |"
    yield ""
    yield "## Figures"
    yield ""
    yield from _figures(plan, proof)
    if drafted:
        yield ""
        yield "## Drafted by `mlroad promote`: please look at these"
        yield ""
        yield from (f"- `{path}`" for path in drafted)
    if warnings:
        yield ""
        yield "## Warnings of `mlroad check`"
        yield ""
        yield from (f"- `{it.at}`: {it.what} {it.fix}".rstrip() for it in warnings)


def _figures(plan: Plan, proof: Proof) -> Iterator[str]:
    recorded = plan.recorded
    names = list(dict.fromkeys([*recorded, *proof.metrics, *proof.on_holdout]))
    holdout = f" on the holdout `{proof.holdout}` |" if proof.holdout else ""
    if not names:
        yield "The prototype recorded no metrics, and nothing was run."
        return
    yield f"| metric | prototype | the same data here |{holdout}"
    yield "|---|---|---|" + ("---|" if holdout else "")
    for name in names:
        sides = [recorded, proof.metrics, *([proof.on_holdout] if holdout else [])]
        values = (number(side[name]) if name in side else "" for side in sides)
        yield f"| {name} | {' | '.join(values)} |"
    yield ""
    if not proof.cases:
        yield "The pipeline did not run for this promotion (`--no-run`): the pull request's checks run it."
    else:
        yield f"{count(proof.cases, 'inference test')} passed."
        if proof.tolerance != TOLERANCE:
            far = f"A metric could be as far as {proof.tolerance:g} times its value from the prototype's"
            yield f"{far} (`--tolerance {proof.tolerance:g}`, default: {TOLERANCE:g})."
    if plan.metrics is None:
        yield "The prototype has no metrics.json of this code: `mlroad ready --fix` writes it there."


def open_pull_request(root: Path, branch: str, title: str, body: Path) -> str:
    """Push the branch, and open a pull request with `gh`. Returns its address. Raises UserError."""
    if not has_gh():
        fix = f"Install it, or push the branch by hand: git push -u origin {branch}"
        raise UserError("GitHub's program gh is not installed. The branch is complete.", fix)
    pushed = run_git(root, "push", "--quiet", "--set-upstream", "origin", branch)
    if not pushed.ok:
        what = f"The branch {branch} is complete, but could not be pushed: {pushed.reason}."
        raise UserError(what, f"Push it by hand: git push -u origin {branch}")
    create = ("pr", "create", "--head", branch, "--title", title, "--body-file", str(body))
    done = run_gh(*create, folder=root)
    if not done.ok:
        what = f"The branch {branch} is pushed, but gh could not open a pull request: {done.reason}."
        raise UserError(what, f"Open it on GitHub. {body} has the text.")
    return done.text
