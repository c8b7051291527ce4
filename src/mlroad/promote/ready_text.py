"""The answer of `mlroad ready`, for people and for programs."""

import json
from collections.abc import Iterator

from mlroad.core.git import run_git
from mlroad.core.text import quoted
from mlroad.promote.ready_item import Item, Readiness

_MOST = 5
"""Problems of one item in the text."""


def as_text(found: Readiness, *, quiet: bool = False) -> str:
    """Each item with its problems, then how many are left. ``quiet``: only what is left."""
    lines = [] if quiet else [it if it.startswith("failed: ") else f"did: {it}" for it in found.did]
    shown = found.left if quiet else found.items
    lines += [line for it in shown for line in _item(it)]
    return "\n".join([*lines, *_end(found)])


def as_json(found: Readiness) -> str:
    """The same for programs."""
    content = {
        "model": found.name,
        "ready": not found.left,
        "left": len(found.left),
        "of": len(found.items),
        "tag": found.tag or None,
        "next_tag": found.next_tag,
        "did": list(found.did),
        "items": [it.json() for it in found.items],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _item(it: Item) -> Iterator[str]:
    note = f"  ({it.note})" if it.note else ""
    by_fix = f"  (--fix: {it.remedy})" if it.remedy else ""
    yield f"{'done' if it.done else 'LEFT'}  {it.name}{note}{by_fix}"
    yield from (f"      {problem}" for problem in it.problems[:_MOST])
    if (more := len(it.problems) - _MOST) > 0:
        yield f"      and {more} more: see --json"


def _end(found: Readiness) -> Iterator[str]:
    model, left = found.model.as_posix(), found.left
    if left:
        yield f"{model}: {len(left)} of {len(found.items)} left: {', '.join(it.name for it in left)}"
        by_fix = [it.name for it in left if it.remedy and it.name != "tagged"]
        by_hand = [it.name for it in left if not it.remedy]
        if by_fix or not by_hand:
            yield f"next: mlroad ready {quoted(found.model)} --fix"
        if by_hand:
            yield f"by hand: {', '.join(by_hand)}"
        return
    yield f"{model}: ready, as {found.tag}"
    remote = run_git(found.root, "remote", "get-url", "origin")
    where = remote.text if remote.ok else found.root.resolve().as_posix()
    if remote.ok:
        yield f"next: git push origin HEAD {found.tag}"
    yield f"then, in the factory: mlroad promote {quoted(f'{where}@{found.tag}')} {found.name}"
