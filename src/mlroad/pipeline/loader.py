"""From YAML files to the model of a pipeline.

The loader raises nothing for a user's mistake: it goes on, and returns what it could read and the problems.
The checker looks at how the parts fit together (bindings, values, commands).
"""

from dataclasses import dataclass
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.core.yaml_nodes import MapNode
from mlroad.pipeline.component_reader import LoadedComponent
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.job_reader import JobReader
from mlroad.pipeline.model import CommandComponent, PipelineComponent, PipelineJob, Unsupported
from mlroad.pipeline.repo_index import RepoIndex, absolute
from mlroad.pipeline.schema_checks import spoken
from mlroad.pipeline.step_reader import StepReader

_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of load_pipeline. ``job`` is None if the file is not a mapping, incomplete after errors."""

    job: PipelineJob | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> list[Problem]:
        """The problems that prevent a run."""
        return [problem for problem in self.problems if problem.severity == "error"]


class Loader:
    """Loads the pipelines of one repo; a component that many pipelines use is read once."""

    def __init__(self, repo: RepoIndex) -> None:
        self.repo = repo
        self._components: dict[Path, LoadedComponent] = {}
        self._open: list[Path] = []
        self.pipelines = self.steps = 0
        """How many pipelines were loaded, and their steps."""

    def pipeline(self, file: Path) -> Loaded:
        """Load a pipeline job."""
        out = Findings()
        node, problems = self.repo.read(file)
        out.add(problems)
        if not isinstance(node, MapNode):
            if node is not None:
                out.error(
                    node.at,
                    "MR104",
                    f"A pipeline is a mapping, not {spoken(node)}.",
                    "Start with `type: pipeline`.",
                )
            return Loaded(None, tuple(out.problems))
        job = JobReader(self, absolute(file).parent, out).read(node)
        self.pipelines += 1
        self.steps += len(job.steps) if job else 0
        return Loaded(job, tuple(dict.fromkeys(out.problems)))

    def component(self, file: Path) -> LoadedComponent:
        """Load a component; the second time from memory."""
        key = absolute(file)
        known = self._components.get(key)
        if known is None:
            self._open.append(key)
            known = self._read_component(key)
            self._open.pop()
            self._components[key] = known
        return known

    def has_read(self, file: Path) -> bool:
        """Whether ``file`` was read as a component."""
        return absolute(file) in self._components

    def is_open(self, file: Path) -> bool:
        """Whether ``file`` is being read, so that a reference to it is a circle."""
        return file in self._open or len(self._open) > _DEEPEST

    def _read_component(self, file: Path) -> LoadedComponent:
        out = Findings()
        shown = self.repo.shown(file)
        node, problems = self.repo.read(file)
        out.add(problems)
        if not isinstance(node, MapNode):
            if node is not None:
                what = f"A component is a mapping, not {spoken(node)}."
                out.error(node.at, "MR104", what, "Start with `type: command`.")
            return LoadedComponent(Unsupported("broken", Position(shown)), tuple(out.problems))
        reader = StepReader(self, file.parent, out).components
        component = reader.component(node, file.stem)
        if isinstance(component, CommandComponent | PipelineComponent):
            reader.registering(node)
        return LoadedComponent(component, tuple(dict.fromkeys(out.problems)), tuple(out.registering))


def load_pipeline(file: Path) -> Loaded:
    """Load the pipeline job in ``file`` and everything that it refers to."""
    return Loader(RepoIndex(file.parent)).pipeline(file)


def load_component(file: Path) -> LoadedComponent:
    """Load the command or pipeline component in ``file`` and everything that it refers to."""
    return Loader(RepoIndex(file.parent)).component(file)
