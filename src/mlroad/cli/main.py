"""The command line: every group of commands in one place."""

from __future__ import annotations

from mlroad.cli import affected, gate, registry, report, selftest, train
from mlroad.cli.prototype import app
from mlroad.cli.startup import start

for _area in (affected, train, gate, report, registry, selftest):
    _area.add_commands(app)


def main() -> None:
    """Entry point of the console script."""
    start(app)
