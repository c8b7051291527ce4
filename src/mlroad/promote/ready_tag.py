"""`mlroad ready --tag`: tag what is ready. It needs no library of the models."""

from dataclasses import replace

from mlroad.promote.prototype_metrics import read_metrics
from mlroad.promote.ready_git import make_tag, next_tag, tag_item
from mlroad.promote.ready_item import Readiness


def tag(found: Readiness) -> Readiness:
    """Tag HEAD if nothing else is left."""
    if found.left != [found.items[-1]]:
        return found
    new = found.next_tag
    make_tag(found.root, new, _message(found))
    following = next_tag(found.root, found.name)
    items = (*found.items[:-1], tag_item(found.model, new, following))
    did = (*found.did, f"tagged HEAD as {new}")
    return replace(found, items=items, tag=new, next_tag=following, did=did)


def _message(found: Readiness) -> str:
    recorded = read_metrics(found.model)
    figures = "\n".join(f"{name} {value:g}" for name, value in recorded.metrics.items()) if recorded else ""
    return f"{found.name}: ready for promotion\n\n{figures}\n"
