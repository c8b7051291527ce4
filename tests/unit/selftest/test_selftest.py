"""`mlroad selftest`: it passes a gate that works, fails one that does not, and leaves no files."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from mlroad.core.hash_cache import state_of
from mlroad.gate.run_gate import gate
from mlroad.gate.selftest.fault_copies import judge_good
from mlroad.gate.selftest.sample_factory import make_sample
from mlroad.models.metric_names import Task
from mlroad.registry.one_champion import OneChampion
from mlroad.report.make_report import make_report
from mlroad.run.candidate import find_candidate
from mlroad.run.model_folder import find_model
from tests.support import REPO, contents
from tests.unit.selftest.conftest import Tiny

pytestmark = pytest.mark.slow
FAULTS = {
    "shuffled labels": "metrics.mae.limit failed",
    "constant model": "predictions failed",
    "missing metric": "metrics.mae.limit broken",
    "missing model": "predictions broken",
    "replaced model": "candidate broken",
    "NaN predictions": "predictions broken",
    "wrong for single rows": "agreement failed",
    "answers by the order of rows": "agreement failed",
    "wrong dataset version": "data.training broken",
    "trained on the holdout": "data.overlap broken",
    "truncated ONNX": "onnx broken",
    "slow model": "latency.p95 failed",
    "regressed slice": "slices.group=",
    "worse than the champion": "metrics.mae.regression failed",
    "edited inference answers": "inference.pyfunc broken",
    "wrong answer in pyfunc": "inference.pyfunc failed",
    "wrong answer in onnx": "inference.onnx failed",
    "wrong answer in dotnet": "inference.dotnet failed",
    "expired waiver": "waivers failed",
    "champion required but missing": "champion broken",
}
LAX = """\
task: regression
holdout: azureml:tiny_holdout:1
target: y
champion: optional
decide_by: mae
metrics:
  mae: {limit: 1.0e+9, max_regression: 1.0e+9}
