"""`mlroad test` and `mlroad freeze` with real models: every kind of case, green and red in every runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlroad.core.problems import UserError
from mlroad.models import case_answers, judge_cases
from mlroad.models.http_model import HttpModel
from mlroad.models.inference_tests import run_tests
from mlroad.models.onnx_session import OnnxSession
from mlroad.models.suite import verdict_file
from mlroad.models.tensors import TensorError, read_tensor
from tests import http_server
from tests.support import REPO
from tests.unit.models.saved_models import RUN, called, frozen, save_run

pytestmark = pytest.mark.slow
Line = dict[str, Any]


def flats() -> pd.DataFrame:
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "area": random.normal(70, 20, 120).round(1),
            "rooms": random.integers(1, 7, 120),
            "district": [*random.choice(["north", "south", "west"], 119), "island"],
        }
    )


FLATS = flats()
RENT = FLATS["area"] * 9 + FLATS["rooms"] * 40


def fitted(estimator: Any, target: Any) -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore")
    steps = make_column_transformer((encoder, ["district"]), remainder="passthrough")
    return make_pipeline(steps, estimator).fit(FLATS, target)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression, a second run of it with another weight, and a classifier of three classes."""
    root = tmp_path_factory.mktemp("runtimes") / "repo"
    model = fitted(Ridge(), RENT)
    save_run(root, "rents", model, FLATS)
    frozen(root, "rents")
    model[-1].coef_[-1] *= 1.5
    save_run(root, "rents", model, FLATS, run="29990102-000000-000000")
    classes = np.where(RENT > 950, "high", np.where(RENT > 700, "middle", "low")).astype(object)
    save_run(root, "classes", fitted(LogisticRegression(max_iter=2000), classes), FLATS)
    return root


def lines_of(repo: Path, model: str) -> list[Line]:
    file = repo / f"models/{model}/inference_tests/cases.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def write(repo: Path, model: str, lines: list[Line]) -> None:
    """Write cases as if edited by hand, and accept them."""
    file = repo / f"models/{model}/inference_tests/cases.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = called(repo, "freeze", f"models/{model}", "--accept")
    assert done.exit_code == 0, done.output


def column(name: str, value: Any) -> Line:
    kind = {"area": "FP64", "rooms": "INT64", "district": "BYTES"}[name]
    return {"name": name, "shape": [1, 1], "datatype": kind, "data": [value]}


def request(area: Any = 70.5, rooms: int = 3, district: str = "north") -> Line:
    return {"inputs": [column("area", area), column("rooms", rooms), column("district", district)]}


def hand_written(golden: Line) -> list[Line]:
    """A right and a wrong case of each kind."""
    made: list[Line] = []
    for name, shift in (("right", 0.0), ("wrong", 100.0)):
        expect = json.loads(json.dumps(golden["expect"]))
        expect["outputs"][0]["data"][0] += shift
        ask = {"request": golden["request"], "expect": expect}
        made += [{"id": f"golden {name}", "kind": "golden", **ask}]
        made += [{"id": f"boundary {name}", "kind": "boundary", **ask}]
        named = {"right": "nowhere", "wrong": "south"}[name]
        made += [
            {
                "id": f"invariance {name}", "kind": "invariance", "request": request(district="unknown"),
                "change": {"inputs": [column("district", named)]}, "expect": {"holds": "same"},
                "tolerance": {"absolute": 0.01},
            },
            {
                "id": f"directional {name}", "kind": "directional", "request": request(),
                "change": {"inputs": [column("area", {"right": 80.5, "wrong": 60.5}[name])]},
                "expect": {"holds": "increase", "output": "prediction", "at_least": 50},
            },
            {
                "id": f"invalid {name}", "kind": "invalid", "expect": {"error": True},
                "request": request() if name == "wrong" else {"inputs": [column("area", "many")]},
            },
        ]  # fmt: skip
    return made


