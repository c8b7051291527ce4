"""What a step sees: its Python and its environment variables."""

from __future__ import annotations

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
"""Variables of the user's shell that no step has in Azure ML."""


@dataclass(frozen=True, slots=True)
class Site:
    """A Python to run steps with: its folder of programs, and what is installed there."""

    programs: Path
    root: Path
    contents: Mapping[str, str]
    """Installed distributions with their versions, and ``python``: what makes two environments the same."""
    hides_repo: Path | None = None
    """A folder that an editable install put on sys.path, and that Azure ML will not have."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.contents, sort_keys=True).encode()).hexdigest()


def own_site(repo: Path) -> Site:
    """The environment that mlroad itself runs in: the repo's own."""
    programs = Path(sys.executable).parent
    contents = {"python": platform.python_version(), "platform": f"{sys.platform}-{platform.machine()}"}
    for kind in ("purelib", "platlib"):
        contents |= installed(Path(sysconfig.get_path(kind)))
    return Site(programs, Path(sys.prefix), contents, hides_repo=repo)


def installed(packages: Path) -> dict[str, str]:
    """Name and version of every distribution in a site-packages folder, by the names of its folders."""
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
    site: Site,
    declared: Mapping[str, str],
    distribution: Mapping[str, object] | None,
    tracking: Mapping[str, str],
) -> dict[str, str]:
    """All environment variables of a step: the user's, those of its Python, of MLflow, and its own."""
    variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    variables["PATH"] = f"{site.programs}{os.pathsep}{variables.get('PATH', os.defpath)}"
    if site.root != Path(sys.base_prefix):
        variables["VIRTUAL_ENV"] = str(site.root)
    variables.setdefault("PYTHONUNBUFFERED", "1")
    variables.setdefault("PYTHONIOENCODING", "utf-8")
    hiding = Path(__file__).with_name("hide_repo")
    if site.hides_repo:
        variables["MLROAD_HIDDEN"] = str(site.hides_repo)
        variables["PYTHONPATH"] = str(hiding)
    variables |= _one_node(distribution or {})
    variables |= tracking
    variables |= declared
    if site.hides_repo and "PYTHONPATH" in declared:
        variables["PYTHONPATH"] = f"{hiding}{os.pathsep}{declared['PYTHONPATH']}"
    return variables


def _one_node(distribution: Mapping[str, object]) -> dict[str, str]:
    """The variables by which a training framework learns of its peers: there are none here."""
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
