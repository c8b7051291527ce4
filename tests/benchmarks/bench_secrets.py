"""How many secrets the scan finds in generated corpora, its false alarms, and its time on one long line."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from mlroad.guard.guard_settings import Settings
from mlroad.guard.secret_scan import SecretScan
from tests.unit.guard.corpus import Case, harmless, secrets
from tests.unit.guard.lookalikes import lookalikes
from tests.unit.guard.measure import is_found, scanned
from tests.unit.guard.shapes import in_shapes, special

# The rules were tuned with the seeds 1 to 8.
_UNSEEN = range(100, 104)
_LINE = '{"id": 12, "token": "the", "text": "lorem ipsum dolor sit amet", "api_key": "", "v": 0.123456},'


def main() -> None:
    """Print ``name: found / all`` lines, and the time."""
    with tempfile.TemporaryDirectory() as name, SecretScan(Settings(Path(name))) as scan:
        folder = Path(name)
        _figures("kinds and files", scan, folder, secrets(), harmless())
        for seed in _UNSEEN:
            planted = [*in_shapes(seed), *special(seed)]
            _figures(f"shapes, seed {seed}", scan, folder, planted, lookalikes(seed))
        line = Case("one line", "big.json", f"[{_LINE * (10_000_000 // len(_LINE))}0]")
        start = time.process_time()
        scanned(scan, line, folder)
        print(f"secrets: 10 MB on one line: {time.process_time() - start:.1f} s (seconds, not minutes)")


def _figures(name: str, scan: SecretScan, folder: Path, planted: list[Case], clean: list[Case]) -> None:
    found = sum(is_found(case, scanned(scan, case, folder)) for case in planted)
    alarms = sum(bool(scanned(scan, case, folder)) for case in clean)
    print(
        f"secrets: {name}: found {found} of {len(planted)}, false alarms {alarms} of {len(clean)}", flush=True
    )


if __name__ == "__main__":
    main()
