"""The gate asks a candidate in every runtime that gates.yml requires; `register` judges the answers again."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlroad.core.repo import DOTNET_HARNESS
from mlroad.gate.run_gate import judge_records
from mlroad.models.onnx_export import EXPORT
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model
from tests.built_harness import built_harness, needs_dotnet
from tests.unit.gate import toy
from tests.unit.gate.conftest import Factory


@pytest.fixture(scope="module")
def with_tests(
    trained: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """The toy factory with inference tests, which Python and ONNX Runtime must pass."""
    repo = Path(shutil.copytree(trained[0], tmp_path_factory.mktemp("frozen") / "repo"))
    toy.run(repo, "freeze", "models/toy", "--run", trained[1])
    with (repo / "models/toy/gates.yml").open("a", encoding="utf-8") as file:
        file.write("inference_tests: [pyfunc, onnx]\n")
    return repo, *trained[1:]


@pytest.fixture
def frozen(make: Callable[..., Factory], with_tests: tuple[Path, str, str]) -> Factory:
    """A copy of it."""
    return make(with_tests)


def change_one_weight(factory: Factory) -> None:
    """The model as it would be after a change of one number in it."""
    model = factory.run / "outputs" / "model"
    file = (
        model
        / yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))["flavors"]["sklearn"][
            "pickled_model"
        ]
    )
    fitted = pickle.loads(file.read_bytes())
    fitted.coef_[0] += 0.3
    file.write_bytes(pickle.dumps(fitted))
    factory.note_outputs()


def judged_again(factory: Factory) -> dict[str, str]:
    """The results of the checks, from the recorded answers, without a model."""
    candidate = find_candidate(find_model(factory.repo, "toy"), factory.dev)
    return factory.results(judge_records(candidate))


def test_each_runtime_has_its_check_its_answers_and_its_time(frozen: Factory) -> None:
    verdict = frozen.green()
    assert frozen.results(verdict)["inference.onnx"] == "passed"
    cases = verdict["inference"]["pyfunc"]["cases"]
    assert verdict["inference"]["onnx"]["cases"] == cases > 0
    assert verdict["inference"]["onnx"]["latency"]["p50_ms"] > 0
    assert verdict["export"]["parity"]["max_difference"] < 0.01
    gate = frozen.run / "gate"
    assert json.loads((gate / "inference-onnx.json").read_text(encoding="utf-8"))["runtime"] == "onnx"
    assert (gate / EXPORT / "model.onnx").is_file()
    for name in ("pyfunc", "onnx"):
        lines = (gate / f"case_answers-{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == cases
    assert judged_again(frozen)["inference.onnx"] == "passed"
    # The export and the answers cannot be exchanged afterwards.
    with (gate / EXPORT / "contract.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    assert judged_again(frozen)["inference.onnx"] == "broken"


def test_one_weight_turns_every_runtime_red(frozen: Factory) -> None:
    change_one_weight(frozen)
    verdict = frozen.red(
        "inference.onnx", "failed", "inference tests failed: golden-", "prediction[0] is", "expected"
    )
    assert frozen.results(verdict)["inference.pyfunc"] == "failed"


def test_a_model_that_cannot_be_exported_says_why(first: Factory) -> None:
    """The answers in Python are judged all the same."""
    first.plant("return line")
    assert first.command("freeze", "models/toy", "--run", first.dev).code == 0
    first.gates("inference_tests: [pyfunc, onnx]")
    verdict = first.red("inference.onnx", "broken", "cannot be run: it cannot be exported: ")
    assert first.results(verdict)["inference.pyfunc"] == "passed"
    assert verdict["export"] is None


def test_without_a_harness_there_are_no_answers_in_dotnet(frozen: Factory) -> None:
    frozen.gates(onnx="dotnet")
    frozen.red("inference.dotnet", "broken", "This repo has no .NET harness")


@needs_dotnet
def test_python_onnx_and_dotnet_agree(
    frozen: Factory, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copytree(built_harness(tmp_path_factory), frozen.repo / DOTNET_HARNESS)
    frozen.gates(onnx="onnx, dotnet")
    verdict = frozen.green()
    assert verdict["inference"]["dotnet"]["cases"] == verdict["inference"]["pyfunc"]["cases"]
    assert verdict["inference"]["dotnet"]["figures"]["peak_mb"] > 1
    assert judged_again(frozen)["inference.dotnet"] == "passed"
    change_one_weight(frozen)
    assert frozen.results(frozen.red("inference.dotnet", "failed", "expected"))["inference.onnx"] == "failed"
    monkeypatch.setenv("PATH", without(Path(str(shutil.which("dotnet"))).parent))
    frozen.red("inference.dotnet", "broken", "There is no .NET SDK on this machine.")


def without(folder: Path) -> str:
    """The path without a folder."""
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != folder)
