"""The Python and the environment variables of a step."""

import hashlib
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "MLFLOW_RUN_ID")
"""Variables of the user's shell that steps on Azure ML do not have."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A Python to run steps with: its folder of programs, and the installed distributions."""

    programs: Path
    root: Path
    contents: Mapping[str, str]
    """Installed distributions with their versions, and ``python``. Equal contents, equal environments."""

    @property
    def is_own(self) -> bool:
        """Whether it is the environment that mlroad itself runs in."""
        return self.root == Path(sys.prefix)

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.contents, sort_keys=True).encode()).hexdigest()


def own_environment() -> PythonEnvironment:
    """The environment that mlroad itself runs in: the repo's own."""
    programs = Path(sys.executable).parent
    contents = {"python": platform.python_version(), "platform": f"{sys.platform}-{platform.machine()}"}
    for kind in ("purelib", "platlib"):
        contents |= installed(Path(sysconfig.get_path(kind)))
    return PythonEnvironment(programs, Path(sys.prefix), contents)


def installed(packages: Path) -> dict[str, str]:
    """Name to version of every distribution in a site-packages folder, read from the names of its folders."""
    found: dict[str, str] = {}
    try:
        names = [path.name for path in packages.iterdir()]
    except OSError:
        return found
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            distribution, _, version = name.rpartition(".")[0].partition("-")
            found[distribution] = version
    return found


def step_environment(
    python: PythonEnvironment,
    declared: Mapping[str, str],
    distribution: Mapping[str, object] | None,
    tracking: Mapping[str, str],
) -> dict[str, str]:
    """All environment variables of a step: the user's, those of Python and MLflow, and the declared ones."""
    variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    variables["PATH"] = f"{python.programs}{os.pathsep}{variables.get('PATH', os.defpath)}"
    if python.root != Path(sys.base_prefix):
        variables["VIRTUAL_ENV"] = str(python.root)
    variables.setdefault("PYTHONUNBUFFERED", "1")
    variables.setdefault("PYTHONIOENCODING", "utf-8")
    return {**variables, **_one_node(distribution or {}), **tracking, **declared}


def _one_node(distribution: Mapping[str, object]) -> dict[str, str]:
    """The variables for distributed training, with one node and one process."""
    kind = str(distribution.get("type", "")).lower()
    if kind == "pytorch":
        return {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "6105",
            "WORLD_SIZE": "1",
            "RANK": "0",
            "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1",
            "NODE_RANK": "0",
        }
    if kind == "mpi":
        prefix = "OMPI_COMM_WORLD_"
        return {
            f"{prefix}SIZE": "1",
            f"{prefix}RANK": "0",
            f"{prefix}LOCAL_RANK": "0",
            f"{prefix}LOCAL_SIZE": "1",
        }
    if kind == "tensorflow":
        cluster = {"cluster": {"worker": ["127.0.0.1:2222"]}, "task": {"type": "worker", "index": 0}}
        return {"TF_CONFIG": json.dumps(cluster)}
    return {}
