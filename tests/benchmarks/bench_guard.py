"""How long the hooks take, compared with pre-commit and six common hooks on the same files."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlroad.core.template import EXCLUDE_NEWER
from tests.support import clone_template, render, tool

ROUNDS = 5
OURS = ("ruff>=0.17,<0.18", "prek>=0.5,<0.6")
ORDINARY = ("ruff>=0.17,<0.18", "pre-commit", "pre-commit-hooks", "nbstripout", "detect-secrets==1.5.0")


def main() -> None:
    """Print ``name: value (target)`` lines: medians of several rounds, alternating between the two sides."""
    with tempfile.TemporaryDirectory(prefix="bench-guard-") as name:
        folder = Path(name)
        demo = render(
            clone_template(folder / "template"), folder / "demo", template="prototype", project_name="demo"
        )
        (wheel,) = (demo / "vendor").glob("*.whl")
        ours, theirs = (
            _make(folder / "ours", (*OURS, str(wheel)), demo),
            _make(folder / "ordinary", ORDINARY, demo),
        )
        shutil.copyfile(demo / ".pre-commit-config.yaml", ours / ".pre-commit-config.yaml")
        (theirs / ".pre-commit-config.yaml").write_text(_ordinary(theirs / ".venv" / "bin"), encoding="utf-8")
        for repo, runner in ((ours, "prek"), (theirs, "pre-commit")):
            _run(repo, str(repo / ".venv/bin" / runner), "install")
            _run(repo, "git", "add", "--all")
            _run(repo, "git", "commit", "--quiet", "--no-verify", "--message", "start")
        three, three_beside = _both(lambda: _commit(ours), lambda: _commit(theirs))
        everything, everything_beside = _both(
            lambda: _all(ours, "prek"), lambda: _all(theirs, "pre-commit"), 3
        )
        alone = statistics.median(_timed(ours, *_uv("mlroad", "guard", "--all")) for _ in range(ROUNDS))
    _print("guard: commit of 3 files", three, three_beside, 0.5)
    _print("guard: all files (500 .py, 50 .ipynb)", everything, everything_beside, 2.0 / 2.6)
    print(f"guard: mlroad guard --all alone: {alone:.2f} s")


def _print(name: str, ours: float, beside: float, target: float) -> None:
    print(
        f"{name}: {ours:.2f} s; pre-commit with six ordinary hooks {beside:.2f} s; "
        f"ratio {ours / beside:.2f} (target {target:.2f})"
    )


def _both(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS
) -> tuple[float, float]:
    ours(), theirs()  # caches
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _uv(module: str, *arguments: str) -> list[str]:
    return [tool("uv"), "run", "--no-sync", module, *arguments]


def _commit(repo: Path) -> float:
    """The time to commit a step, its pipeline.yml and a notebook (ours also checks the model)."""
    stamp = str(time.time_ns())
    for name in ("steps/prep.py", "pipeline.yml"):
        with (repo / "models/diabetes" / name).open("a", encoding="utf-8") as file:
            file.write(f"# {stamp}\n")
    notebook = repo / "notebooks/eda_7.ipynb"
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(re.sub(r"[0-9a-f]{16}", stamp[-16:], text, count=1), encoding="utf-8")
    _run(repo, "git", "add", "--all")
    return _timed(repo, "git", "commit", "--quiet", "--message", "change")


def _all(repo: Path, runner: str) -> float:
    return _timed(repo, str(repo / ".venv/bin" / runner), "run", "--all-files")


def _timed(repo: Path, *command: str) -> float:
    start = time.perf_counter()
    _run(repo, *command)
    return time.perf_counter() - start


def _run(repo: Path, *command: str) -> None:
    environment = _environment(repo)
    done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


def _environment(repo: Path) -> dict[str, str]:
    """The environment variables without this virtual environment: hooks must find only their repo's tools."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "VIRTUAL_ENV"))}
    people = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    homes = {"PRE_COMMIT_HOME": str(repo / ".cache/pre-commit"), "PREK_HOME": str(repo / ".cache/prek")}
    # `mlroad setup` puts the virtual environment first on the hook's PATH.
    path = os.pathsep.join((str(repo / ".venv/bin"), os.environ["PATH"]))
    return {**kept, **dict.fromkeys(people, "bench@example.org"), **homes, "PATH": path}


