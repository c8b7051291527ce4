"""How long a pull request to a factory's sample model takes: all of pr.yml under act, with warm caches."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.support import clone_template, git, render
from tests.workflows.harness import Act


def main() -> None:
    """Print ``name: value (target)``: the better of two runs, because the first one fills uv's cache."""
    with tempfile.TemporaryDirectory(prefix="bench-pr-") as name:
        folder = Path(name)
        template = clone_template(folder / "template")
        repo = render(template, folder / "demo", template="factory", dotnet=False)
        base = git(repo, "rev-parse", "HEAD").strip()
        step = repo / "models" / "diabetes" / "steps" / "train.py"
        step.write_text(step.read_text(encoding="utf-8") + "# A change\n", encoding="utf-8", newline="\n")
        comments = folder / "comments"
        comments.mkdir()
        act = Act(folder / "act")
        taken = []
        for _ in range(2):
            started = time.perf_counter()
            arguments = ("--env", f"ACT_GH_COMMENTS={comments}")
            run = act.run(repo, workflow="pr.yml", base=base, arguments=arguments)
            taken.append(time.perf_counter() - started)
            if run.job("ci").result != "success":
                raise SystemExit(run.output)
    print(f"pull request: one model of all, under act: {min(taken):.0f} s (target 60)")


if __name__ == "__main__":
    main()
