"""How much the secret scan finds, and how rarely it cries wolf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkit.guard.config import Settings
from modelkit.guard.files import Source
from modelkit.guard.secret_scan import Secret, SecretScan
from tests.guard.corpus import Case, harmless, secrets

SECRETS = secrets()
HARMLESS = harmless()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretScan]:
    with SecretScan(Settings(tmp_path_factory.mktemp("repo"))) as opened:
        yield opened


def scanned(scan: SecretScan, case: Case, folder: Path) -> list[Secret]:
    path = folder / case.file
    path.write_bytes(case.text.encode("utf-16" if case.kind.startswith("UTF-16") else "utf-8"))
    return scan.secrets(Source(path, case.file, Path(case.file)))


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: f"{case.kind}-{case.file}")
def test_finds_the_secret(scan: SecretScan, case: Case, tmp_path: Path) -> None:
    assert any(
        case.token in found.value or found.value in case.token for found in scanned(scan, case, tmp_path)
    )


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: f"{case.kind}-{case.file}")
def test_leaves_the_harmless_alone(scan: SecretScan, case: Case, tmp_path: Path) -> None:
    assert scanned(scan, case, tmp_path) == []


def test_corpus_is_as_large_as_promised() -> None:
    assert len(SECRETS) >= 72
    assert len({case.kind for case in SECRETS}) >= 42
    assert len(HARMLESS) >= 67
