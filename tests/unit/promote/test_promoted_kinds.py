"""Models that `mlroad new` made are promoted without an edit. (The tour promotes the sample.)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.unit.cli.command import Command
from tests.unit.promote.line_model import mlroad

pytestmark = pytest.mark.slow


def new_model(repo: Path, name: str, kind: str) -> None:
    """A model of a kind, with its example data as dataset versions and a written card."""
    mlroad(repo, "new", name, "--kind", kind)
    folder = repo / "models" / name
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    card = re.sub(r"(?m)^(## .*)$", r"\1\nOf the test.", card).replace("## Data", "## Data\n- Licence: CC0")
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8", newline="\n")
    mlroad(repo, "ready", f"models/{name}", "--fix", check=False)


@pytest.mark.parametrize("model, kind", [("answers", "text"), ("sales", "forecast")])
def test_no_file_has_to_be_edited(factory: Command, prototype_repo: Path, model: str, kind: str) -> None:
    new_model(prototype_repo, model, kind)
    commit_all(prototype_repo, "A model")
    mlroad(prototype_repo, "run", f"models/{model}", "--quiet")
    mlroad(prototype_repo, "ready", f"models/{model}", "--fix")
    said = factory("promote", f"{prototype_repo}@{model}-v1", model, "--no-run")
    assert said.code == 0, said
    branch = f"promote/{model}-{model}-v1"
    created = git(factory.repo, "diff", "--name-only", "main", branch).split()
    own = (f"models/{model}/", f"datasets/{model}")
    assert not [path for path in created if not path.startswith(own)]
    git(factory.repo, "switch", "--quiet", branch)
    assert factory("check").code == 0
    gates = (factory.repo / "models" / model / "gates.yml").read_text(encoding="utf-8")
    assert f"task: {kind}\n" in gates
