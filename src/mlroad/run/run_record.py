"""run.json: what ran, with which inputs and which result, for runs on this machine and on Azure ML."""

import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mlroad import __version__
from mlroad.run.plan import Plan
from mlroad.run.run_state import RunState, StepState


def run_record(
    run: RunState,
    plan: Plan,
    root: Path,
    *,
    experiment: str,
    platform_name: str,
    git: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    steps: Mapping[str, Any],
    mlflow: Mapping[str, Any] | None = None,
    job: Mapping[str, str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of run.json.

    ``job``: the Azure ML job that made the run. ``source``: the digest of the model's code, and whether the
    run was as it is written there, without values from the command line.
    """
    return {
        "schema": 1,
        "id": run.id,
        "state": run.state,
        "exit_code": run.exit_code,
        "pipeline": _relative(plan.job.file, root),
        "experiment": experiment,
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "seconds": round(run.seconds, 3),
        "git": git,
        "mlroad": __version__,
        "python": platform.python_version(),
        "platform": platform_name,
        "arguments": sys.argv[1:],
        "parameters": plan.parameters,
        "inputs": inputs,
        "outputs": outputs,
        "mlflow": mlflow,
        **({} if job is None else {"job": job}),
        **({} if source is None else {"source": source}),
        "steps": steps,
    }


def step_record(
    step: StepState, needs: Sequence[str], inputs: Mapping[str, Any], environment: str | None = None
) -> dict[str, Any]:
    """The part of run.json for one step. ``environment``: the Azure ML environment that it ran in."""
    return {
        "state": step.state,
        "reason": step.reason or None,
        "reused_from": step.reused_from,
        "saved_seconds": round(step.saved, 3) if step.reused_from else None,
        "needs": list(needs),
        "started": _iso(step.started),
        "ended": _iso(step.ended),
        "seconds": round(step.seconds, 3),
        "exit_code": step.exit_code,
        "command": step.command or None,
        "log": f"logs/{step.name}.txt" if step.log.exists() else None,
        **({} if environment is None else {"environment": environment}),
        "inputs": inputs,
        "outputs": step.outputs,
        "warnings": step.warnings,
        "mlflow_run_id": step.tracked,
    }


def _relative(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return file.as_posix()


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
