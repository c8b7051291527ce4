"""The second scanner, with the very options of the workflow, on planted secrets and on harmless files."""

import re
import subprocess

from mlroad.core.problems import UserError
from mlroad.core.text import some
from mlroad.core.uv_program import find_uv, uv_environment
from mlroad.guard.guard_settings import Settings
from mlroad.guard.hooks import is_generated
from mlroad.guard.planted_repo import code_cell, notebook, planted_repo
from mlroad.guard.secret_samples import token
from mlroad.guard.workflow_check import second_scan_command

# The exit code of kingfisher when it has found something.
_FOUND = 200


def try_second_scan(settings: Settings) -> list[str]:
    """Run it as CI does. It must find a secret in each place, and nothing in harmless files."""
    if not is_generated(settings.root):
        return []
    command = second_scan_command(settings.root)
    if command is None:
        return ["no workflow runs it with the expected options (see above)"]
    # It reports a secret once, however many files hold it: each place gets another one.
    secrets = [token("GitHub token", seed) for seed in range(10, 16)]
    planted = {
        "models/planted/steps/connect.py": f'connect("{secrets[0]}")\n',
        "notebooks/planted.ipynb": notebook(code_cell("", f"{secrets[1]}\n")),
        "datasets/planted/about.md": f"token: {secrets[2]}\n",
        ".github/workflows/planted.yml": f"token: {secrets[3]}\n",
        ".env": f"TOKEN={secrets[4]}\n",
        "Dockerfile": f"ENV TOKEN={secrets[5]}\n",
    }
    code, printed = _scan(settings, command, {"notes.md": "Harmless.\n", "models/a/steps/a.py": "x = 1\n"})
    if code:
        return [f"harmless files: exit code {code}: {(printed.strip().splitlines() or ['no output'])[-1]}"]
    code, printed = _scan(settings, command, planted)
    missed = [name for name in planted if not re.search(rf"{re.escape(name)}\b", printed.replace("\\", "/"))]
    faults = [f"not found: {some(missed)}"] if missed else []
    return faults + ([] if code == _FOUND else [f"the exit code is {code}: nothing is stopped"])


def _scan(settings: Settings, command: list[str], files: dict[str, str]) -> tuple[int, str]:
    with planted_repo(settings, files) as root:
        try:
            uv = find_uv()
        except UserError as error:
            return 2, str(error)
        done = subprocess.run(
            [uv, "tool", "run", *command[1:]],
            cwd=root,
            env=uv_environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    return done.returncode, done.stdout + done.stderr
