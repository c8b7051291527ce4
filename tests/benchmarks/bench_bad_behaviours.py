"""How many of the badly behaved models the gate rejects for the right reason, and how many harmless ones."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.unit.gate.bad_behaviours import BAD, GOOD, found_in


def main() -> None:
    """Print both counts, and each model that is judged wrongly."""
    with tempfile.TemporaryDirectory() as folder:
        stock = Path(folder)
        told = {name: found_in(body, stock, timeout=30) for name, (body, _) in BAD.items()}
        missed = [name for name, (_, words) in BAD.items() if not re.search(words, told[name])]
        refused = {name: what for name, body in GOOD.items() if (what := found_in(body, stock))}
    print(f"{len(BAD) - len(missed)} of {len(BAD)} bad models rejected for the right reason (at least 95 %)")
    print(f"{len(refused)} of {len(GOOD)} harmless models rejected (0)")
    for name in missed:
        print(f"  wrong: {name}: {told[name] or 'nothing found'}")
    for name, what in refused.items():
        print(f"  wrong: {name}: {what}")


if __name__ == "__main__":
    main()
