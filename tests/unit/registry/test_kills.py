"""SIGKILL at any moment of register and approve, and concurrent writers.

The commands run as real processes, forked from one that has imported MLflow. They are killed after delays
spread over their duration, or soon after their first write to disk.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.registry.base import Version
from mlroad.registry.champion import previous_champion
from mlroad.registry.history import history
from mlroad.registry.local_registry import LocalRegistry
from mlroad.registry.registered_model import judged_digest
from mlroad.registry.version_proof import Proof
from mlroad.registry.why import why
from tests.support import git
from tests.unit.registry.repos import aliases, begin, factory, listed, make_run

KILLS = 12
pytestmark = pytest.mark.slow


def consistent(repo: Path) -> dict[str, Version]:
    """Assert that all visible versions are complete; return the versions by alias."""
    registry = LocalRegistry.of(repo)
    versions = registry.versions("diabetes")
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    assert len({version.tags["lineage_id"] for version in versions}) == len(versions)
    for version in versions[-2:]:
        assert why(version, Proof("", {})).startswith(version.name)
        for stage, key in (("prod", "model_digest"), ("dev", "dev_model_digest")):
            path = registry.model_path(version, stage)
            assert path is not None
            assert judged_digest(path) == version.lineage[key] == version.tags[key]
            assert json.loads((path / "lineage.json").read_text(encoding="utf-8")) == dict(version.lineage)
    found = {alias: version for version in versions for alias in version.aliases}
    for alias in ("candidate", "champion"):
        assert registry.by_alias("diabetes", alias) == found.get(alias)
    return found


def killed(repo: Path, words: tuple[str, ...], when: Callable[[], bool], longest: float) -> bool:
    """Start a command and kill it when ``when`` returns true. Return whether it was killed before its end."""
    child = begin(repo, *words)
    started = time.monotonic()
    while child.is_alive() and not when() and time.monotonic() - started < longest:
        time.sleep(0.0005)
    child.kill()
    child.join()
    return child.exitcode != 0


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def duration(repo: Path, *words: str) -> float:
    """How long a command takes when it is not killed."""
    started = time.monotonic()
    child = begin(repo, *words)
    child.join()
    assert child.exitcode == 0
    return time.monotonic() - started


def registration(repo: Path, number: int) -> tuple[str, ...]:
    run, twin = make_run(repo, number), make_run(repo, number, "dev")
    return ("register", "diabetes", "--run", run, "--dev-run", twin)


class Pace:
    """How long a command takes, corrected after each kill: other work may slow the machine at any time.

    So some kills happen before the command's end, whatever the first measurement was.
    """

    def __init__(self, seconds: float) -> None:
        self.usual = seconds

    def correct(self, early: bool, nothing_yet: bool) -> None:
        """``early``: killed before its end; ``nothing_yet``: killed before it wrote anything."""
        self.usual *= 1.2 if nothing_yet else 1.0 if early else 0.8


def test_register_killed_at_any_moment(repo: Path) -> None:
    duration(repo, *registration(repo, 1))  # the first also waits for the fork server
    pace = Pace(duration(repo, *registration(repo, 2)))
    chance = random.Random(6)
    seen: Counter[str] = Counter()
    for number in range(3, 3 + KILLS):
        words = registration(repo, number)
        before = {path.name for path in (repo / ".registry" / "models" / "diabetes").iterdir()}

        def has_content(before: set[str] = before) -> bool:
            folder = repo / ".registry" / "models" / "diabetes"
            return any(path.name not in before for path in folder.iterdir())

        if number % 2:
            when = after(pace.usual * chance.uniform(0.2, 1.1))
        else:
            pause = pace.usual * chance.uniform(0, 0.15)

            def when(pause: float = pause, ready: Callable[[], bool] = has_content) -> bool:
                if ready():
                    time.sleep(pause)
                    return True
                return False

        early = killed(repo, words, when, 60)
        found = consistent(repo)
        entry = len(listed(repo)) == number
        seen[_state(early, has_content(), entry, found["candidate"].number == number)] += 1
        pace.correct(early, not has_content())
        assert found["candidate"].number in (number, number - 1)
        factory(repo, *words)
        found = consistent(repo)
        assert len(listed(repo)) == number
        assert found["candidate"].number == number
    print(dict(seen))
    assert len(seen) >= 2, seen  # which states are seen depends on the machine's speed
    assert len(list((repo / ".registry" / "models" / "diabetes").iterdir())) == 2 + KILLS


def _state(early: bool, content: bool, entry: bool, alias: bool) -> str:
    if not early:
        return "finished"
    if not content:
        return "nothing yet"
    if not entry:
        return "content without an entry"
    return "all but the end" if alias else "an entry without its alias"


def test_the_very_first_registration_killed(bare: Path) -> None:
    """MLflow creates its database in many steps; a partial database must never be visible."""
    words = registration(bare, 1)
    trial = Path(shutil.copytree(bare, bare.with_name("trial")))
    pace = Pace(duration(trial, *words))
    seen = set()
    for part in (0.3, 0.45, 0.6, 0.75, 0.9):
        repo = Path(shutil.copytree(bare, bare.with_name(f"repo{part}")))
        early = killed(repo, words, after(pace.usual * part), 60)
        made = (repo / ".registry" / "mlflow.db").exists()
        seen.add((early, made))
        pace.correct(early, not made)
        consistent(repo)
        factory(repo, *words)
        assert consistent(repo)["candidate"].number == 1
    print(seen)
    assert (True, False) in seen


def notes(repo: Path, number: int) -> list[dict[str, Any]]:
    """The recorded times at which a version became champion."""
    return history(LocalRegistry.of(repo).version("diabetes", number))


def test_approve_killed_at_any_moment(three: Path) -> None:
    duration(three, "approve", "diabetes:1")  # also waits for the fork server
    pace = Pace(duration(three, "approve", "diabetes:2"))
    chance = random.Random(6)
    now, seen = 2, Counter[str]()
    for number in range(KILLS):
        if now == 3:  # an approval never goes back
            factory(three, "rollback", "diabetes", "--to", "1")
            now = 1
        target = now + 1
        noted = len(notes(three, target))
        when = after(pace.usual * chance.uniform(0.3, 1.3))
        early = killed(three, ("approve", f"diabetes:{target}"), when, 60)
        found = consistent(three)
        assert found["champion"].number in (now, target)
        moved = found["champion"].number == target
        began = len(notes(three, target)) > noted
        seen["moved" if moved else "noted" if early and began else "nothing yet"] += 1
        pace.correct(early, not moved and not began)
        factory(three, "approve", f"diabetes:{target}")
        versions = LocalRegistry.of(three).versions("diabetes")
        assert consistent(three)["champion"].number == target
        assert previous_champion(versions) == now, number
        now = target
    print(dict(seen))
    assert len(seen) >= 2, seen


def test_publish_killed(repo: Path, tmp_path: Path) -> None:
    """Killed before, between and after the local write and the push: a rerun finishes both."""
    remote = tmp_path / "origin.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(remote))
    git(repo, "remote", "add", "origin", str(remote))
    git(repo, "push", "--quiet", "origin", "main")
    pace = Pace(duration(repo, *registration(repo, 1), "--publish"))
    chance = random.Random(6)
    for number in range(2, 6):
        words = (*registration(repo, number), "--publish")
        early = killed(repo, words, after(pace.usual * chance.uniform(0.2, 1.05)), 60)
        pace.correct(early, nothing_yet=False)
        factory(repo, *words)
        assert consistent(repo)["candidate"].number == number
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(remote), str(other))
    factory(other, "registry", "pull")
    assert listed(other) == listed(repo)
    consistent(other)


def test_registrations_at_once(repo: Path) -> None:
    """Six registrations, two of them of the same run."""
    commands = [registration(repo, number) for number in range(1, 6)]
    children = [begin(repo, *words) for words in [*commands, commands[0]]]
    for child in children:
        child.join(300)
    assert [child.exitcode for child in children] == [0] * 6
    assert len(listed(repo)) == 5
    assert aliases(repo) == {"candidate": 5}
    consistent(repo)


def test_the_first_registrations_at_once(bare: Path) -> None:
    commands = [registration(bare, number) for number in (1, 2)]
    children = [begin(bare, *words) for words in commands]
    for child in children:
        child.join(300)
    assert [child.exitcode for child in children] == [0, 0]
    assert aliases(bare) == {"candidate": 2}
    consistent(bare)
