"""`mlroad ready` on a prototype: each item turns red for its reason, and green again after the remedy."""

from __future__ import annotations

import json
import os
import random
import shlex
import string
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlroad.core.problems import Position, UserError
from mlroad.gate.new_in_factory import FEATURES, SERIES
from mlroad.models.suite import VERDICT
from mlroad.pipeline.model import Literally
from mlroad.promote import ready_fix
from mlroad.run.derive import StepFailedError
from tests.support import commit_all, git
from tests.unit.cli.command import Command

ITEMS = [
    "contract", "components", "datasets", "latest", "requirements", "inference tests", "metrics",
    "model card", "licence", "secrets", "committed", "tagged",
]  # fmt: skip
MODEL = "models/line"


def token() -> str:
    return "gh" + "p_" + "".join(random.Random(11).choices(string.ascii_letters + string.digits, k=36))


def asked(prototype: Command, *options: str) -> dict[str, Any]:
    said = prototype("ready", MODEL, "--json", *options)
    found: dict[str, Any] = json.loads(said.out)
    assert said.code == (0 if found["ready"] else 1), said
    assert [it["name"] for it in found["items"]] == ITEMS
    return found


def left(prototype: Command, *options: str) -> dict[str, Any]:
    """The items that are left, with their problems."""
    return {it["name"]: it["problems"] for it in asked(prototype, *options)["items"] if not it["done"]}


def edit(repo: Path, file: str, old: str, new: str) -> None:
    text = (repo / file).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    (repo / file).write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def test_a_ready_model(prototype: Command) -> None:
    said = prototype("ready", MODEL)
    assert said.code == 0, said
    assert "models/line: ready, as line-v1" in said.out
    assert "@line-v1 line" in said.out
    found = asked(prototype)
    assert (found["left"], found["of"], found["tag"], found["next_tag"]) == (0, 12, "line-v1", "line-v2")
    assert prototype("ready", "line", "--quiet").code == 0


