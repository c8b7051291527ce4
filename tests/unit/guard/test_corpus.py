"""The secret scan's hits and false alarms on the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.patterns import BUILT_IN_RULES
from mlroad.guard.secret_rules import find
from mlroad.guard.secret_samples import samples
from mlroad.guard.secret_scan import FoundSecret, SecretScan
from tests.unit.guard.corpus import Case, harmless, secrets
from tests.unit.guard.rarer import rarer

SECRETS = secrets()
RARER = [Case(kind, "a.txt", text, token) for kind, text, token in rarer()]
HARMLESS = harmless()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretScan]:
    with SecretScan(Settings(tmp_path_factory.mktemp("repo"))) as opened:
        yield opened


def scanned(scan: SecretScan, case: Case, folder: Path) -> list[FoundSecret]:
    path = folder / case.file
    path.write_bytes(case.text.encode("utf-16" if case.kind.startswith("UTF-16") else "utf-8"))
    return scan.secrets(GuardedFile(path, case.file, Path(case.file)))


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: f"{case.kind}-{case.file}")
def test_finds_the_secret(scan: SecretScan, case: Case, tmp_path: Path) -> None:
    assert any(
        case.token in found.value or found.value in case.token for found in scanned(scan, case, tmp_path)
    )


@pytest.mark.parametrize("case", RARER, ids=lambda case: case.kind)
def test_finds_the_rarer_kinds_by_name(scan: SecretScan, case: Case, tmp_path: Path) -> None:
    found = {secret.kind: secret.value for secret in scanned(scan, case, tmp_path)}
    assert case.token in found.get(case.kind, ""), found


def test_every_rule_finds_something() -> None:
    """Each rule finds something: a rule with a wrong keyword or pattern would never match."""
    texts = [case.text for case in (*SECRETS, *RARER)] + [sample.written() for sample in samples()]
    # In a notebook, the rules see the decoded cells, where quotes are not escaped.
    texts += [text.replace('\\"', '"') for text in texts]
    dead = [rule.kind for rule in BUILT_IN_RULES if not any(any(find(text, (rule,))) for text in texts)]
    assert dead == []


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: f"{case.kind}-{case.file}")
def test_ignores_harmless_look_alikes(scan: SecretScan, case: Case, tmp_path: Path) -> None:
    assert scanned(scan, case, tmp_path) == []


def test_the_corpus_is_large_enough() -> None:
    assert len(SECRETS) >= 72
    assert len({case.kind for case in SECRETS}) >= 42
    assert len(HARMLESS) >= 67
