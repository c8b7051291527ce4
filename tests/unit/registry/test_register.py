"""`mlroad register`: what it accepts, what it records, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.digests import digest_of
from mlroad.data.version import checksum_of, load_version
from mlroad.gate.records import SCHEMA
from mlroad.gate.register import _copy
from mlroad.models.onnx_export import EXPORT
from mlroad.registry.base import Refused
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model
from tests.support import call, commit_all, git
from tests.unit.registry.repos import (
    DIGESTS,
    EXPIRES,
    WAIVERS,
    aliases,
    environment,
    factory,
    judge_run,
    listed,
    make_run,
    register,
    write,
)


def test_without_ids_the_newest_run_and_its_twin_are_registered(repo: Path) -> None:
    for number in (1, 2):
        make_run(repo, number), make_run(repo, number, "dev")
    make_run(repo, 3, "dev", git_state={"commit": "0" * 40})
    make_run(repo, 4, "dev", judged=False)
    factory(repo, "register", "diabetes")
    (version,) = listed(repo)
    lineage = json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)
    assert version["version"] == 1
    assert "20261124-100002-000000" in json.dumps(lineage)
    assert "20261124-000002-000000" in json.dumps(lineage)


@pytest.mark.parametrize("full", ["shutil.copytree", "pathlib.Path.mkdir"])
def test_a_full_disk_leaves_nothing_half_registered(repo: Path, full: str) -> None:
    run = make_run(repo, 1)

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full, fails)
        done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert (done.returncode, "No space left on device" in done.stderr) == (2, True), done.stderr
    assert not [
        path for path in (repo / ".registry").rglob("*") if path.name.startswith(("MLmodel", "lineage"))
    ]
    factory(repo, "register", "diabetes", "--run", run)
    assert aliases(repo) == {"candidate": 1}


def test_without_a_run_on_prod_data_nothing_is_registered(repo: Path) -> None:
    make_run(repo, 1, "dev")
    done = factory(repo, "register", "diabetes", check=False)
    assert done.returncode == 2
    assert "mlroad train diabetes --data prod" in done.stderr


def test_a_green_candidate_is_registered_once_with_its_lineage(repo: Path) -> None:
    prod, dev = make_run(repo, 1), make_run(repo, 1, "dev")
    first = factory(repo, "register", "diabetes", "--run", prod, "--dev-run", dev)
    again = factory(repo, "register", "models/diabetes", "--run", prod, "--dev-run", dev)
    assert "registered diabetes:1" in first.stdout
    assert "next: mlroad approve diabetes:1" in first.stdout
    assert "already registered as diabetes:1" in again.stdout
    assert aliases(repo) == {"candidate": 1}
    folder = Path(factory(repo, "registry", "path", "diabetes:1").stdout.strip())
    dev_folder = Path(
        factory(repo, "registry", "path", "diabetes@candidate", "--stage", "dev").stdout.strip()
    )
    assert "# prod 1" in (repo / folder / "MLmodel").read_text(encoding="utf-8")
    assert "# dev 1" in (repo / dev_folder / "MLmodel").read_text(encoding="utf-8")
    content = {path.name for path in (repo / folder).parent.iterdir()}
    assert content == {
        "lineage.json", "verdict.json", "inference.json", "report.html", "onnx", "model", "dev",
    }  # fmt: skip
    lineage = json.loads((repo / folder).parent.joinpath("lineage.json").read_text(encoding="utf-8"))
    for model in (folder, dev_folder):  # a model's folder contains its lineage
        assert {path.name for path in (repo / model).iterdir()} == {
            "MLmodel", "requirements.txt", "lineage.json",
        }  # fmt: skip
        inside = (repo / model / "lineage.json").read_bytes()
        assert inside == (repo / folder).parent.joinpath("lineage.json").read_bytes()
    assert not list((repo / ".runs").rglob("lineage.json")), "the run stays what was judged"
    assert lineage["commit"] == git(repo, "rev-parse", "HEAD").strip()
    assert lineage["provenance"]["tag"] == "diabetes-v2"
    assert lineage["parameters"] == {"max_depth": 3}
    assert lineage["packages"] == {name: version(name) for name in ("scikit-learn", "pandas")}
    assert [(its["stage"], its["dataset"]) for its in lineage["datasets"]] == [
        ("prod", "diabetes_train:1"),
        ("dev", "diabetes_train:2"),
    ]
    assert lineage["datasets"][1]["parents"][0]["parents"][0]["dataset"] == "diabetes:1"


@pytest.mark.slow
def test_the_workflow_gets_the_version(repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "output"
    words = [sys.executable, "-m", "mlroad", "register", "diabetes", "--run", make_run(repo, 1)]
    call(words, repo, {**environment(), "GITHUB_OUTPUT": str(out), "GITHUB_ACTOR": "octocat"})
    number, lineage = out.read_text(encoding="utf-8").splitlines()
    assert number == "version=1"
    assert lineage.startswith("lineage=sha256:")
    assert "by octocat" in factory(repo, "why", "diabetes:1").stdout


def test_an_older_commit_of_this_history_is_fine(repo: Path) -> None:
    run = make_run(repo, 1)
    commit_all(repo, "Later")
    factory(repo, "register", "diabetes", "--run", run)


def test_a_registry_that_moved_to_another_place_works_there(repo: Path, tmp_path: Path) -> None:
    register(repo, 1)
    moved = tmp_path / "elsewhere"
    repo.rename(moved)
    factory(moved, "approve", "diabetes")
    assert aliases(moved) == {"candidate": 1, "champion": 1}
    assert str(repo).encode() not in (moved / ".registry" / "mlflow.db").read_bytes()


def test_versions_are_sorted_as_numbers(repo: Path) -> None:
    for number in range(1, 12):
        factory(repo, "register", "diabetes", "--run", make_run(repo, number))
    assert [its["version"] for its in listed(repo)] == list(range(1, 12))
    assert aliases(repo) == {"candidate": 11}
    assert factory(repo, "list").stdout.splitlines()[-1].startswith("diabetes:11  candidate")


def test_registering_an_older_run_again_leaves_the_newer_candidate(repo: Path) -> None:
    run = register(repo, 1)
    register(repo, 2)
    factory(repo, "register", "diabetes", "--run", run)
    assert aliases(repo) == {"candidate": 2}


Change = Callable[[Path, Path], Any]


def _records(**changes: Any) -> Change:
    return _json("gate/records.json", **changes)


def _json(name: str, **changes: Any) -> Change:
    def change(_: Path, run: Path) -> None:
        write(run / name, json.loads((run / name).read_text(encoding="utf-8")) | changes)

    return change


def _other_commit(repo: Path, run: Path) -> None:
    """Record a commit of a branch that was never merged."""
    git(repo, "switch", "--quiet", "-c", "other")
    commit_all(repo, "Never merged")
    commit = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "switch", "--quiet", "main")
    _json("run.json", git={"commit": commit, "dirty": False})(repo, run)


def _retrained(_: Path, run: Path) -> None:
    (run / "outputs" / "model" / "MLmodel").write_text("another\n", encoding="utf-8")


def _green_verdict(_: Path, run: Path) -> None:
    """Edit the verdict of a run that failed, so that it says passed."""
    judge_run(run.parents[2], run.name, error=70)
    green = {"schema": 1, "model": "diabetes", "run": run.name, "stage": "prod", "verdict": "better"}
    write(run / "gate" / "verdict.json", {**green, "passed": True, "headline": "Good.", "checks": []})


def _seal(run: Path, file: str) -> None:
    """Update the digest of an edited file in records.json."""
    records = json.loads((run / "gate" / "records.json").read_text(encoding="utf-8"))
    digest = f"sha256:{hashlib.sha256((run / 'gate' / file).read_bytes()).hexdigest()}"
    write(run / "gate" / "records.json", records | {"files": records["files"] | {file: digest}})


def _edited_case(sealed: bool) -> Change:
    def change(_: Path, run: Path) -> None:
        file = run / "gate" / "case_answers-pyfunc.jsonl"
        file.write_text(file.read_text(encoding="utf-8").replace("7.0", "8.5"), encoding="utf-8")
        if sealed:
            _seal(run, file.name)

    return change


def _edited_answers(_: Path, run: Path) -> None:
    file = run / "gate" / "answers.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def _damaged_answers(_: Path, run: Path) -> None:
    """Damage the file, and record its new digest."""
    (run / "gate" / "answers.parquet").write_bytes(b"no parquet")
    _seal(run, "answers.parquet")


def _other_answers(repo: Path, run: Path) -> None:
    """Copy the records of a better run."""
    other = make_run(repo, 9, error=1)
    for name in ("records.json", "answers.parquet", "case_answers-pyfunc.jsonl"):
        shutil.copyfile(run.with_name(other) / "gate" / name, run / "gate" / name)


def _other_holdout(committed: bool) -> Change:
    """Replace the holdout with an easier one, and update digest and checksum in its version file."""

    def change(repo: Path, _: Path) -> None:
        data, version = (repo / "datasets" / "diabetes_holdout" / name for name in ("1/data.csv", "1.yml"))
        data.write_text(data.read_text(encoding="utf-8").replace("100.0", "101.0"), encoding="utf-8")
        digest = f"sha256:{hashlib.sha256(data.read_bytes()).hexdigest()}"
        text = version.read_text(encoding="utf-8").replace(DIGESTS["holdout"], digest)
        version.write_text(text, encoding="utf-8")
        sealed = load_version(version)
        text = text.replace(str(sealed.checksum), checksum_of(sealed))
        version.write_text(text, encoding="utf-8")
        if committed:
            commit_all(repo, "Another holdout")

    return change


def _changed_data(repo: Path, _: Path) -> None:
    (repo / "datasets" / "diabetes_holdout" / "1" / "data.csv").write_text("sex\n1\n", encoding="utf-8")


_OVERLAP: dict[str, Any] = {"clean": False, "what": "3 of", "warnings": []}
_TIMED: dict[str, list[float]] = {"cold": [2.0], "machine": [], "waited": [], "champion_waited": []}


REFUSED: dict[str, tuple[Change, str]] = {
    "not gated": (
        lambda _, run: (run / "gate" / "records.json").unlink(),
        "the gate has recorded no answers. Gate it again: `mlroad gate diabetes --run",
    ),
    "half a record": (
        lambda _, run: (run / "gate" / "records.json").write_text('{"schema": 1,', encoding="utf-8"),
        "cannot be read",
    ),
    "no record": (lambda _, run: write(run / "gate" / "records.json", {"schema": SCHEMA}), "not written by"),
    "no list": (_records(timings={"candidate": "fast"}), "was not written by the gate"),
    "a later schema": (_records(schema=SCHEMA + 1), "was written by another version of mlroad"),
    "an earlier schema": (_records(schema=SCHEMA - 1), "was written by another version of mlroad"),
    "no answers": (lambda _, run: (run / "gate" / "answers.parquet").unlink(), "answers.parquet cannot be"),
    "edited answers": (_edited_answers, "answers.parquet has changed since the gate wrote it"),
    "damaged answers": (_damaged_answers, "was not written by the gate"),
    "edited case": (_edited_case(sealed=False), "case_answers-pyfunc.jsonl has changed since the gate"),
    "edited and sealed case": (_edited_case(sealed=True), "1 of 2 inference tests failed: golden-1."),
    "red": (
        lambda repo, run: judge_run(repo, run.name, error=70),
        "metrics.mae.limit: mae is 70 (the same in every resample), but must be at most 60.",
    ),
    "a green verdict by hand": (_green_verdict, "metrics.mae.limit: mae is 70"),
    "too slow": (
        _records(timings={"candidate": [200.0] * 111, "champion": [], "error": "", **_TIMED}),
        "latency.p95: One row takes 200 ms",
    ),
    "timed once": (
        _records(timings={"candidate": [1.0], "champion": [], "error": "", **_TIMED}),
        "latency.p95: Too few rows were timed.",
    ),
    "overlap": (
        _records(overlap={**_OVERLAP, "training": {"diabetes_train:1": DIGESTS["prod"]}}),
        "data.overlap: 3 of",
    ),
    "overlap of other data": (
        _records(overlap={**_OVERLAP, "training": {"diabetes_train:2": DIGESTS["dev"]}, "clean": True}),
        "data.overlap: The training data has changed since it was compared with the holdout.",
    ),
    "no overlap": (_records(overlap=None), "data.overlap: They could not be compared"),
    "never timed": (_records(timings=None), "latency.p95: Too few rows were timed."),
    "no case was asked": (_records(cases={}), "The inference tests were not run."),
    "another model's answers": (_other_answers, "The recorded answers are of another run: diabetes 2026"),
    "another holdout": (_other_holdout(committed=False), "datasets/diabetes_holdout/1.yml differs from HEAD"),
    "another committed holdout": (_other_holdout(committed=True), "for a holdout with another digest"),
    "the holdout has changed": (_changed_data, "data.holdout: "),
    "trained on dev data": (_json("train.json", data="dev"), "was trained on dev data, not prod"),
    "train.json of another run": (_json("train.json", run="x"), "train.json is of another run: diabetes x"),
    "retrained since": (_retrained, "The model is not the one whose answers were recorded."),
    "a lineage of its own": (
        lambda _, run: (run / "outputs" / "model" / "Lineage.json").write_text("{}", encoding="utf-8"),
        "The model has its own Lineage.json, but the registry writes that file: choose another name.",
    ),
    "no model": (lambda _, run: shutil.rmtree(run / "outputs" / "model"), "has no model"),
    "dirty": (_json("run.json", git={"commit": "0" * 40, "dirty": True}), "files that are not committed"),
    "perhaps dirty": (
        _json("run.json", git={"commit": "0" * 40, "dirty": None}),
        "files that are not committed",
    ),
    "no commit": (_json("run.json", git={"commit": None, "dirty": False}), "has no commit"),
    "a commit that git does not know": (
        _json("run.json", git={"commit": "0" * 40, "dirty": False}),
        "not in the history of HEAD",
    ),
    "a commit of another branch": (_other_commit, "not in the history of HEAD"),
    "another champion": (
        _records(champion={"version": "7", "digest": "sha256:7", "commit": None}),
        "Version 7 cannot be measured: its answers were not recorded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(repo: Path, name: str) -> None:
    change, reason = REFUSED[name]
    run = make_run(repo, 1)
    change(repo, repo / ".runs" / "diabetes" / run)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert listed(repo) == []


def test_a_waived_check_is_accepted(repo: Path) -> None:
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    run = make_run(repo, 2, champion=1, error=50)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert "metrics.mae.regression: mae is 50, the champion's 45.5: worse by 4.5" in done.stderr
    waiver = WAIVERS.replace("size", "metrics.mae.regression")
    file = repo / "models" / "diabetes" / "waivers.yml"
    file.write_text(WAIVERS + waiver, encoding="utf-8")
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert "models/diabetes/waivers.yml differs from HEAD. Commit it" in done.stderr
    commit_all(repo, "Let it be worse for a while")
    factory(repo, "register", "diabetes", "--run", run)  # by the rules that are committed now
    assert listed(repo)[-1]["verdict"] == "worse"


def test_a_waiver_that_has_ended_since_the_gate(repo: Path) -> None:
    run = make_run(repo, 1)
    file = repo / "models" / "diabetes" / "waivers.yml"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    file.write_text(WAIVERS.replace(str(EXPIRES), str(yesterday)), encoding="utf-8")
    commit_all(repo, "As if it were later")
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 1
    assert f"expired on {yesterday}" in done.stderr


def test_a_twin_must_be_green_and_of_the_same_commit(repo: Path) -> None:
    red = make_run(repo, 1, "dev", error=70)
    old = make_run(repo, 2, "dev")
    commit_all(repo, "Later")
    run = make_run(repo, 1)
    for dev, reason in (
        (red, "metrics.mae.limit: mae is 70"),
        (old, "is of commit"),
        (run, "was trained on prod data, not dev"),
    ):
        done = factory(repo, "register", "diabetes", "--run", run, "--dev-run", dev, check=False)
        assert done.returncode == 1
        assert reason in done.stderr
    assert listed(repo) == []


def test_answers_compared_with_the_champion_before_are_stale(repo: Path) -> None:
    register(repo, 1)
    factory(repo, "approve", "diabetes")
    stale, fresh = make_run(repo, 2), make_run(repo, 3, champion=1)
    done = factory(repo, "register", "diabetes", "--run", stale, check=False)
    assert done.returncode == 1
    assert "was judged without a champion, but the champion is now 1. Gate it again" in done.stderr
    other = make_run(repo, 4, champion=1)
    file = repo / ".runs" / "diabetes" / other / "gate" / "records.json"
    records = json.loads(file.read_text(encoding="utf-8"))
    for part in (records["champion"], records["answers"]["champion"]):
        part["digest"] = "sha256:weaker"
    write(file, records)
    done = factory(repo, "register", "diabetes", "--run", other, check=False)
    assert done.returncode == 1
    assert "The model of diabetes:1 is not the one that was compared." in done.stderr
    factory(repo, "register", "diabetes", "--run", fresh)
    factory(repo, "approve", "diabetes")
    factory(repo, "register", "diabetes", "--run", fresh)  # it is the champion now


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("register", "diabetes", "--run", "20261124-1"), "There is no run 20261124-1"),
        (("register", "diabets", "--run", "x"), "Did you mean diabetes?"),
        (("register", "diabetes", "--dev-run", "x"), "Name both runs"),
        (("approve", "diabetes"), "No version of diabetes is candidate"),
        (("rollback", "diabetes"), "has no champion"),
        (("why", "diabetes"), "Which version of diabetes?"),
        (("why", "diabetes:1"), "There is no diabetes:1"),
        (("why", "diabetes@champion"), "No version of diabetes is champion"),
        (("why", "diabetes:latest"), "could be another version tomorrow"),
        (("approve", "diabetes@latest"), "could be another version tomorrow"),
        (("why", "diabetes:01"), "Versions are numbers"),
        (("why", "a b"), "is not the name of a version"),
        (("who-used", "diabetes:latest"), "can name different data tomorrow"),
        (("registry", "tag", "diabetes:1", "passed=true"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "content=x"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "content_run=x"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "alias.champion=x"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "signature=x"), "is part of the proof"),
        (("registry", "tag", "diabetes:1", "passed"), "is not a tag"),
        (("registry", "path", "diabetes:1"), "There is no diabetes:1"),
    ],
)
def test_a_mistake_is_reported_without_a_traceback(repo: Path, words: tuple[str, ...], reason: str) -> None:
    done = factory(repo, *words, check=False)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unfinished_run_is_refused(repo: Path) -> None:
    run = make_run(repo, 1)
    _json("run.json", state="failed")(repo, repo / ".runs" / "diabetes" / run)
    done = factory(repo, "register", "diabetes", "--run", run, check=False)
    assert done.returncode == 2
    assert "did not finish" in done.stderr


def test_a_damaged_registry_is_reported_without_a_traceback(repo: Path) -> None:
    register(repo, 1)
    (repo / ".registry" / "mlflow.db").write_bytes(b"not a database" * 1000)
    done = factory(repo, "list", check=False)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


def test_what_changes_while_it_is_copied_is_refused(repo: Path, tmp_path: Path) -> None:
    candidate = find_candidate(find_model(repo, "diabetes"), make_run(repo, 1))
    (candidate.gate / EXPORT).mkdir()
    (candidate.gate / EXPORT / "model.onnx").write_bytes(b"judged")
    model, exported = candidate.digest(), digest_of(candidate.gate / EXPORT)
    for place, (digest, other, what) in enumerate(
        ((model, exported, ""), ("sha256:0", exported, "Its model"), (model, "sha256:0", "Its export"))
    ):
        verdict = {"export": {"digest": other}}
        if not what:
            _copy(candidate, tmp_path / "fine", digest, verdict)
            assert (tmp_path / "fine" / EXPORT / "model.onnx").read_bytes() == b"judged"
            continue
        with pytest.raises(Refused, match=f"{what} changed while it was copied"):
            _copy(candidate, tmp_path / str(place), digest, verdict)
