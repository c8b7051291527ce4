"""Run an exported model's inference tests in .NET: the runtime `dotnet` of `mlroad test`.

The harness is in the factory, below harness/dotnet. It is built when it has changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.models.model_process import ModelBroken

HARNESS = Path("harness/dotnet")
_BUILT = Path("Cli/bin/Release/net10.0/inference-harness.dll")


def run_harness(root: Path, folder: Path) -> dict[str, Any]:
    """The verdict of the harness on a folder that `mlroad export` wrote.

    Raises UserError without a harness or an SDK, and ModelBroken if the model or the suite cannot be used.
    """
    harness = (root / HARNESS).resolve()
    if not (harness / "Cli").is_dir():
        raise UserError(
            f"This repo has no .NET harness: {HARNESS.as_posix()} is missing.",
            "Answer `dotnet: true` in an update: `mlroad update --data dotnet=true`.",
        )
    dotnet = shutil.which("dotnet")
    if dotnet is None:
        raise UserError(
            "There is no .NET SDK on this machine.",
            "Install it (https://dot.net), or choose another --runtime.",
        )
    _build(dotnet, harness)
    done = _run([dotnet, str(harness / _BUILT), "test", str(folder.resolve()), "--json"], harness)
    if done.returncode not in (0, 1):
        raise ModelBroken(
            (done.stderr or done.stdout).strip() or f"the harness ended with code {done.returncode}"
        )
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def _build(dotnet: str, harness: Path) -> None:
    # No compiler stays behind: it would keep the pipes open, and this process waiting.
    alone = ["-nodeReuse:false", "-p:UseSharedCompilation=false"]
    done = _run([dotnet, "build", "-c", "Release", "-v", "q", "--nologo", *alone, "Cli"], harness)
    if done.returncode:
        lines = sorted({line for line in done.stdout.splitlines() if "error" in line})
        raise UserError("The .NET harness cannot be built:\n" + "\n".join(lines or [done.stdout[-2000:]]))


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOTNET_NOLOGO": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
