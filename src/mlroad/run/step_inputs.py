"""The inputs of a step on this machine: the text for its command, and the identity of the content."""

import threading
from collections.abc import Mapping
from pathlib import Path

from mlroad.core.digests import digest_of
from mlroad.core.hash_cache import HashCache
from mlroad.pipeline.model import DataAsset
from mlroad.run.code_snapshot import CodeSnapshot
from mlroad.run.command import fill
from mlroad.run.plan import Joined, Plan, PlannedStep, Produced, Source, Text
from mlroad.run.reuse import Fingerprint
from mlroad.run.run_state import RunState, StepState
from mlroad.run.step_code import StepCode
from mlroad.run.step_environment import PythonEnvironment


def input_text(source: Source, plan: Plan, run: Path) -> str:
    """The text that a command receives for a value; ``run`` has the outputs of earlier steps."""
    if isinstance(source, Text):
        return source.text
    if isinstance(source, Joined):
        return "".join(
            part if isinstance(part, str) else input_text(part, plan, run) for part in source.parts
        )
    return input_path(source, plan, run).as_posix()


def input_path(source: Source, plan: Plan, run: Path) -> Path:
    """The path of data."""
    if isinstance(source, Produced):
        return run / plan.steps[source.step].outputs[source.output].place
    path = getattr(source, "path", None)
    assert isinstance(path, Path), source
    return path.absolute()


class StepInputs:
    """The inputs of one run. Used by several threads."""

    def __init__(
        self,
        plan: Plan,
        run: RunState,
        snapshots: Mapping[str, CodeSnapshot],
        environments: Mapping[str, PythonEnvironment],
        root: Path,
    ) -> None:
        self._plan = plan
        self._run = run
        self._code = StepCode(plan, snapshots)
        self._environments = environments
        self._hashes = HashCache(root)
        self._lock = threading.Lock()

    def save(self) -> None:
        """Keep the hashes of data for the next run."""
        self._hashes.close()

    def text(self, source: Source) -> str:
        """The text that a command receives for a value."""
        return input_text(source, self._plan, self._run.folder)

    def path(self, source: Source) -> Path:
        """The path of data."""
        return input_path(source, self._plan, self._run.folder)

    def fingerprint(self, step: PlannedStep, state: StepState) -> Fingerprint:
        """Everything that decides the result of a step. Adds the inputs to ``state``.

        Raises OSError for input data that cannot be read.
        """
        values: dict[str, str] = {}
        inputs: dict[str, str] = {}
        for name, source in step.inputs.items():
            if isinstance(source, Text):
                values[name] = source.text
                state.inputs[name] = {"value": source.text}
            elif isinstance(source, Joined):
                inputs[name] = "".join(self._identity(part) for part in source.parts)
                state.inputs[name] = {"value": self.text(source)}
            else:
                inputs[name] = self._identity(source)
                state.inputs[name] = self._about(source, inputs[name])
        shown = {name: values.get(name, f"<{name}>") for name in step.inputs}
        distribution = {
            f"distribution.{name}": str(value) for name, value in (step.distribution or {}).items()
        }
        return Fingerprint(
            step=step.name,
            command=fill(
                step.component.command, shown, {name: f"<{name}>" for name in step.outputs}, frozenset()
            ),
            code=self._code.digests(step.name),
            values=values,
            inputs=inputs,
            environment=self._environments[step.name].digest,
            variables={**step.environment_variables, **distribution},
            outputs={name: target.type for name, target in step.outputs.items()},
        )

    def _about(self, source: Source, identity: str) -> dict[str, object]:
        """The entry of a data input in run.json."""
        about: dict[str, object] = {
            "path": str(self.path(source)),
            "digest": identity.rpartition(" ")[2],
        }
        if isinstance(source, Produced):
            about["from"] = f"{source.step}.{source.output}"
        if isinstance(source, DataAsset):
            about["dataset"] = f"{source.name}:{source.version}"
        return about

    def _identity(self, source: str | Source) -> str:
        """The name of a file or folder and the digest of its content; plain text as it is."""
        if isinstance(source, str):
            return source
        if isinstance(source, Text | Joined):
            return self.text(source)
        if isinstance(source, Produced):
            made = self._run.steps[source.step].outputs.get(source.output)
            if made is None:
                return "absent"
            place = self._plan.steps[source.step].outputs[source.output].place
            return f"{place.rpartition('/')[2]} {made['digest']}"
        path = self.path(source)
        with self._lock:
            return f"{path.name} {digest_of(path, self._hashes)}"
