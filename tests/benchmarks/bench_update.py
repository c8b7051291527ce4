"""How long `mlroad update` of one version takes beside its `uv sync`, and the update matrix."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlroad.core.uv_program import find_uv
from tests.support import IDENTITY, call, clone_template, render
from tests.templates.whole_update import release

# Says how long `uv sync` took, and is otherwise the command itself.
_COMMAND = """
import time
from mlroad.cli import repo
from mlroad.cli.main import main
install = repo._install
def timed(folder):
    started = time.perf_counter()
    install(folder)
    print(f"uv sync took {time.perf_counter() - started:.3f}", flush=True)
repo._install = timed
main()
"""


def main() -> None:
    """Print the time for each template."""
    with tempfile.TemporaryDirectory() as folder:
        template = clone_template(Path(folder) / "template")
        release(template, "v9.0.0")
        page = template / "prototype_template/docs/tools.md"
        page.write_text(page.read_text(encoding="utf-8") + "\nA later release.\n", encoding="utf-8")
        release(template, "v9.1.0")
        for kind in ("prototype", "factory"):
            repo = render(
                template, Path(folder) / kind / "demo", "v9.0.0", template=kind, project_name="demo"
            )
            call([find_uv(), "sync", "--quiet"], repo)
            taken = [_once(repo) for _ in range(4)][1:]
            beside = statistics.median(total - sync for total, sync in taken)
            sync = statistics.median(sync for _, sync in taken)
            print(f"mlroad update, {kind}: {beside:.2f} s (target 3 s) and {sync:.2f} s uv sync", flush=True)
    subprocess.run([sys.executable, "-m", "tests.templates.update_matrix"], check=True)


def _once(repo: Path) -> tuple[float, float]:
    """Seconds of a whole update, and of its `uv sync`. The repo is as before, with the new environment."""
    command = [sys.executable, "-c", _COMMAND, "update", "--defaults", "--to", "v9.1.0"]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=repo, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=False
    )
    total = time.perf_counter() - started
    if done.returncode or not (sync := re.search(r"uv sync took ([\d.]+)", done.stdout)):
        raise SystemExit(done.stdout + done.stderr)
    call(["git", "reset", "--quiet", "--hard"], repo)
    call(["git", "clean", "--quiet", "-d", "--force"], repo)
    return total, float(sync[1])


if __name__ == "__main__":
    main()
