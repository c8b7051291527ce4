"""The version of the step contract: what a prototype's steps and a factory's runner must agree on.

step_io.py states it. A copy from before it did has version 1.
"""

import re
from pathlib import Path

_STATED = re.compile(r"^CONTRACT *(?:: *int)? *= *(\d+)", re.MULTILINE)


def contract_version(step_io: str) -> int:
    """The version that the text of a step_io.py states."""
    found = _STATED.search(step_io)
    return int(found[1]) if found else 1


def own_contract() -> int:
    """The version of this mlroad. `mlroad sync` brings older copies of step_io.py up to date."""
    return contract_version(Path(__file__).with_name("step_io.py").read_text(encoding="utf-8"))
