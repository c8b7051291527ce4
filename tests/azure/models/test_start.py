"""The Azure packages are imported only when a command needs them."""

from __future__ import annotations

import subprocess
import sys

from tests.azure.models.conftest import commands
from tests.support import REPO


def test_the_command_line_starts_without_azure() -> None:
    code = (
        "import sys, mlroad.cli.main, mlroad.azure.train_on_azure, mlroad.registry.azure_registry\n"
        "sys.exit(any(name == 'azure' or name.startswith('azure.') for name in sys.modules))"
    )
    _, environment = commands(REPO)
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
