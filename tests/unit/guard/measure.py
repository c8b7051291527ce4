"""How many planted secrets a scan finds, and how many harmless texts it reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.secret_scan import FoundSecret, SecretScan
from tests.unit.guard.corpus import Case
from tests.unit.guard.shapes import encoded


def scanned(scan: SecretScan, case: Case, folder: Path) -> list[FoundSecret]:
    """What the scan finds in the file of a case."""
    path = folder / case.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(case))
    return scan.secrets(GuardedFile(path, case.file, Path(case.file)))


def is_found(case: Case, found: Iterable[FoundSecret]) -> bool:
    """Whether the secret of a case is among the findings, whole or nearly."""
    return any(
        case.token in item.value or (item.value in case.token and 2 * len(item.value) > len(case.token))
        for item in found
    )
