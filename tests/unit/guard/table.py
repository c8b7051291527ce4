"""`uv run python -m tests.unit.guard.table`: the secrets that each scanner finds, and its false alarms."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.secret_scan import SecretScan
from tests.unit.guard.corpus import Case, harmless, secrets

KINGFISHER = ["uvx", "--from", "kingfisher-bin==2.14.0", "kingfisher", "scan"]


def main() -> None:
    """Print one line for each scanner: a case counts as found when its file is reported."""
    scanners: dict[str, Callable[[Path], set[str]]] = {
        "mlroad guard": _mlroad,
        "detect-secrets 1.5, defaults": _detect_secrets,
        "detect-secrets 1.5, no entropy plugins": _without_entropy,
        "kingfisher-bin 2.14": _kingfisher,
    }
    planted, clean = secrets(), harmless()
    print(
        f"{len(planted)} secrets of {len({case.kind for case in planted})} kinds, {len(clean)} harmless files"
    )
    for name, scan in scanners.items():
        with tempfile.TemporaryDirectory() as folder:
            found = scan(_written(planted, Path(folder) / "secrets"))
            alarms = scan(_written(clean, Path(folder) / "harmless"))
        print(f"| {name} | {len(found)} | {len(alarms)} |")


def _written(cases: list[Case], folder: Path) -> Path:
    for number, case in enumerate(cases):
        path = folder / f"case{number}" / case.file
        path.parent.mkdir(parents=True)
        path.write_bytes(case.text.encode("utf-16" if case.kind.startswith("UTF-16") else "utf-8"))
    return folder


def _mlroad(folder: Path) -> set[str]:
    with SecretScan(Settings(folder)) as scan:
        files = [path for path in folder.rglob("*") if path.is_file()]
        sources = [GuardedFile(path, path.relative_to(folder).as_posix(), path) for path in files]
        return {source.name.split("/")[0] for source in sources if scan.secrets(source)}


def _detect_secrets(folder: Path, *options: str) -> set[str]:
    command = [sys.executable, "-m", "detect_secrets", "scan", "--all-files", "--no-verify", *options, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {name.replace("\\", "/").split("/")[0] for name in json.loads(done.stdout)["results"]}


def _without_entropy(folder: Path) -> set[str]:
    off = ("HexHighEntropyString", "Base64HighEntropyString")
    return _detect_secrets(folder, *(part for name in off for part in ("--disable-plugin", name)))


def _kingfisher(folder: Path) -> set[str]:
    command = [*KINGFISHER, ".", "--no-validate", "--no-update-check", "--format", "jsonl"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 200):
        raise RuntimeError(done.stderr)
    cases = [path.name for path in folder.iterdir()]
    return {case for case in cases if f"{case}/" in done.stdout}


if __name__ == "__main__":
    main()
