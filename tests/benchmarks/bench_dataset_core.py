"""Datasets: how fast content is hashed, and how fast unchanged versions are verified."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlroad.core.digests import digest_content, listing
from mlroad.core.hash_cache import HashCache
from mlroad.data.version import DatasetVersion, write_version
from tests.benchmarks.timing import MLROAD, median, seconds

SIZE = 2_000_000_000
VERSIONS = 1000


def main() -> None:
    """Print the figures of issue 5 that concern the core of datasets."""
    with tempfile.TemporaryDirectory() as name:
        hashing(Path(name))
    with tempfile.TemporaryDirectory() as name:
        verifying(Path(name))


def hashing(folder: Path) -> None:
    """One file and a folder, both in the page cache. Hashing memory with the library is the upper bound."""
    block = random.Random(5).randbytes(1 << 20)
    file = folder / "one.bin"
    with file.open("wb") as stream:
        for number in range(SIZE >> 20):
            stream.write(number.to_bytes(8, "big") + block[8:])
    many = folder / "many"
    for number in range(400):
        part = many / f"{number % 20}" / f"{number}.bin"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(number.to_bytes(8, "big") + block[8:] * 4)

    def library() -> None:
        digest = hashlib.sha256()
        for _ in range(SIZE >> 20):
            digest.update(block)

    def reading() -> None:
        with file.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")

    size = file.stat().st_size
    whole = sum(part.stat().st_size for part in many.rglob("*.bin"))
    one = rate(size, lambda: digest_content(file))
    alone, read = rate(size, library), rate((SIZE >> 20) << 20, reading)
    print(f"digest of a file of 2 GB: {one:.2f} GB/s (≥ 1.5, or the library's own limit)")
    print(f"  hashlib.sha256 on memory: {alone:.2f} GB/s; hashlib.file_digest: {read:.2f} GB/s (beside)")
    cores = os.cpu_count()
    print(
        f"digest of 400 files of 4 MB: {rate(whole, lambda: digest_content(many)):.2f} GB/s ({cores} cores)"
    )
    time.sleep(0.05)
    with HashCache(folder, settled=0) as cache:
        digest_content(many, cache)
    with HashCache(folder) as cache:
        read_again = digest_content(many, cache).files_read
    again = median(lambda: timed(lambda: digest_content(many, HashCache(folder))))
    print(f"  unchanged, again: {again * 1000:.0f} ms, {read_again} files read (0: not read twice)")


def verifying(root: Path) -> None:
    """A repo of 1,000 versions, every tenth a folder; the whole process is timed."""
    for number in range(VERSIONS):
        name, count = f"data_{number // 20}", number % 20 + 1
        folder = root / "datasets" / name
        data = folder / f"{count}"
        data.mkdir(parents=True)
        is_folder = number % 10 == 0
        for part in range(5 if is_folder else 1):
            (data / f"{part}.csv").write_text(f"a,b\n{number},{part}\n", encoding="utf-8")
        source = data if is_folder else data / "0.csv"
        content = digest_content(source)
        if is_folder:
            (folder / f"{count}.sha256").write_text(listing(content.by_path), encoding="utf-8", newline="\n")
        write_version(
            DatasetVersion(
                file=folder / f"{count}.yml",
                name=name,
                version=str(count),
                type="uri_folder" if is_folder else "uri_file",
                path=f"./{count}" + ("" if is_folder else "/0.csv"),
                digest=content.digest,
                size=content.size,
                rows=1,
                derivation={"step": "models/m/steps/clean.py", "parameters": {"at_least": 2}},
            )
        )
    time.sleep(2.2)  # newer files are read again, because their timestamps could hide an edit
    taken = median(lambda: seconds([*MLROAD, "dataset", "verify"], cwd=root))
    full = median(lambda: seconds([*MLROAD, "dataset", "verify", "--full"], cwd=root), runs=3)
    start = median(lambda: seconds([*MLROAD, "--version"], cwd=root))
    print(f"verify {VERSIONS} unchanged versions: {taken:.2f} s (≤ 1); of it starting mlroad {start:.2f} s")
    print(f"  with --full: {full:.2f} s (beside)")


def rate(octets: int, work: Callable[[], object]) -> float:
    """GB/s, the median of some runs."""
    return octets / 1e9 / median(lambda: timed(work), runs=5)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
