"""Ask an exported model in .NET: the runtime `dotnet` of `mlroad test`.

The harness is in the factory, below harness/dotnet. It only asks; the judge is the one of all runtimes.
"""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of_bytes
from mlroad.core.files import write_text
from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.repo import DOTNET_HARNESS, has_dotnet_harness
from mlroad.core.text import quoted
from mlroad.models.case_answers import CASE_ANSWERS, CaseAnswers, read_case_answers
from mlroad.models.inference_verdict import Latency
from mlroad.models.model_process import ModelBroken

_BUILT = Path("Cli/bin/Release/net10.0/inference-harness.dll")
_NO_SDK = "There is no .NET SDK on this machine."


@dataclass(frozen=True, slots=True)
class DotnetFigures:
    """Times in milliseconds, memory in megabytes."""

    load_ms: float
    """The time to load the model; with ``first_ms``, the cold start."""
    first_ms: float
    latency: Latency | None
    """None if the model refuses a golden case."""
    answers_per_second: float
    peak_mb: float


def why_no_dotnet(root: Path) -> UserError | None:
    """Why models cannot be asked in .NET here; None if they can."""
    if not has_dotnet_harness(root):
        return UserError(
            f"This repo has no .NET harness: {DOTNET_HARNESS.as_posix()} is missing.",
            "Answer `dotnet: true` in an update: `mlroad update --data dotnet=true`.",
        )
    if shutil.which("dotnet") is None:
        return UserError(_NO_SDK, "Install it (https://dot.net), or choose another --runtime.")
    return None


def dotnet_answers(
    root: Path, folder: Path, concurrency: int = 1
) -> tuple[dict[str, CaseAnswers], DotnetFigures]:
    """The answers to all cases of an exported model, by the ids of the cases, and what was measured.

    Raises UserError without a harness or an SDK, and ModelBroken if the model or the cases cannot be used.
    """
    if missing := why_no_dotnet(root):
        raise missing
    _refuse_built_files(root)
    harness = (root / DOTNET_HARNESS).resolve()
    dotnet = shutil.which("dotnet") or "dotnet"
    build(dotnet, harness)
    command = [dotnet, str(harness / _BUILT), "answer", str(folder.resolve())]
    with tempfile.TemporaryDirectory(prefix="mlroad-answers-") as temporary:
        file = Path(temporary).resolve() / CASE_ANSWERS
        done = _run([*command, "--out", str(file), "--concurrency", str(concurrency)], harness)
        if done.returncode:
            raise ModelBroken(
                (done.stderr or done.stdout).strip() or f"the harness ended with code {done.returncode}"
            )
        try:
            return read_case_answers(file), _figures(json.loads(done.stdout))
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelBroken(f"the .NET harness wrote answers that cannot be read: {error}") from None


def _refuse_built_files(root: Path) -> None:
    """Raises UserError for build output in git: MSBuild would take it for its own."""
    places = [f":(glob){DOTNET_HARNESS.as_posix()}/*/{name}/**" for name in ("bin", "obj")]
    if built := run_git(root, "ls-files", "-z", "--", *places).names:
        what = f"{built[0]} is build output in git, which would run in the place of the source."
        raise UserError(what, f"Remove it: git rm -r --cached {quoted(Path(built[0]).parent)}")


def _figures(said: dict[str, Any]) -> DotnetFigures:
    times = said["latency"]
    latency = times and Latency(times["p50_ms"], times["p95_ms"], times["p99_ms"])
    return DotnetFigures(
        said["load_ms"], said["first_ms"], latency, said["answers_per_second"], said["peak_mb"]
    )


def build(dotnet: str, harness: Path) -> None:
    """Build the program, unless the one there was built from these sources. Raises UserError.

    MSBuild would find that out as well, in two seconds of processor time.
    """
    note = harness / _BUILT.with_name("built-from.txt")
    with suppress(OSError):
        if note.read_text(encoding="utf-8") == _listing(harness):
            return
    note.unlink(missing_ok=True)
    # No compiler stays behind: it would keep the pipes open, and this process waiting.
    alone = ["-nodeReuse:false", "-p:UseSharedCompilation=false"]
    done = _run([dotnet, "build", "-c", "Release", "-v", "q", "--nologo", *alone, "Cli"], harness)
    if done.returncode:
        lines = sorted({line for line in done.stdout.splitlines() if "error" in line})
        raise UserError("The .NET harness cannot be built:\n" + "\n".join(lines or [done.stdout[-2000:]]))
    with suppress(OSError):
        write_text(note, _listing(harness))


def _listing(harness: Path) -> str:
    """The digests of all sources, and of the program. Raises OSError without the program."""
    files = [
        file
        for file in sorted(harness.rglob("*"))
        if file.is_file() and not {"bin", "obj", "TestResults"} & {*file.relative_to(harness).parts}
    ]
    files += [harness / _BUILT, harness / _BUILT.with_name("MLRoad.Inference.dll")]
    return "".join(
        f"{digest_of_bytes(file.read_bytes())} {file.relative_to(harness).as_posix()}\n" for file in files
    )


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOTNET_NOLOGO": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
