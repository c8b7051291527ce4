"""Inputs that are web addresses: downloaded once, before anything starts."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import urlopen

from mlroad.core.files import replacing
from mlroad.core.problems import Problem, UserError
from mlroad.core.run_folders import RUNS
from mlroad.pipeline.model import DataPath, RemoteData
from mlroad.run.plan import Joined, Plan, Source, option_to_replace

_PATIENCE = 60.0
"""Seconds to wait for a server's answer."""


def with_local_files(plan: Plan, root: Path) -> Plan:
    """The plan with every web address replaced by the file fetched from it. Raises UserError."""
    steps = {}
    for name, step in plan.steps.items():
        inputs = {
            port: _local(source, root, partial(option_to_replace, step=name, port=port, given=plan.inputs))
            for port, source in step.inputs.items()
        }
        steps[name] = replace(step, inputs=inputs)
    inputs = {name: _local(source, root, partial(_by_input, name)) for name, source in plan.inputs.items()}
    return replace(plan, steps=steps, inputs=inputs)


def _by_input(name: str, _: RemoteData) -> str:
    return f"--input {name}=PATH"


def _local(source: Source, root: Path, option: Callable[[RemoteData], str]) -> Source:
    if isinstance(source, RemoteData):
        return _fetch(source, root, option(source))
    if isinstance(source, Joined):
        parts = tuple(
            _fetch(part, root, option(part)) if isinstance(part, RemoteData) else part
            for part in source.parts
        )
        return replace(source, parts=parts)
    return source


def _fetch(source: RemoteData, root: Path, option: str) -> DataPath:
    """The downloaded file. An address that was downloaded before is not requested again.

    ``option``: the option that replaces the input with another file.
    """
    name = urlparse(source.url).path.rpartition("/")[2] or "file"
    folder = root / RUNS / ".downloads" / hashlib.sha256(source.url.encode()).hexdigest()[:16]
    file = folder / name
    if not file.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            print(f"downloading {source.url}")
            # The address is http(s): the plan refuses all others.
            with (
                replacing(file) as temporary,
                urlopen(source.url, timeout=_PATIENCE) as answer,  # noqa: S310
                temporary.open("wb") as out,
            ):
                shutil.copyfileobj(answer, out, 1 << 20)
        except (OSError, ValueError) as error:
            what = f"{source.url} cannot be downloaded: {getattr(error, 'reason', None) or error}."
            fix = f"Check the address and the network, or pass {option}."
            raise UserError(Problem(source.at, "MR506", what, fix)) from None
    return DataPath(file, source.type, source.at)
