"""Which files of its code decide the result of a step here. (On Azure ML, the whole folder does.)"""

from collections.abc import Mapping

from mlroad.run.code_snapshot import CodeSnapshot
from mlroad.run.command import fill
from mlroad.run.plan import Plan, PlannedStep, Text
from mlroad.steps.imported_files import ImportedFiles, imported_files


class StepCode:
    """The code of the steps of one run. Used by several threads, which may compute the same thing twice."""

    def __init__(self, plan: Plan, snapshots: Mapping[str, CodeSnapshot]) -> None:
        self._plan = plan
        self._snapshots = snapshots
        self._imported: dict[str, ImportedFiles | None] = {}

    def digests(self, name: str) -> Mapping[str, str]:
        """File to digest: the scripts that the step runs, the modules that they import, all data files."""
        files = self._snapshots[name].files
        scripts = self._scripts(name) if files else None
        if scripts is None:
            return files
        return {file: digest for file, digest in files.items() if not file.endswith(".py") or file in scripts}

    def _scripts(self, name: str) -> frozenset[str] | None:
        """The Python files that count; None if all of them do."""
        own = self._imported_by(name)
        if own is None:
            return None
        found = own.scripts | own.modules
        if own.unpickles:
            # The classes of a pickled object are in a module that a step before this one imported.
            before = [self._imported_by(step) for step in self._before(self._plan.steps[name])]
            known = [imported for imported in before if imported]
            if not known or len(known) < len(before):
                return None
            found = found.union(*(imported.modules for imported in known))
        return found

    def _before(self, step: PlannedStep) -> set[str]:
        found: set[str] = set()
        waiting = [*step.needs]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._plan.steps[name].needs
        return found

    def _imported_by(self, name: str) -> ImportedFiles | None:
        if name not in self._imported:
            step = self._plan.steps[name]
            inputs = {
                port: source.text if isinstance(source, Text) else "data"
                for port, source in step.inputs.items()
            }
            command = fill(step.component.command, inputs, dict.fromkeys(step.outputs, "data"), frozenset())
            followed = "PYTHONPATH" not in step.environment_variables
            self._imported[name] = imported_files(command, self._snapshots[name].folder) if followed else None
        return self._imported[name]
