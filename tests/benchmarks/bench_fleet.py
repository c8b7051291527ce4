"""How long `mlroad fleet` takes for 200 clones, half of them factories with a champion in their registry."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from tests.benchmarks.timing import MLROAD, median, seconds
from tests.support import git
from tests.unit.fleet.small_repos import RELEASES, make_clone, make_template
from tests.unit.registry.repos import make_repo, make_run

CLONES = 200


def main() -> None:
    """Print ``name: value (target)`` lines; medians of three runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as name:
        folder = Path(name)
        template = make_template(folder / "template", *RELEASES)
        prototype = make_clone(folder / "prototype", template, "v1.0.0")
        factory = make_clone(folder / "factory", template, "v1.1.0", factory="registry: local\n")
        git(factory, "fetch", "--quiet", str(_registry(folder)), "registry:refs/remotes/origin/registry")
        for number in range(CLONES):
            shutil.copytree((prototype, factory)[number % 2], folder / "clones" / f"repo-{number}")
        words = ["fleet", "clones", "--html", "fleet.html"]
        taken = median(partial(seconds, [*MLROAD, *words], folder), runs=3)
        print(f"fleet: {CLONES} clones: {taken:.1f} s (target 20)")


def _registry(folder: Path) -> Path:
    """A bare repo with the branch of a registry with a champion."""
    repo, bare = folder / "made", folder / "origin.git"
    make_repo(repo)
    git(folder, "init", "--quiet", "--bare", str(bare))
    git(repo, "remote", "add", "origin", str(bare))
    words = ["register", "diabetes", "--run", make_run(repo, 1), "--dev-run", make_run(repo, 1, "dev")]
    for command in (words, ["approve", "diabetes"], ["registry", "push"]):
        seconds([*MLROAD, *command], repo)
    return bare


if __name__ == "__main__":
    main()
