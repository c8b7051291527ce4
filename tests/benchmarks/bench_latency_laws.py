"""The laws of the verdict on latency, on simulated times: how many of 1,000 verdicts are which."""

from __future__ import annotations

import sys

from tests.unit.gate.simulated_timings import GREEN, NOISE, SAME, SLOW, SLOWER, UNKNOWN, WIDE, verdicts


def main(seeds: int = 1000) -> None:
    """Print a table."""
    print(
        f"| model, beside a champion | machine | {GREEN} | {UNKNOWN} | {SLOWER} |\n|---|---|---:|---:|---:|"
    )
    cases = [("the same weights", SAME, noise, its) for noise, its in (NOISE | WIDE).items()]
    cases += [
        (f"twice as slow: {name}", slow, noise, its)
        for name, slow in SLOW.items()
        for noise, its in NOISE.items()
    ]
    for name, model, noise, its in cases:
        found = verdicts(model, its, range(seeds))
        row = (name, noise, found[GREEN], found[UNKNOWN], found[SLOWER])
        print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
