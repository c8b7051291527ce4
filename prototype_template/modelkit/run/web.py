"""Files from the web that a pipeline reads: fetched once, before anything starts."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from modelkit.pipeline.model import DataPath, RemoteData
from modelkit.problems import Problem, UserError
from modelkit.run.folders import RUNS
from modelkit.run.plan import Joined, Plan, Source

_PATIENCE = 60.0
"""Seconds without an answer after which a server counts as out of reach."""


def with_local_files(plan: Plan, root: Path) -> Plan:
    """The plan with every web address replaced by the file fetched from it. Raises UserError."""
    steps = {}
    for name, step in plan.steps.items():
        inputs = {port: _local(source, root) for port, source in step.inputs.items()}
        steps[name] = replace(step, inputs=inputs)
    inputs = {name: _local(source, root) for name, source in plan.inputs.items()}
    return replace(plan, steps=steps, inputs=inputs)


def _local(source: Source, root: Path) -> Source:
    if isinstance(source, RemoteData):
        return _fetch(source, root)
    if isinstance(source, Joined):
        parts = tuple(_fetch(part, root) if isinstance(part, RemoteData) else part for part in source.parts)
        return replace(source, parts=parts)
    return source


def _fetch(source: RemoteData, root: Path) -> DataPath:
    """The file, from the cache if it was fetched before: an address is taken to mean the same for ever."""
    from urllib.parse import urlparse
    from urllib.request import urlopen

    name = urlparse(source.url).path.rpartition("/")[2] or "file"
    folder = root / RUNS / ".downloads" / hashlib.sha256(source.url.encode()).hexdigest()[:16]
    file = folder / name
    if not file.exists():
        temporary = folder / f".{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            print(f"fetching {source.url}")
            # The address is http(s): the plan refuses all others.
            with urlopen(source.url, timeout=_PATIENCE) as answer, temporary.open("wb") as out:  # noqa: S310
                shutil.copyfileobj(answer, out, 1 << 20)
            temporary.replace(file)
        except (OSError, ValueError) as error:
            temporary.unlink(missing_ok=True)
            what = f"{source.url} cannot be fetched: {getattr(error, 'reason', None) or error}."
            fix = "Check the address and the network, or pass --input NAME=PATH."
            raise UserError(Problem(source.at, "MK506", what, fix)) from None
    return DataPath(file, source.type, source.at)
