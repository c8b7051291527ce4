"""Nothing of Azure is loaded before a command needs it."""

from __future__ import annotations

import subprocess
import sys

from tests.factory_azure.conftest import commands
from tests.support import REPO


def test_the_command_line_starts_without_azure() -> None:
    code = (
        "import sys, factory.cli, factory.azure.train, factory.azure.registry\n"
        "sys.exit(any(name == 'azure' or name.startswith('azure.') for name in sys.modules))"
    )
    _, environment = commands(REPO)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
