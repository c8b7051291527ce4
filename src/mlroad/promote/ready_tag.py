"""`mlroad ready --tag`: tag what is ready. It needs no library of the models."""

from __future__ import annotations

from dataclasses import replace

from mlroad.promote.prototype_metrics import read_metrics
from mlroad.promote.ready import examine
from mlroad.promote.ready_git import make_tag
from mlroad.promote.ready_item import Readiness


def tag(found: Readiness) -> Readiness:
    """Tag HEAD if nothing else is left."""
    if [it.name for it in found.left] != ["tagged"]:
        return found
    make_tag(found.root, found.next_tag, _message(found))
    done = f"tagged HEAD as {found.next_tag}"
    return replace(examine(found.root, found.model), did=(*found.did, done))


def _message(found: Readiness) -> str:
    recorded = read_metrics(found.model)
    figures = "\n".join(f"{name} {value:g}" for name, value in recorded.metrics.items()) if recorded else ""
    return f"{found.name}: ready for promotion\n\n{figures}\n"
