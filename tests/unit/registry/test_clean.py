"""clean: it shows its plan before it deletes, and never deletes a version that is needed."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.registry.repos import factory, listed, make_run

ALL = ("clean", "--keep", "1", "--days", "0")


def numbers(repo: Path) -> list[int]:
    return [its["version"] for its in listed(repo)]


@pytest.fixture
def eight(three: Path) -> Path:
    """1 and 2 were champions, 3 is the champion, 4 is deployed, 5, 6 and 7 are unused, 8 is the candidate."""
    for number in range(4, 9):
        factory(three, "register", "diabetes", "--run", make_run(three, number))
    for number in (1, 2, 3):
        factory(three, "approve", f"diabetes:{number}")
    factory(three, "registry", "tag", "diabetes:4", "deployed=production")
    factory(three, "registry", "tag", "diabetes:5", "deployed=")
    return three


def test_it_shows_and_then_deletes_unused_versions(eight: Path) -> None:
    shown = factory(eight, *ALL).stdout
    assert numbers(eight) == list(range(1, 9))
    assert "keep diabetes:2: the previous champion" in shown
    assert "keep diabetes:3: champion" in shown
    assert "keep diabetes:4: deployed: production" in shown
    assert "delete diabetes:1, registered" in shown
    assert "Nothing was deleted." in shown
    folders = eight / ".registry" / "models" / "diabetes"
    assert len(list(folders.iterdir())) == 8
    done = factory(eight, *ALL, "--yes").stdout
    assert done.splitlines() == [f"deleted diabetes:{number}" for number in (1, 5, 6, 7)]
    assert numbers(eight) == [2, 3, 4, 8]
    assert len(list(folders.iterdir())) == 4
    factory(eight, "why", "diabetes@champion")
    factory(eight, "rollback", "diabetes")
    # The hint of the rollback names it.
    assert "keep diabetes:3: it was champion before the last rollback" in factory(eight, *ALL).stdout
    factory(eight, "register", "diabetes", "--run", make_run(eight, 20, champion=2))
    assert numbers(eight) == [2, 3, 4, 8, 9]


def test_numbers_are_not_used_again(three: Path) -> None:
    factory(three, "register", "diabetes", "--run", make_run(three, 4))
    factory(three, "clean", "--keep", "1", "--days", "0", "--yes")
    from mlroad.registry.local_registry import LocalRegistry

    registry = LocalRegistry.of(three)
    factory(three, "register", "diabetes", "--run", make_run(three, 5))
    registry.remove(registry.version("diabetes", 4))
    factory(three, "register", "diabetes", "--run", make_run(three, 6))
    assert numbers(three) == [5, 6]


def test_young_versions_and_the_newest_stay(three: Path) -> None:
    assert "Nothing to delete." in factory(three, "clean", "--keep", "1", "--yes").stdout
    assert "Nothing to delete." in factory(three, "clean", "--keep", "3", "--days", "0", "--yes").stdout
    assert numbers(three) == [1, 2, 3]


def test_old_versions_go_by_their_age(three: Path) -> None:
    with closing(sqlite3.connect(three / ".registry" / "mlflow.db")) as database, database:
        then = int((time.time() - 100 * 86400) * 1000)
        database.execute("UPDATE model_versions SET creation_time = ? WHERE version IN (1, 3)", (then,))
    factory(three, "clean", "--keep", "1", "--days", "90", "--yes")
    assert numbers(three) == [2, 3]


def test_what_killed_commands_left_goes_when_it_is_old(three: Path) -> None:
    registry = three / ".registry"
    old, young = registry / "models" / "diabetes" / "0123", registry / "models" / "diabetes" / "4567"
    staged = registry / ".staged" / "89ab"
    for folder in (old, young, staged):
        (folder / "model").mkdir(parents=True)
    for folder in (old, staged):
        os.utime(folder, (time.time() - 2 * 86400,) * 2)
    assert "left behind by a command that was stopped" in factory(three, "clean").stdout
    assert old.exists()
    factory(three, "clean", "--yes")
    assert not old.exists()
    assert not staged.exists()
    assert young.exists()
    assert numbers(three) == [1, 2, 3]


def test_a_version_that_gets_an_alias_meanwhile_is_kept(eight: Path) -> None:
    from mlroad.registry.clean import carry_out, plan
    from mlroad.registry.local_registry import LocalRegistry

    registry = LocalRegistry.of(eight)
    planned = plan(registry, 1, 0)
    factory(eight, "approve", "diabetes:5")
    done = list(carry_out(registry, planned))
    assert "kept diabetes:5: champion" in done
    assert "deleted diabetes:6" in done
