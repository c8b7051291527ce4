"""What a promotion is about: where the model comes from, and what the factory has of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlroad.promote.fetch_tag import Prototype
from mlroad.promote.prototype_metrics import PrototypeMetrics
from mlroad.promote.provenance import Provenance
from mlroad.promote.question import Question
from mlroad.promote.take import Taken

Tell = Callable[[str], None]
TOLERANCE = 0.01
"""How far a metric may be from the prototype's by default, as a fraction of it."""


@dataclass(frozen=True, slots=True)
class PromoteOptions:
    """The options of `mlroad promote`."""

    name: str = ""
    """The model's name in the factory (default: as before, or as in the prototype)."""
    target: str = ""
    """The column that the model predicts (default: found from its metrics and tests)."""
    run: bool = True
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promotion that is complete: the branch and its commit."""

    branch: str
    model: str
    tag: str
    commit: str
    body: Path
    """The text of the pull request."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is promoted: where from, and what the factory has of it."""

    prototype: Prototype
    taken: Taken
    before: Provenance | None
    metrics: PrototypeMetrics | None
    address: str
    """The prototype's path or address, as it was given."""
    new_datasets: list[str] = field(default_factory=list)
    replaced: Mapping[str, str] = field(default_factory=dict)
    question: Question | None = None
    """The task of the model, and what it predicts."""

    @property
    def recorded(self) -> Mapping[str, float]:
        """The prototype's metrics."""
        return self.metrics.metrics if self.metrics else {}

    @property
    def branch(self) -> str:
        return f"promote/{self.taken.name}-{self.prototype.tag}"
