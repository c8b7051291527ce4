"""Prove that the promoted model is the one that was prototyped, and measure what gates.yml needs.

The pipeline runs on the data that the prototype ran on. Its metrics must be the prototype's, and its model
must pass the inference tests. If gates.yml was drafted, the pipeline also runs as pull requests will run it,
and the gate measures that model on the holdout. All of this runs without credentials.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.repo import has_dotnet_harness
from mlroad.core.text import number, some
from mlroad.gate.gates_file import FILE as GATES
from mlroad.models.finished_run import find_run
from mlroad.models.suite import VERDICT
from mlroad.promote.factory_drafts import write_measured_gates
from mlroad.promote.promotion_plan import TOLERANCE, Plan, Tell
from mlroad.promote.prototype_metrics import metrics_of_run
from mlroad.promote.run_without_credentials import (
    Finished,
    mlroad_without_credentials,
    require,
    run_or_refuse,
    tests_without_credentials,
)
from mlroad.promote.workbench import Workbench
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import ModelFolder

TRIED = ("pyfunc", "onnx")
"""The runtimes of a drafted gates.yml while it is tried."""
_IN_ONNX = "inference.onnx"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured: the metrics of the run here, and the candidate's on the holdout."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    cases: int = 0
    """How many inference tests passed; 0 if nothing ran."""
    on_holdout: Mapping[str, float] = field(default_factory=dict)
    holdout: str = ""
    tolerance: float = TOLERANCE
    """How far a metric could be from the prototype's."""


def run_as_prototyped(bench: Workbench, plan: Plan, tolerance: float, tell: Tell) -> Proof:
    """Run the model on the prototype's data, and compare. Raises UserError if it fails or differs."""
    name, folder = plan.taken.name, f"models/{plan.taken.name}"
    inputs = [
        option for key, it in plan.taken.inputs.items() for option in ("--input", f"{key}=azureml:{it}")
    ]
    tell(f"Running {folder} on the prototype's data.")
    run_or_refuse(bench, f"The pipeline of {name} fails here", "run", folder, "--quiet", *inputs)
    run = find_run(bench.stage / folder)
    metrics = metrics_of_run(run, bench.stage)
    _compare(name, plan.recorded, metrics, tolerance)
    tell("Running its inference tests.")
    failure = f"The model of {name} fails its inference tests here"
    run_or_refuse(bench, failure, "test", folder, "--run", run.id)
    tests = json.loads((run.folder / VERDICT).read_text(encoding="utf-8"))
    return Proof(metrics, cases=int(tests["cases"]), tolerance=tolerance)


def try_drafts(
    bench: Workbench, plan: Plan, tree: str, drafted: Sequence[str], proof: Proof, tell: Tell
) -> tuple[Proof, str]:
    """Measure the model for a drafted gates.yml, and run drafted unit tests. Raises UserError.

    ``tree`` is that of the stage. Returns also the tree with that gates.yml, and without anything that the
    runs left.
    """
    name, question = plan.taken.name, plan.question
    folder = f"models/{name}"
    if f"{folder}/{GATES}" in drafted and question:
        proof, verdict = _measure(bench, name, proof, tell)
        bench.restore(tree, name)
        write_measured_gates(bench.stage / folder, question, verdict, runtimes_of(bench.root, verdict))
        tree = bench.snapshot(name)
    if any(path.startswith(f"{folder}/tests/") for path in drafted):
        tell("Running the drafted unit tests.")
        done = tests_without_credentials(bench, name)
        require(done, f"The drafted unit tests of {name} fail")
    return proof, tree


def _measure(bench: Workbench, name: str, proof: Proof, tell: Tell) -> tuple[Proof, Mapping[str, Any]]:
    tell("Training on the dev data and measuring on the holdout, for the limits in gates.yml.")
    model = ModelFolder(bench.stage, name)
    run_or_refuse(bench, f"{name} cannot be trained on the dev data", "train", name)
    candidate = find_candidate(model)
    gated = mlroad_without_credentials(bench, "gate", name)
    file = candidate.gate / "verdict.json"
    if not file.is_file():
        require(Finished(gated.code or 1, gated.output), f"The gate of {name} fails")
    verdict = json.loads(file.read_text(encoding="utf-8"))
    broken = [it for it in verdict["checks"] if it["result"] in ("failed", "broken")]
    # A model without an ONNX form is tested in Python only.
    left = [it for it in broken if not it["id"].startswith(("metrics.", "slices.", _IN_ONNX))]
    if left:
        told = "\n".join(f"  {it['id']}: {it['what']}" for it in left)
        raise UserError(
            f"The gate rejects {name} as it is:\n{told}\n", "Fix it in the prototype, and tag again."
        )
    figures = {
        key: its["candidate"] for key, its in verdict["metrics"].items() if its["candidate"] is not None
    }
    return replace(proof, on_holdout=figures, holdout=str(verdict["holdout"]["dataset"])), verdict


def runtimes_of(root: Path, verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the model can be tested: in ONNX Runtime if it passed there, and then in .NET, too."""
    if all((it["id"], it["result"]) != (_IN_ONNX, "passed") for it in verdict["checks"]):
        return ("pyfunc",)
    return (*TRIED, "dotnet") if has_dotnet_harness(root) else TRIED


def _compare(name: str, recorded: Mapping[str, float], found: Mapping[str, float], tolerance: float) -> None:
    """Raises UserError if a metric is not the prototype's."""
    other = [
        f"{metric} is {number(found[metric]) if metric in found else 'missing'}, not {number(value)}"
        for metric, value in recorded.items()
        if metric not in found or abs(found[metric] - value) > tolerance * max(abs(value), 1e-9)
    ]
    if other:
        what = f"The metrics of {name} are not those of the prototype: {some(other)}."
        fix = (
            "The model may depend on chance (set a seed) or on versions of libraries. "
            "--tolerance SHARE accepts larger differences."
        )
        raise UserError(what, fix)
