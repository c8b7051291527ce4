"""How many of the planted bad candidates the gate rejects for the right reason, and how many good ones."""

from __future__ import annotations

from tests.unit.gate.bad_figures import bad_candidates, good_candidates, wrong


def main() -> None:
    """Print both counts."""
    bad, good = wrong()
    planted, sound = len(list(bad_candidates())), len(list(good_candidates()))
    print(f"{planted - len(bad)} of {planted} bad candidates rejected for the right reason (at least 95 %)")
    print(f"{len(good)} of {sound} good candidates rejected (0)")
    for id_ in (*bad, *good):
        print(f"  wrong: {id_}")


if __name__ == "__main__":
    main()