inference_tests: []
"""


def test_the_page_explains_every_fault() -> None:
    page = (REPO / "docs" / "explanation" / "selftest.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| (.+?) \| ", page, re.MULTILINE)
    names = {name for names in explained for name in names.split(", ")}
    assert names - {"Planted", "---"} == {*FAULTS}


def table(out: str) -> dict[str, tuple[str, str]]:
    """The mark and the finding for each fault."""
    found = re.findall(r"^(ok|!!|--)  (.+?) {2,}(.+?) {2,}(.+)$", out, re.MULTILINE)
    return {name: (mark, got) for mark, name, _, got in found}


def test_every_fault_is_rejected_for_the_right_reason(tiny: Tiny, tmp_path: Path) -> None:
    """A model of the repo with its own gates.yml (that of the sample). The repo does not change."""
    tiny.monkeypatch.setenv("TMPDIR", str(tmp_path))
    tiny.monkeypatch.setattr("tempfile.tempdir", None)
    tiny.gates.write_text(
        tiny.gates.read_text(encoding="utf-8").replace("[pyfunc]", "[pyfunc, onnx, dotnet]"), encoding="utf-8"
    )
    before = contents(tiny.path)
    code, out = tiny.factory("selftest tiny")
    found = table(out)
    assert code == 0, out
    assert set(found) == {*FAULTS, "nothing: the good candidate"}
    for name, got in FAULTS.items():
        assert found[name][0] == "ok", out
        assert found[name][1].startswith(got), out
    assert "rejected all 20 faults for the right reason" in out
    assert contents(tiny.path) == before
    # The fork server runs as long as this process.
    assert not [path for path in tmp_path.glob("mlroad-*") if not path.name.startswith("mlroad-fork-")]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "text"])
def test_samples_of_other_tasks(tiny: Tiny, task: str) -> None:
    """Tables of probabilities, and texts: the same faults as for numbers."""
    code, out = tiny.factory(f"selftest --task {task}")
    assert code == 0, out
    found = table(out)
    for name in ("shuffled labels", "constant model", "regressed slice", "worse than the champion"):
        assert found[name][0] == "ok", out


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("ranking", "NDCG@5 of the queries"),
        ("text", "The 8 texts with the lowest token F1"),
        ("outputs", "hot: predicted and true values"),
    ],
)
def test_reports_show_the_parts_of_other_tasks(tmp_path: Path, task: Task, words: str) -> None:
    several = str(task) == "outputs"
    candidate = make_sample(tmp_path, "multilabel" if several else task)
    if several:  # its two columns of 0 and 1 are numbers as well
        file = candidate.model.path / "gates.yml"
        change = {
            "task": "regression",
            "metrics": {"rmse": {"limit": 0.6, "max_regression": 0.1}},
            "decide_by": "rmse",
            "slices": [],
        }
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    verdict = gate(candidate, OneChampion(None, {}))
    assert verdict["passed"], verdict["checks"]
    make_report(candidate, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert words in page
    if several:
        assert [each["target"] for each in verdict["by_target"]] == ["warm", "hot"]
        assert ">Targets<" in page


def test_lax_gates_are_red_and_the_faults_named(tiny: Tiny) -> None:
    tiny.gates.write_text(LAX, encoding="utf-8")
    code, out = tiny.factory("selftest tiny")
    found = table(out)
    assert code == 1, out
    assert "the gate does not reject: shuffled labels, worse than the champion." in out
    assert found["shuffled labels"] == ("!!", "passed the gate")
    assert found["worse than the champion"] == ("!!", "passed the gate")
    assert found["regressed slice"] == ("--", "not planted: gates.yml has no slices")
    assert found["slow model"] == ("--", "not planted: gates.yml has no latency budget")
    assert found["NaN predictions"][0] == "ok"


def test_a_good_candidate_that_fails_is_red(tiny: Tiny) -> None:
    text = tiny.gates.read_text(encoding="utf-8").replace("limit: 1.5", "limit: 0.001")
    tiny.gates.write_text(text, encoding="utf-8")
    code, out = tiny.factory("selftest tiny")
    assert code == 1
    assert table(out) == {"nothing: the good candidate": ("!!", "metrics.mae.limit failed")}
    assert "the good candidate itself does not pass" in out


def test_a_model_that_is_always_wrong_about_its_data_is_red(tiny: Tiny) -> None:
    """The holdout was changed after it was frozen."""
    file = tiny.path / "datasets" / "tiny_holdout" / "1" / "tiny_holdout.csv"
    file.write_bytes(file.read_bytes().replace(b"1", b"2", 1))
    code, out = tiny.factory("selftest tiny")
    assert code == 1
    assert "data.holdout broken" in out


def test_mistakes_are_reported_without_a_traceback(tiny: Tiny) -> None:
    code, out = tiny.factory("selftest --run x")
    assert (code, "--run needs a model" in out) == (2, True)
    code, out = tiny.factory("selftest tine")
    assert (code, "Did you mean tiny?" in out) == (2, True)
    tiny.gates.write_text(LAX.replace("decide_by", "decided_by"), encoding="utf-8")
    code, out = tiny.factory("selftest tiny")
    assert (code, "MR702" in out) == (2, True)
    assert "Traceback" not in out


def test_the_report_of_a_real_verdict(tiny: Tiny) -> None:
    """The report can read what the gate writes."""
    code, out = tiny.factory("gate tiny")
    assert code == 0, out
    code, out = tiny.factory("report tiny")
    assert code == 0, out
    page = (tiny.gate / "report.html").read_text(encoding="utf-8")
    for told in (
        "No champion yet",
        "tiny_train:1",
        "tiny_holdout:1",
        "Predicted and true",
        "1 of 1",
        "group = 1",
    ):
        assert told in page, told
    assert page.count('class="chip ok">passed') >= 12
    markdown = (tiny.gate / "report.md").read_text(encoding="utf-8")
    assert "## ✅ tiny: first" in markdown
    # A failed one, with each kind of reason.
    text = tiny.gates.read_text(encoding="utf-8")
    tiny.gates.write_text(
        text.replace("limit: 2.0", "limit: 0.01").replace("min_rows: 20", ""), encoding="utf-8"
    )
    (tiny.gate.parent / "outputs" / "onnx").unlink()
    assert tiny.factory("gate tiny")[0] == 1
    assert tiny.factory("report tiny")[0] == 0
    page = (tiny.gate / "report.html").read_text(encoding="utf-8")
    assert "What did not pass" in page
    assert "slices.group=1.mae.limit" in page
    assert "2 checks failed and 1 check could not be run" in page


def test_a_copy_does_not_touch_the_data_of_others(tiny: Tiny, tmp_path: Path) -> None:
    """Several copies are gated at once: creating or deleting one must not touch the data of the others."""
    good = judge_good(find_candidate(find_model(tiny.path, "tiny")))
    files = [path for path in (tiny.path / "datasets").rglob("*") if path.is_file()]
    before = [state_of(path.stat()) for path in files]
    good.copy(tmp_path / "copy", "metrics")
    assert len(files) == 4
    assert [state_of(path.stat()) for path in files] == before


def test_the_report_of_a_candidate_that_lost(tiny: Tiny, tmp_path: Path) -> None:
    """Compared with a champion, the report says what is worse, by how much, and where."""
    good = judge_good(find_candidate(find_model(tiny.path, "tiny")))
    copy = good.copy(tmp_path / "worse", "metrics")
    copy.replace_model(good.answers + 1.0)
    verdict = gate(copy.read(), good.champion())
    assert verdict["verdict"] == "worse"
    made = make_report(copy.read())
    page = unescape(made.page.read_text(encoding="utf-8"))
    for told in (
        "MAE is worse than the champion's by more than allowed", "against champion 1", "Difference in MAE",
        'class="interval-plot bad"', "candidate and champion are measured",
    ):  # fmt: skip
        assert told in page, told
    assert page.count('class="dots champion"') == 2
    assert "| MAE (decides) |" in made.markdown
