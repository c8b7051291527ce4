"""`mlroad new` in a factory: a model that the factory accepts, or nothing."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from mlroad.data.store import find_verified
from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import read_holdout
from mlroad.gate.toothless import passed_by_a_guess
from mlroad.steps.new_model import KINDS
from tests.support import REPO, contents, git
from tests.unit.cli.command import Command


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    """An empty factory."""
    repo = tmp_path / "factory"
    (repo / "datasets").mkdir(parents=True)
    (repo / "models").mkdir()
    (repo / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    (repo / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n', encoding="utf-8")
    (repo / ".gitattributes").write_text("/datasets/** -text\n", encoding="utf-8")
    (repo / ".github").mkdir()
    (repo / ".github" / "CODEOWNERS").write_text("* @acme/models\n/vendor/ @acme/tools\n", encoding="utf-8")
    git(repo, "init", "--quiet")
    return repo


@pytest.fixture
def run(factory: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(factory, capfd, monkeypatch)


def files(factory: Path) -> dict[str, bytes]:
    """Every file, except the cache of digests."""
    return {name: data for name, data in contents(factory).items() if not name.startswith(".mlroad/")}


def test_what_tests_log_does_not_reach_the_repos_own_runs(
    run: Command, factory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("new", "shop").code == 0
    made = factory / "models/shop/tests/conftest.py"
    [sample] = (REPO / "factory_template/models").glob("*diabetes*/tests/conftest.py")
    assert made.read_bytes() == sample.read_bytes()
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "")  # and set back afterwards
    monkeypatch.setattr(sys, "path", [*sys.path])
    kept = runpy.run_path(str(made))
    store = Path(url2pathname(urlsplit(os.environ["MLFLOW_TRACKING_URI"]).path))
    assert not store.is_relative_to(factory)
    # MLflow makes its first experiment in a folder that it creates, and in no other.
    assert (store.parent.is_dir(), store.exists()) == (True, False)
    kept["STORE"].cleanup()


@pytest.mark.parametrize("kind", KINDS)
def test_check_accepts_what_new_makes(run: Command, factory: Path, kind: str) -> None:
    said = run("new", "shop", "--kind", kind)
    assert said.code == 0, said.text
    checked = run("check")
    assert checked.code == 0, checked.text
    # A new model cannot have frozen answers, it was not promoted, and its limits are a guess.
    assert {line.split(": ")[1] for line in checked.out.splitlines()[:-1]} <= {
        "MR711",
        "MR716",
        "MR719",
        "MR720",
    }
    assert "mlroad train shop" in checked.out
    assert "@acme/models" in (factory / "models/shop/MODEL_CARD.md").read_text(encoding="utf-8")
    assert not (factory / "models/shop/data").exists()
    gates = load_gates(factory / "models/shop/gates.yml")
    holdout = read_holdout(find_verified(factory, gates.holdout), gates)
    assert not list(passed_by_a_guess(gates, holdout.truth, {}))


def test_the_teams_own_data(run: Command, factory: Path) -> None:
    rows = [f"{n},{n % 3},{'ab'[n % 2]},{n * 2}" for n in range(200)]
    raw = factory.parent / "flats.csv"
    raw.write_text("\n".join(["size,rooms,side,price", *rows]) + "\n", encoding="utf-8")
    assert run("dataset", "add", "flats", str(raw)).code == 0
    words = ("new", "rents", "--input", "raw=azureml:flats:1", "--input")
    before = files(factory)
    said = run(*words, "target=prize")
    what = "flats:1 has no column prize, which the input target names. Did you mean price?"
    assert (said.code, what in said.err) == (2, True)
    assert files(factory) == before
    assert run(*words, "target=price").code == 0
    assert run("check").code == 0
    gates = (factory / "models/rents/gates.yml").read_text(encoding="utf-8")
    assert "holdout: azureml:flats_holdout:1" in gates
    assert "column: rooms" not in gates  # three values of 16 rows each are too few
    # A second model takes the same holdout.
    assert run("new", "second", "--input", "raw=azureml:flats_train:1", "--input", "target=price").code == 0
    assert "flats_holdout:1" in (factory / "models/second/gates.yml").read_text(encoding="utf-8")
    assert run("check").code == 0


def test_labels_may_have_spaces_between_them(run: Command, factory: Path) -> None:
    rows = [f"{n},{n % 2},{n % 3 // 2}" for n in range(200)]
    raw = factory.parent / "faults.csv"
    raw.write_text("\n".join(["age,pump,wiring", *rows]) + "\n", encoding="utf-8")
    assert run("dataset", "add", "faults", str(raw)).code == 0
    words = ("new", "faulty", "--kind", "multilabel", "--input", "raw=azureml:faults:1", "--input")
    said = run(*words, "labels=pump, wirings")
    assert (said.code, "has no column wirings" in said.err) == (2, True)
    said = run(*words, "labels=pump, wiring")
    assert said.code == 0, said.text
    assert load_gates(factory / "models/faulty/gates.yml").targets == ("pump", "wiring")


def test_a_holdout_that_exists_is_used_as_it_was_made(run: Command, factory: Path) -> None:
    """A kind of model that would split its data by the target takes one that was split otherwise."""
    rows = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(200)]
    raw = factory.parent / "flats.csv"
    raw.write_text("\n".join(["size,rooms,side", *rows]) + "\n", encoding="utf-8")
    assert run("dataset", "add", "flats", str(raw)).code == 0
    assert run("dataset", "split", "flats:1", "--share", "0.3").code == 0
    holdout = (factory / "datasets/flats_holdout/1.yml").read_bytes()
    words = ("--kind", "classification", "--input", "raw=azureml:flats:1", "--input", "target=side")
    said = run("new", "sides", *words)
    assert said.code == 0, said
    assert "holdout: azureml:flats_holdout:1" in (factory / "models/sides/gates.yml").read_text(
        encoding="utf-8"
    )
    assert (factory / "datasets/flats_holdout/1.yml").read_bytes() == holdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--input", "raw=azureml:missing:1"), "There is no dataset missing"),
        (("--input", "alpha=3"), "there is no input alpha. The inputs are raw, target"),
        (("--input", "targt=3"), "Did you mean target?"),
        (("--input", "target"), "is not NAME=VALUE"),
    ],
)
def test_a_mistake_leaves_nothing_behind(
    run: Command, factory: Path, words: tuple[str, ...], what: str
) -> None:
    before = files(factory)
    said = run("new", "rents", *words)
    assert (said.code, what in said.err) == (2, True), said.text
    assert files(factory) == before


def test_a_dataset_of_the_same_name_is_not_touched(run: Command, factory: Path) -> None:
    assert run("new", "rents").code == 0
    (factory / "models/rents").rename(factory / "models/flats")
    before = files(factory)
    said = run("new", "rents")
    assert (said.code, "There is a dataset rents already." in said.err) == (2, True)
    assert files(factory) == before


def test_without_frozen_answers_check_is_red_if_the_gate_would_not_ask_for_them(
    run: Command, factory: Path
) -> None:
    run("new", "rents")
    gates = factory / "models/rents/gates.yml"
    gates.write_text(gates.read_text(encoding="utf-8").replace("[pyfunc, onnx]", "[]"), encoding="utf-8")
    assert run("check").code == 1


def test_a_new_model_is_asked_wherever_it_can_be(run: Command, factory: Path) -> None:
    def runtimes(name: str, *more: str) -> str:
        assert run("new", name, *more).code == 0
        gates = (factory / "models" / name / "gates.yml").read_text(encoding="utf-8")
        return gates.partition("inference_tests: ")[2].strip()

    assert runtimes("rents") == "[pyfunc, onnx]"
    assert runtimes("letters", "--kind", "text") == "[pyfunc]"
    (factory / "harness" / "dotnet" / "Cli").mkdir(parents=True)
    assert runtimes("prices") == "[pyfunc, onnx, dotnet]"
