"""`--publish`: pull the branch `registry`, change the registry, push; retry if someone else pushed first."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlroad.core.locks import locked
from mlroad.registry.branch import BranchMovedError, RegistryBranch
from mlroad.registry.branch_git import BRANCH
from mlroad.registry.local_registry import LocalRegistry, read_change

TRIES = 5
_T = TypeVar("_T")


def publish(root: Path, action: Callable[[LocalRegistry], _T], describe: Callable[[_T], str]) -> _T:
    """Pull, do ``action``, push. Retry if someone else pushed first, up to five times.

    ``action`` must be repeatable. Raises BranchMovedError, GitFailed, UserError, and what ``action`` raises.
    """
    branch = RegistryBranch(root)
    with locked(branch.folder / ".publish.lock"):
        for attempt in range(TRIES):
            if attempt:
                # Two processes must not retry at the same time.
                time.sleep(random.uniform(0.1, 0.5) * attempt)  # noqa: S311
            mine = read_change(branch.folder) != "local"
            branch.pull(discard=mine)
            result = action(LocalRegistry(branch.folder, changes="publish"))
            try:
                branch.push(describe(result))
            except BranchMovedError:
                if not mine:
                    raise
                continue
            return result
    raise BranchMovedError(
        f"Others pushed to the branch {BRANCH} first, {TRIES} times in a row. Run the command again."
    )
