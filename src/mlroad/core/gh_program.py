"""GitHub's program `gh`, started as a process. Every call of it goes through `run_gh`."""

import os
import shutil
import subprocess
from pathlib import Path

from mlroad.core.git import GitOutput

INSTALL = "Install it: https://cli.github.com"
_SECONDS = 60


def has_gh() -> bool:
    """Whether `gh` is installed."""
    return shutil.which("gh") is not None


def run_gh(*arguments: str, folder: Path | None = None) -> GitOutput:
    """What `gh` printed, and its exit code. It asks nothing. It fails like git if it is not installed."""
    # Found by its full name, because Windows looks for programs in the current folder first.
    command = [shutil.which("gh") or "gh", *arguments]
    environment = {**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=_SECONDS,
        )  # fmt: skip
    except FileNotFoundError:
        return GitOutput(127, b"", "gh is not installed")
    except (OSError, subprocess.TimeoutExpired) as error:
        return GitOutput(1, b"", str(error))
    return GitOutput(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
