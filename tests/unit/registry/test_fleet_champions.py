"""`mlroad fleet` reads the champions from the registry's branch, as far as a clone has it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import commit_all, git
from tests.unit.registry.repos import factory

pytestmark = pytest.mark.slow


def test_the_champion_and_the_day_of_its_approval(three: Path, tmp_path: Path) -> None:
    answers = f"_commit: v1\n_src_path: {tmp_path / 'gone'}\n"
    (three / ".copier-answers.yml").write_text(answers, encoding="utf-8")
    commit_all(three, "Answers")
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    git(three, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(three, "push", "--quiet", "origin", "main")
    git(tmp_path, "clone", "--quiet", "origin.git", "before")
    factory(three, "approve", "diabetes:1")
    factory(three, "approve", "diabetes:2")
    factory(three, "registry", "push")
    git(tmp_path, "clone", "--quiet", "origin.git", "after")
    git(tmp_path, "clone", "--quiet", "origin.git", "broken")
    shutil.copytree(tmp_path / "after", tmp_path / "pulled")
    git(tmp_path / "pulled", "update-ref", "refs/factory/registry", "origin/registry")
    git(tmp_path / "pulled", "update-ref", "-d", "refs/remotes/origin/registry")
    git(tmp_path / "broken", "update-ref", "refs/remotes/origin/registry", "HEAD")  # without mlflow.db

    places = ["before", "after", "pulled", "broken", (tmp_path / "origin.git").as_uri()]
    said = factory(tmp_path, "fleet", *places, "--json")
    rows = {row["name"]: row for row in json.loads(said.stdout)["repos"]}
    today = datetime.now(UTC).date().isoformat()
    champion = [{"name": "diabetes", "champion": 2, "promoted": today}]
    none = [{"name": "diabetes", "champion": None, "promoted": ""}]
    assert [rows[name]["models"] for name in ("before", "after", "pulled")] == [none, champion, champion]
    [address] = [row for name, row in rows.items() if name.endswith("/origin")]
    assert address["models"] == champion
    assert "mlflow.db" in rows["broken"]["problem"]
    assert f"diabetes:2 ({today}); The template at " in factory(tmp_path, "fleet", "after").stdout
