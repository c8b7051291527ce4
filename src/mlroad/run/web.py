"""Files from the web that a pipeline reads: fetched once, before anything starts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from mlroad.core.files import replacing
from mlroad.core.problems import Problem, UserError
from mlroad.core.run_folders import RUNS
from mlroad.pipeline.model import DataPath, RemoteData
from mlroad.run.plan import Joined, Plan, Source, how_to_give

_PATIENCE = 60.0
"""Seconds without an answer after which a server counts as out of reach."""


def with_local_files(plan: Plan, root: Path) -> Plan:
    """The plan with every web address replaced by the file fetched from it. Raises UserError."""
    steps = {}
    for name, step in plan.steps.items():
        inputs = {
            port: _local(source, root, partial(how_to_give, step=name, port=port, given=plan.inputs))
            for port, source in step.inputs.items()
        }
        steps[name] = replace(step, inputs=inputs)
    inputs = {name: _local(source, root, partial(_by_input, name)) for name, source in plan.inputs.items()}
    return replace(plan, steps=steps, inputs=inputs)


def _by_input(name: str, _: RemoteData) -> str:
    return f"--input {name}=PATH"


def _local(source: Source, root: Path, giving: Callable[[RemoteData], str]) -> Source:
    if isinstance(source, RemoteData):
        return _fetch(source, root, giving(source))
    if isinstance(source, Joined):
        parts = tuple(
            _fetch(part, root, giving(part)) if isinstance(part, RemoteData) else part
            for part in source.parts
        )
        return replace(source, parts=parts)
    return source


def _fetch(source: RemoteData, root: Path, giving: str) -> DataPath:
    """The file, from the cache if it was fetched before: an address is taken to mean the same for ever.

    ``giving``: the option by which the user can give another file instead.
    """
    from urllib.parse import urlparse
    from urllib.request import urlopen

    name = urlparse(source.url).path.rpartition("/")[2] or "file"
    folder = root / RUNS / ".downloads" / hashlib.sha256(source.url.encode()).hexdigest()[:16]
    file = folder / name
    if not file.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            print(f"fetching {source.url}")
            # The address is http(s): the plan refuses all others.
            with (
                replacing(file) as temporary,
                urlopen(source.url, timeout=_PATIENCE) as answer,  # noqa: S310
                temporary.open("wb") as out,
            ):
                shutil.copyfileobj(answer, out, 1 << 20)
        except (OSError, ValueError) as error:
            what = f"{source.url} cannot be fetched: {getattr(error, 'reason', None) or error}."
            fix = f"Check the address and the network, or pass {giving}."
            raise UserError(Problem(source.at, "MR506", what, fix)) from None
    return DataPath(file, source.type, source.at)
