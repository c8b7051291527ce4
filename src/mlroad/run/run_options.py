"""The options of `mlroad run`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of the command line."""

    sets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    jobs: int | None = None
    dry_run: bool = False
    reuse: bool = True
    isolated: bool = False
    keep: int | None = None
    quiet: bool = False
    debug: bool = False
    events: bool = False
