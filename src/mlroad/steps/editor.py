"""`.vscode/launch.json`: F5 in a step's script debugs it with the inputs of its last run."""

import json
from pathlib import Path

from mlroad.core.files import write_new

_LAUNCH = {
    "version": "0.2.0",
    "configurations": [
        {
            "name": "The step in this file, with the inputs of its last run",
            "type": "debugpy",
            "request": "launch",
            "module": "mlroad.run.debug_in_editor",
            "args": ["${file}"],
            "console": "integratedTerminal",
        }
    ],
}


def write_launch(root: Path) -> Path | None:
    """Create the file; None if the repo has one already, which is the user's. Raises OSError."""
    file = root / ".vscode" / "launch.json"
    try:
        write_new(file, json.dumps(_LAUNCH, indent=2) + "\n")
    except FileExistsError:
        return None
    return file