@contextmanager
def served(session: OnnxSession) -> Iterator[str]:
    """A small server of the protocol; its address of the model."""

    class Handler(http_server.QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 (the name that http.server calls)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer = session.answer([read_tensor(its) for its in json.loads(body)["inputs"]])
                refused = answer.refused
            except (TensorError, KeyError, ValueError) as error:
                refused = str(error)
            if refused:
                self.reply(400, {"error": refused})
            else:
                assert answer.outputs
                self.reply(200, {"model_name": "m", "outputs": [its.json() for its in answer.outputs]})

        def reply(self, status: int, content: Line) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with http_server.serving(Handler) as address:
        yield f"{address}/v2/models/rents"


def test_every_kind_in_every_runtime(repo: Path, tmp_path: Path) -> None:
    frozen_lines = lines_of(repo, "rents")
    made = hand_written(frozen_lines[0])
    write(repo, "rents", [*frozen_lines, *made])
    junit, markdown = tmp_path / "tests.xml", tmp_path / "tests.md"
    assert called(repo, "export", "models/rents", "--run", RUN).exit_code == 0
    with OnnxSession(repo / ".runs/rents" / RUN / "export") as session, served(session) as url:
        done = called(
            repo, "test", "models/rents", "--run", RUN, "--runtime", "pyfunc", "--runtime", "onnx",
            "--runtime", "http", "--url", url, "--junit", str(junit), "--markdown", str(markdown),
        )  # fmt: skip
    write(repo, "rents", frozen_lines)

    assert done.exit_code == 1, done.output
    wrong = [line["id"] for line in made if line["id"].endswith("wrong")]
    for runtime in ("pyfunc", "onnx", "http"):
        verdict = json.loads(verdict_file(repo / ".runs/rents" / RUN, runtime).read_text(encoding="utf-8"))
        assert [result["id"] for result in verdict["results"] if not result["passed"]] == wrong
        assert verdict["runtime"] == runtime
        assert verdict["latency"]["p50_ms"] > 0
        for words in (
            f"MI201: {runtime}: golden wrong: prediction[0] is ",
            f"MI201: {runtime}: boundary wrong: prediction[0] is ",
            f"MI208: {runtime}: invariance wrong: The change moves the answer: prediction[0] is ",
            f"MI208: {runtime}: directional wrong: prediction[0] should increase by 50 or more, but goes",
            f"MI203: {runtime}: invalid wrong: The model should refuse this request, but answered predict",
        ):
            assert words in done.output
    table = [line.split() for line in done.output.splitlines()]
    assert ["case", "kind", "pyfunc", "onnx", "http"] in table
    assert ["golden", "wrong", "golden", "failed", "failed", "failed"] in table
    assert ["golden", "right", "golden", "passed", "passed", "passed"] in table
    suites = ElementTree.fromstring(junit.read_text(encoding="utf-8"))
    assert [(its.get("name"), its.get("failures")) for its in suites] == [
        ("rents in pyfunc", "5"), ("rents in onnx", "5"), ("rents in http", "5"),
    ]  # fmt: skip
    text = markdown.read_text(encoding="utf-8")
    assert "| golden wrong | golden | failed | failed | failed |" in text
    assert "- `golden wrong` in http: prediction[0] is" in text


def test_one_other_weight_is_red_in_each_runtime(repo: Path) -> None:
    """One command shows that the runtimes agree. With another weight, each of them is red."""
    good = called(repo, "test", "models/rents", "--run", RUN, "--runtime", "all", "--json")
    assert good.exit_code == 0, good.output
    assert {name: its["passed"] for name, its in json.loads(good.output).items()} == {
        "pyfunc": True, "onnx": True,
    }  # fmt: skip
    bad = called(repo, "test", "models/rents", "--runtime", "all", "--json")
    assert bad.exit_code == 1
    assert {name: its["passed"] for name, its in json.loads(bad.output).items()} == {
        "pyfunc": False, "onnx": False,
    }  # fmt: skip


def test_freezing_a_classifier(repo: Path) -> None:
    """Each class and each district has a golden case. Boundary cases are on both sides of a threshold."""
    said = called(repo, "freeze", "models/classes", "--rows", "12").output
    lines = lines_of(repo, "classes")
    golden = [line for line in lines if line["kind"] == "golden"]
    boundary = [line for line in lines if line["kind"] == "boundary"]

    def answers(some: list[Line]) -> list[str]:
        return [line["expect"]["outputs"][0]["data"][0] for line in some]

    assert set(answers(golden[:6])) == {"high", "middle", "low"}
    assert {line["request"]["inputs"][2]["data"][0] for line in golden} == {
        "north",
        "south",
        "west",
        "island",
    }
    assert {"usual", "unusual"} <= {line["tags"][0] for line in golden}
    assert len(boundary) == 2
    assert len(set(answers(boundary))) == 2
    first, second = (line["request"]["inputs"][0]["data"][0] for line in boundary)
    assert 0 < abs(first - second) < 5
    assert "2 boundary cases: on both sides of a threshold." in said
    done = called(repo, "test", "models/classes", "--runtime", "all")
    assert done.exit_code == 0, done.output
    file = repo / "models/classes/inference_tests/suite.yml"
    schema = json.loads((REPO / "docs/reference/inference-suite.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema)

    again = called(repo, "freeze", "models/classes", "--rows", "12")
    assert "The cases are as before." in again.output
    assert lines_of(repo, "classes") == lines
    file.write_text(file.read_text(encoding="utf-8") + "latency: {p95_ms: 0.0001}\n", encoding="utf-8")
    mine = {**golden[0], "id": "the first flat"}
    changed = json.loads(json.dumps(golden[1]))
    changed["expect"]["outputs"][0]["data"] = ["nothing"]
    write(repo, "classes", [lines[0], changed, *lines[3:], mine])
    more = called(repo, "freeze", "models/classes", "--rows", "12").output
    assert "Compared with the cases before: 1 new, 0 gone, 1 changed" in more
    assert f"~ {golden[1]['id']}: prediction nothing → prediction {answers(golden)[1]}" in more
    assert lines_of(repo, "classes") == [*lines, mine]
    slow = called(repo, "test", "models/classes")
    assert (slow.exit_code, "and suite.yml allows 0.0001 ms" in slow.output) == (1, True), slow.output


def test_many_golden_cases_are_asked_in_batches_only(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those after the first 256; if such a batch is refused, the case that is the reason is named."""
    for module in (case_answers, judge_cases):
        monkeypatch.setattr(module, "ALONE", 2)
    lines = lines_of(repo, "rents")
    said = called(repo, "test", "models/rents", "--run", RUN)
    assert said.exit_code == 0, said.output
    few = sum(line["kind"] == "golden" for line in lines) - 2
    assert f"{len(lines) - few} of {len(lines)} cases were asked alone as well; the other" in said.output
    assert (
        json.loads(called(repo, "test", "models/rents", "--run", RUN, "--format", "json").output)[
            "in_batch_only"
        ]
        == few
    )
    wrong = [json.loads(json.dumps(line)) for line in lines[:6]]
    wrong[4]["expect"]["outputs"][0]["data"] = [1.0]
    wrong[5]["request"]["inputs"] = wrong[5]["request"]["inputs"][1:]
    write(repo, "rents", wrong)
    with chdir(repo):
        verdict = run_tests(Path("models/rents"), RUN).verdicts["pyfunc"]
    write(repo, "rents", lines)
    assert [(its.id, its.code) for its in verdict.failed] == [
        (wrong[4]["id"], "MI201"), (wrong[5]["id"], "MI202"),
    ]  # fmt: skip


def test_servers_that_are_not_there(repo: Path) -> None:
    done = called(
        repo, "test", "models/rents", "--run", RUN, "--runtime", "http", "--url", "http://127.0.0.1:9/v2"
    )
    assert done.exit_code == 1
    assert "MI204: The model cannot be loaded: http://127.0.0.1:9/v2 cannot be reached" in done.output
    for arguments in (["--runtime", "http"], ["--url", "http://127.0.0.1:9"]):
        said = called(repo, "test", "models/rents", *arguments).exception
        assert isinstance(said, UserError)
        assert "--url and --runtime http belong together" in str(said)
    with pytest.raises(UserError, match="not the address of a model"):
        HttpModel("localhost:8080")