def test_the_next_command_can_be_pasted(
    prototype_repo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = prototype_repo.rename(tmp_path / "my folder ä")
    said = Command(place, capfd, monkeypatch)("ready", MODEL)
    words = next(shlex.split(line) for line in said.out.splitlines() if "mlroad promote" in line)
    assert words[-2:] == [f"{place.as_posix()}@line-v1", "line"]


def test_harmless_changes_leave_it_ready(prototype: Command) -> None:
    """Files of other models, an ignored cache, and commits that do not concern the model."""
    repo = prototype.repo
    (repo / "notebooks" / "draft.py").write_text("x = 1\n", encoding="utf-8")
    (repo / MODEL / "steps" / "__pycache__").mkdir(exist_ok=True)
    (repo / MODEL / "steps" / "__pycache__" / "fit.pyc").write_bytes(b"x")
    edit(repo, "models/diabetes/MODEL_CARD.md", "## Owner", "## Owners")
    commit_all(repo, "Elsewhere")
    git(repo, "tag", "diabetes-v1")
    assert left(prototype) == {}


PLANTED: dict[str, tuple[str, str, str, str, str]] = {
    # item, file that is edited, old, new, what the problem says
    "a step without types": ("contract", "steps/fit.py", "raw: InputFile,", "raw,", "MR305"),
    "code of the repo": (
        "contract",
        "components/fit.yml",
        "code: ../steps",
        "code: ../../diabetes/steps",
        "MR821",
    ),
    "a path that leads out": (
        "contract",
        "pipeline.yml",
        "display_name: line",
        "experiment_name: ../other",
        "MR831",
    ),
    "a component out of step": ("components", "steps/fit.py", "slope: float", "tilt: float", "MR312"),
    "a path": (
        "datasets",
        "pipeline.yml",
        "azureml:diabetes:1",
        "../../datasets/diabetes/1/diabetes.csv",
        "MR822",
    ),
    "a version that is missing": (
        "datasets",
        "pipeline.yml",
        "azureml:diabetes:1",
        "azureml:diabetes:7",
        "MR230",
    ),
    "the latest data": ("latest", "pipeline.yml", "azureml:diabetes:1", "azureml:diabetes@latest", "MR229"),
    "the latest environment": (
        "latest",
        "components/fit.yml",
        "environment:",
        "environment: azureml:mine@latest\nx-old:",
        "MR823",
    ),
    "requirements that exclude each other": (
        "requirements",
        "environment/conda.yml",
        "pandas>=2.3,<4",
        "pandas>=2.3,<1",
        "MR824",
    ),
    "an import that nothing installs": (
        "requirements",
        "steps/fit.py",
        "import statistics\n",
        "import statistics\nimport torch\n",
        "MR408",
    ),
    "edited answers": ("inference tests", "inference_tests/cases.jsonl", '"invalid"', '"golden"', "MI1"),
    "other code": ("metrics", "steps/fit.py", "fmean(", "median(", "MR826"),
    "a card without its limits": ("model card", "MODEL_CARD.md", "## Limits", "## More", "MR715"),
    "data without a licence": ("licence", "MODEL_CARD.md", "- Licence:", "- Origin:", "MR827"),
    "a secret": ("secrets", "steps/fit.py", "import csv\n", f'import csv\n\nKEY = "{token()}"\n', "secret"),
    "an edit": ("committed", "MODEL_CARD.md", "## Owner\n", "## Owner\nMe. ", "MR828"),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_left(prototype: Command, plant: str) -> None:
    """The item is left, the problem names the file and a remedy, and the exit code is 1."""
    name, file, old, new, code = PLANTED[plant]
    edit(prototype.repo, f"{MODEL}/{file}", old, new)
    found = left(prototype)
    assert name in found, found
    problem = next(it for it in found[name] if it["code"].startswith(code))
    where = {
        "components": "components/fit.yml",
        "inference tests": "inference_tests/suite.yml",
        "metrics": "metrics.json",
        "licence": "diabetes/1.yml",
    }
    assert problem["file"].endswith(where.get(name, file)), problem
    assert problem["line"] or name in ("committed", "metrics", "model card"), problem
    assert problem["what"].endswith((".", "…"))
    assert problem["fix"] or name == "latest", problem
    said = prototype("ready", MODEL, "--quiet")
    assert said.code == 1
    assert f"{len(found)} of 12 left" in said.out
    assert "done" not in said.out


def _changed_data(repo: Path) -> None:
    with (repo / "datasets/diabetes/1/diabetes.csv").open("a", encoding="utf-8") as file:
        file.write("59,2,32.1,101.0,157,93.2,38.0,4.0,4.8598,87,151\n")


def _no_tests(repo: Path) -> None:
    for file in (repo / MODEL / "inference_tests").iterdir():
        file.unlink()
    (repo / MODEL / "inference_tests").rmdir()


def _secret_in_history(repo: Path) -> None:
    file = repo / MODEL / "steps" / "saved" / "key.txt"
    file.write_text(f"{token()}\n", encoding="utf-8")
    commit_all(repo, "A key")
    file.unlink()
    commit_all(repo, "No key")


def _ignored(repo: Path) -> None:
    (repo / MODEL / "steps" / "saved" / "weights.swp").write_bytes(b"1")


def _no_tag(repo: Path) -> None:
    git(repo, "tag", "--delete", "line-v1")


def _later_commit(repo: Path) -> None:
    edit(repo, f"{MODEL}/MODEL_CARD.md", "## Owner\n", "## Owner\nMe. ")
    commit_all(repo, "An owner")


def _broken_metrics(repo: Path) -> None:
    (repo / MODEL / "metrics.json").write_text("{}", encoding="utf-8")


def _link(repo: Path) -> None:
    (repo / MODEL / "steps" / "shared.py").symlink_to(repo / "models/diabetes/steps/measurements.py")


def _pointer(repo: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456\n"
    (repo / MODEL / "steps" / "saved" / "weights.bin").write_text(pointer, encoding="utf-8")


def _in_lfs(repo: Path) -> None:
    """The file is here, as Git LFS puts it in place; git has only the pointer."""
    (repo / MODEL / "steps" / "saved" / "weights.bin").write_bytes(bytes(range(256)))
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n", encoding="utf-8")


OTHERS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "data that changed": (_changed_data, "datasets", "MD203"),
    "no inference tests": (_no_tests, "inference tests", "MR825"),
    "a secret in an old commit": (_secret_in_history, "secrets", "secret"),
    "a file that git ignores": (_ignored, "committed", "MR828"),
    "no tag": (_no_tag, "tagged", "MR829"),
    "a commit after the tag": (_later_commit, "tagged", "MR829"),
    "a pointer of Git LFS": (_pointer, "contract", "MR830"),
    "a file in Git LFS": (_in_lfs, "contract", "MR830"),
    "metrics.json of another kind": (_broken_metrics, "metrics", "MR826"),
    **({"a link": (_link, "contract", "MR821")} if os.name != "nt" else {}),
}


@pytest.mark.parametrize("plant", OTHERS)
def test_what_is_left_besides_edits(prototype: Command, plant: str) -> None:
    make, name, code = OTHERS[plant]
    make(prototype.repo)
    found = left(prototype)
    assert code in [it["code"] for it in found[name]], found


def test_inference_tests_that_failed(prototype: Command) -> None:
    """The newest run of this code was tested, and gave other answers."""
    (prototype.repo / MODEL / "metrics.json").unlink()
    assert "inference tests" not in left(prototype)
    [file] = prototype.repo.glob(f".runs/line/*/{VERDICT}")
    verdict = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(verdict | {"passed": False}), encoding="utf-8")
    [problem] = left(prototype)["inference tests"]
    assert (problem["code"], problem["what"]) == ("MR825", "The model of this code does not pass them.")


def test_a_licence_may_be_a_tag_of_the_data(prototype: Command) -> None:
    edit(prototype.repo, f"{MODEL}/MODEL_CARD.md", "- Licence:", "- Origin:")
    edit(
        prototype.repo, "datasets/diabetes/1.yml", "  stage: dev\n", "  stage: dev\n  licence: BSD-3-Clause\n"
    )
    assert "licence" not in left(prototype)
    words = ("dataset", "add", "patients", "datasets/diabetes/1/diabetes.csv", "--licence", "CC-BY-4.0")
    assert prototype(*words).code == 0
    edit(prototype.repo, f"{MODEL}/pipeline.yml", "azureml:diabetes:1", "azureml:patients:1")
    assert "licence" not in left(prototype)
    edit(
        prototype.repo,
        f"{MODEL}/pipeline.yml",
        "azureml:patients:1",
        "../../datasets/diabetes/1/diabetes.csv",
    )
    assert "licence" in left(prototype)


def test_without_a_network_requirements_are_not_an_error(
    prototype: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    edit(prototype.repo, f"{MODEL}/environment/conda.yml", "pandas>=2.3,<4", "pandas>=2.3,<3.9")
    [about] = [it for it in asked(prototype)["items"] if it["name"] == "requirements"]
    assert about["done"]
    assert about["note"] == "not verified: the package index cannot be reached"


def test_fix_does_what_needs_no_decision(prototype: Command) -> None:
    """Components, a version of data at a path, and no commit of what a person edited."""
    repo = prototype.repo
    rows = (repo / "datasets/diabetes/1/diabetes.csv").read_bytes().splitlines(keepends=True)
    (repo / MODEL / "rows.csv").write_bytes(b"".join(rows[:99]))
    edit(repo, f"{MODEL}/pipeline.yml", "path: azureml:diabetes:1", "path: ./rows.csv")
    edit(repo, f"{MODEL}/steps/fit.py", "slope: float", "tilt: float")
    edit(repo, f"{MODEL}/steps/fit.py", '"slope": slope', '"tilt": tilt')
    before = git(repo, "rev-parse", "HEAD")
    found = asked(prototype, "--fix")
    assert "wrote models/line/components/fit.yml" in found["did"]
    assert any("created datasets/line/1.yml" in it for it in found["did"]), found["did"]
    assert "path: azureml:line:1 # 442 patients\n" in (repo / MODEL / "pipeline.yml").read_text(
        encoding="utf-8"
    )
    names = {it["name"] for it in found["items"] if not it["done"]}
    assert names == {"inference tests", "metrics", "committed", "tagged"}
    assert git(repo, "rev-parse", "HEAD") == before
    assert git(repo, "tag").split() == ["line-v1"]


def test_fix_names_a_version_in_place_of_a_label(prototype: Command) -> None:
    edit(prototype.repo, f"{MODEL}/pipeline.yml", "azureml:diabetes:1", "azureml:diabetes@latest")
    assert "named diabetes:1 in models/line/pipeline.yml:7" in asked(prototype, "--fix")["did"]
    assert left(prototype) == {}


def test_the_next_version(prototype: Command) -> None:
    """A change is committed: --tag makes line-v2 once, and nothing while something else is left."""
    repo = prototype.repo
    edit(repo, f"{MODEL}/MODEL_CARD.md", "## Owner\n", "## Owner\nMe. ")
    assert "committed" in left(prototype, "--tag")
    assert git(repo, "tag").split() == ["line-v1"]
    commit_all(repo, "An owner")
    assert asked(prototype, "--tag")["did"] == ["tagged HEAD as line-v2"]
    assert git(repo, "cat-file", "-t", "line-v2").strip() == "tag"
    assert "height " in git(repo, "tag", "--list", "--format=%(contents)", "line-v2")
    assert asked(prototype, "--fix")["did"] == []


def test_wrong_arguments(prototype: Command) -> None:
    said = prototype("ready", "models/lime")
    assert said.code == 2
    assert "Did you mean line?" in said.err
    (prototype.repo / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    said = prototype("ready", MODEL)
    assert said.code == 2
    assert "is in a factory" in said.err


def test_a_series_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that makes the rows of a forecast fails on its data."""

    def fail(*_: object) -> str:
        raise StepFailedError("The step features.py failed.")

    (tmp_path / FEATURES).parent.mkdir()
    (tmp_path / FEATURES).touch()
    monkeypatch.setattr(ready_fix, "rows_with_features", fail)
    monkeypatch.setattr(ready_fix, "_has_features", lambda *_: False)
    job: Any = SimpleNamespace(values=dict.fromkeys(SERIES, Literally("x", Position(tmp_path))))
    with pytest.raises(
        UserError, match=r"features\.py failed\. Check target, time, horizon, season in pipeline\.yml"
    ):
        ready_fix._rows_of(tmp_path, tmp_path, job, "sales:1")