def _make(repo: Path, packages: tuple[str, ...], demo: Path) -> Path:
    (repo / "src").mkdir(parents=True)
    (repo / "notebooks").mkdir()
    (repo / "pyproject.toml").write_text(
        '[project]\nname = "bench"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n'
        "[tool.uv]\npackage = false\n",
        encoding="utf-8",
    )
    shutil.copyfile(demo / "ruff.toml", repo / "ruff.toml")
    (repo / ".gitignore").write_text(".venv/\n.cache/\n.ruff_cache/\n__pycache__/\n", encoding="utf-8")
    for folder in ("models", "datasets"):
        shutil.copytree(demo / folder, repo / folder)
    made = random.Random(3)
    for number in range(500):
        (repo / f"src/module_{number}.py").write_text(_module(made), encoding="utf-8")
    for number in range(50):
        (repo / f"notebooks/eda_{number}.ipynb").write_text(_notebook(made), encoding="utf-8")
    _run(repo, "git", "init", "--quiet", "--initial-branch=main")
    _run(repo, tool("uv"), "venv", "--quiet", ".venv")
    _run(
        repo,
        tool("uv"),
        "pip",
        "install",
        "--quiet",
        "--python",
        ".venv",
        "--exclude-newer",
        EXCLUDE_NEWER,  # both sides get the versions that a user would get
        *packages,
    )
    _run(repo, str(repo / ".venv/bin/ruff"), "format", "--quiet", "src", "notebooks")
    if "nbstripout" in packages:
        _run(repo, str(repo / ".venv/bin/nbstripout"), *map(str, (repo / "notebooks").glob("*.ipynb")))
    return repo


def _module(made: random.Random) -> str:
    """A module of about 120 lines and 4 KB, with names that a secret scan must look at."""
    lines = ['"""A module of the bench."""', "", "import os", ""]
    for number in range(15):
        name = made.choice(["load", "train", "score", "tokenize", "read_secret", "key_of"])
        lines += [
            "",
            f"def {name}_{number}(token: str, keys: list[str], depth: int = 2) -> dict[str, str]:",
            f'    """Work on the rows of part {number}; the key is read from the environment."""',
            f'    password = os.environ.get("PART_{number}_PASSWORD", "")',
            f'    values = {{"run": "{made.randbytes(16).hex()}", "token": token, "password": password}}',
            f"    return {{key: values.get(key, str(depth * {made.random():.6f})) for key in keys}}",
            "",
        ]
    return "\n".join(lines) + "\n"


def _notebook(made: random.Random) -> str:
    """A stripped notebook with ten cells, one of which has an attached picture."""
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {},
            "outputs": [],
            "source": [f'frame_{number} = {{"key": "{made.randbytes(8).hex()}"}}\n', f"frame_{number}"],
        }
        for number in range(9)
    ]
    picture = base64.b64encode(made.randbytes(40_000)).decode()
    cells.append(
        {
            "attachments": {"a.png": {"image/png": picture}},
            "cell_type": "markdown",
            "id": "p",
            "metadata": {},
            "source": ["![](attachment:a.png)"],
        }
    )
    metadata = {"language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"


def _ordinary(tools: Path) -> str:
    """The six hooks of a typical data-science repo, all from one environment."""
    python = "[python, pyi, jupyter]"
    hooks = [
        ("ruff", f"{tools}/ruff check --force-exclude", python),
        ("ruff-format", f"{tools}/ruff format --force-exclude", python),
        ("nbstripout", f"{tools}/nbstripout", "[jupyter]"),
        ("detect-secrets", f"{tools}/detect-secrets-hook --no-verify", "[text]"),
        ("check-added-large-files", f"{tools}/check-added-large-files --maxkb 10000", "[file]"),
        ("check-merge-conflict", f"{tools}/check-merge-conflict", "[text]"),
    ]
    # The entropy plugins would report the digests here; a typical repo lists them in its baseline.
    off = ("HexHighEntropyString", "Base64HighEntropyString", "KeywordDetector")
    flags = " ".join(f"--disable-plugin {name}" for name in off)
    lines = ["repos:", "  - repo: local", "    hooks:"]
    for name, entry, types in hooks:
        whole = f"{entry} {flags}" if name == "detect-secrets" else entry
        lines += [f"      - id: {name}", f"        name: {name}", f"        entry: {whole}"]
        lines += ["        language: system", f"        types_or: {types}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
