"""The runner's overhead: against a bash script, per step, unchanged, in memory, per byte, with many steps."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.timing import MLROAD, median, ratio, seconds

_ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"


def main() -> None:
    """Print each figure with its target."""
    for name in ("CI", "MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as compiled:
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        repo = Path(folder)
        (repo / "datasets").mkdir()
        for measure in (_beside_bash, _empty_steps, _unchanged, _streaming, _many_steps):
            measure(repo)


def _beside_bash(repo: Path) -> None:
    """Ten steps of half a second, one after the other, and a script with the same commands."""
    work = "python -c 'import time; end = time.perf_counter() + 0.5\nwhile time.perf_counter() < end: pass'"
    _chain(repo, "bash", [work] * 10)
    script = repo / "steps.sh"
    path = f"export PATH={Path(sys.executable).parent}:$PATH\n"
    script.write_text(path + "\n".join([work] * 10), encoding="utf-8")
    times, ours, theirs = ratio(
        lambda: _run(repo, "bash", "--no-reuse"), lambda: seconds(["bash", script]), runs=3
    )
    print(
        f"ten steps of 0.5 s beside bash: {times:.3f} x (target 1.05 x); {ours:.2f} s beside {theirs:.2f} s",
        flush=True,
    )


def _empty_steps(repo: Path) -> None:
    """The cost of an additional step that does nothing: the slope between 5 and 45 steps."""
    for count in (5, 45):
        _chain(repo, f"empty{count}", ["echo"] * count)
    slopes = [
        (
            _run(repo, "empty45", "--no-reuse", "--jobs", "1")
            - _run(repo, "empty5", "--no-reuse", "--jobs", "1")
        )
        / 40
        for _ in range(5)
    ]
    print(f"a step that does nothing: {statistics.median(slopes) * 1000:.1f} ms (target 50 ms)", flush=True)


def _unchanged(repo: Path) -> None:
    """A second run of ten steps without changes; the whole process is timed."""
    _chain(repo, "same", ["echo a > ${{outputs.out}}/a"] * 10)
    _run(repo, "same")
    print(
        f"unchanged rerun of 10 steps: {median(lambda: _run(repo, 'same')):.2f} s (target 0.5 s)", flush=True
    )


def _streaming(repo: Path) -> None:
    """A step that writes 1 GB: only to its log, and through the display with a prefix on every line."""
    size = 1 << 30
    write = f"yes {'0123456789' * 8} | head -c {size}"
    _chain(repo, "small", ["echo"])
    _chain(repo, "log", [write])
    start = median(lambda: _run(repo, "small", "--no-reuse"), runs=3)
    bash = min(_unread(["bash", "-c", f"{write} > {repo / 'big.log'}"], repo) for _ in range(2))
    run = [*MLROAD, "run", "models/log", "--no-reuse", "--keep", "1"]
    for about, arguments in (("into its log", ["--quiet"]), ("and to the display", [])):
        taken = min(_unread([*run, *arguments], repo) for _ in range(2)) - start
        speed, beside = size / 1e6 / taken, size / 1e6 / bash
        print(
            f"1 GB of output {about}: {speed:.0f} MB/s (target 200 MB/s; bash alone {beside:.0f} MB/s)",
            flush=True,
        )
    print(
        f"memory of the runner, 1 GB of output: {_peak_memory(repo, 'log'):.0f} MB (target 80 MB)", flush=True
    )


def _many_steps(repo: Path) -> None:
    """Whether a step among 500 costs the same as one among 100."""
    each: dict[int, float] = {}
    for count in (100, 500):
        _chain(repo, f"many{count}", ["echo"] * count, wide=True)
        run = [*MLROAD, "run", f"models/many{count}", "--no-reuse", "--keep", "1", "--quiet"]
        each[count] = min(_unread(run, repo) for _ in range(3)) / count * 1000
    growth = each[500] / each[100]
    print(
        f"500 steps: {each[500]:.1f} ms a step, {growth:.2f} x that of 100 steps (linear: about 1 x)",
        flush=True,
    )


def _run(repo: Path, name: str, *arguments: str) -> float:
    return seconds([*MLROAD, "run", f"models/{name}", *arguments], cwd=repo)


def _unread(command: list[str], folder: Path) -> float:
    """The seconds that a command takes with its output discarded."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _peak_memory(repo: Path, name: str) -> float:
    """The peak resident size of the runner itself, in MB; 0 where there is no /proc."""
    command = [*MLROAD, "run", f"models/{name}", "--no-reuse", "--keep", "1"]
    process = subprocess.Popen(command, cwd=repo, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            found = status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()
            peak = max(peak, int(found[0]) if found else 0)
        time.sleep(0.05)
    return peak / 1024


def _chain(repo: Path, name: str, commands: list[str], wide: bool = False) -> None:
    """Write a model whose steps run one after the other, or all in parallel."""
    lines = ["type: pipeline", "jobs:"]
    for number, command in enumerate(commands):
        lines += [f"  s{number}:", "    type: command", f"    {_ENVIRONMENT}", "    command: |"]
        lines += [f"      {line}" for line in command.splitlines()]
        lines += ["    outputs: {out: {type: uri_folder}}"]
        if number and not wide:
            lines += [f"    inputs: {{before: '${{{{parent.jobs.s{number - 1}.outputs.out}}}}'}}"]
    folder = repo / "models" / name
    folder.mkdir(parents=True)
    (folder / "pipeline.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
