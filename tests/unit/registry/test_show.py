"""The commands why, who-used and list."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from mlroad.run.model_packages import installed_packages
from tests.support import call, git
from tests.unit.registry.repos import (
    DIGESTS,
    EXPIRES,
    environment,
    factory,
    judge_run,
    make_run,
    process,
    register,
    write,
)


def test_why_prints_the_whole_lineage(repo: Path) -> None:
    run = register(repo, 1)
    factory(repo, "approve", "diabetes", "--by", "@octocat")
    factory(repo, "registry", "tag", "diabetes:1", "deployed=production")
    text = factory(repo, "why", "diabetes@champion").stdout
    for told in (
        "diabetes:1 (candidate, champion): No champion yet: judged by its limits alone, mae is 45.5.",
        git(repo, "rev-parse", "HEAD").strip(),
        "acme/prototypes@diabetes-v2 (commit 0123456789ab)",
        f"{run} on local",
        "parameters   max_depth=3, train.alpha=10.0\n",
        f"Python 3.11.2, scikit-learn {version('scikit-learn')}, pandas {version('pandas')}",
        f"diabetes_train:1 {DIGESTS['prod']}",
        f"made from diabetes:1 {DIGESTS['all']}",
        f"diabetes_holdout:1 {DIGESTS['holdout']}",
        "45.5 [45.5, 45.5], limit 60: first",
        "sex=1 mae: 45.5",
        "p95 1.9 ms, budget 100 ms",
        "pyfunc passed: 2 cases, 0 failed",
        "size waived: The model takes 2.",
        f"size: One more embedding. @octocat, until {EXPIRES}",
        "dev twin",
        "by @octocat",
        "deployed: production",
    ):
        assert told in text
    story = json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)
    assert story["lineage"]["parameters"] == {"max_depth": 3}
    assert story["lineage"]["step_parameters"] == {"train.alpha": "10.0", "train.max_depth": "3"}
    assert story["lineage"]["verdict"]["metrics"]["mae"]["candidate"] == 45.5
    assert story["tags"]["run"] == run


@pytest.mark.parametrize(
    ("target", "file", "text", "told"),
    [
        ("azureml", "requirements.txt", "scikit-learn==1.7.0\npandas>=2\n", {"scikit-learn": "1.7.0"}),
        ("local", "requirements.txt", "-e .\nnosuch==1.2 # ours\nother>=2\n", {"nosuch": "1.2"}),
        (
            "local",
            "conda.yaml",
            "dependencies:\n- python=3.11\n- pip\n- numpy\n- pip: ['pandas<9']\n",
            {"numpy": version("numpy"), "pandas": version("pandas")},
        ),
        ("local", "conda.yaml", "[", {}),
    ],
)
def test_packages_as_far_as_they_are_known(
    repo: Path, target: str, file: str, text: str, told: dict[str, str]
) -> None:
    run = make_run(repo, 1, judged=False)
    folder = repo / ".runs" / "diabetes" / run
    (folder / "outputs" / "model" / "requirements.txt").unlink()
    (folder / "outputs" / "model" / file).write_text(text, encoding="utf-8")
    train = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    packages = installed_packages(folder / "outputs" / "model") if target == "local" else {}
    write(folder / "train.json", {**train, "target": target, "packages": packages})
    judge_run(repo, run)
    factory(repo, "register", "diabetes", "--run", run)
    assert json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)["lineage"]["packages"] == told


def test_the_first_version_is_not_called_better(repo: Path) -> None:
    register(repo, 1)
    assert "first" in factory(repo, "list").stdout.splitlines()[-1]
    told = factory(repo, "why", "diabetes:1").stdout
    assert "\n  first        no champion to compare with" in told
    assert "better" not in told
    story = json.loads(factory(repo, "why", "diabetes:1", "--json").stdout)
    assert story["lineage"]["verdict"]["verdict"] == "better"  # as in verdict.json
    factory(repo, "approve", "diabetes")
    run = make_run(repo, 2, champion=1, error=40)
    factory(repo, "register", "diabetes", "--run", run)
    assert "better" in factory(repo, "list").stdout.splitlines()[-1]
    told = factory(repo, "why", "diabetes:2").stdout
    assert "\n  better       compared with version 1" in told
    assert "40 [40, 40], champion 45.5, difference -5.5 [-5.5, -5.5], limit 60: better" in told


def test_who_used_finds_every_use_of_a_dataset(repo: Path) -> None:
    register(repo, 1)
    register(repo, 2, twin=False)
    found = json.loads(factory(repo, "who-used", "diabetes_train:2", "--json").stdout)
    parts = {its["version"]: [use["part"] for use in its["uses"]] for its in found}
    assert parts == {
        1: ["trained (dev data, input raw)", "tested for inference"],
        2: ["tested for inference"],
    }
    text = factory(repo, "who-used", "azureml:diabetes:1").stdout
    assert "promoted from acme/prototypes@diabetes-v2 (commit 0123456789ab)" in text
    assert "\n  came with its prototype\n" in text
    origins = {its["prototype"] for its in found}
    assert origins == {"acme/prototypes@diabetes-v2 (commit 0123456789ab)"}
    assert "by way of diabetes_holdout:1 made from diabetes:1" in text
    assert "by way of diabetes_train:2 made from diabetes_train:1 made from diabetes:1" in text


def test_who_used_and_list_refuse_unknown_names(repo: Path) -> None:
    register(repo, 1, twin=False)
    assert "No registered version used diabetes_new:1" not in factory(repo, "who-used", "diabetes:1").stdout
    for words, told in (
        (
            ("who-used", "diabetes_trian:1"),
            "There is no dataset diabetes_trian. Did you mean diabetes_train?",
        ),
        (("who-used", "diabetes:2"), "diabetes:2 does not exist. diabetes has the versions 1."),
        (("list", "diabets"), "There is no model diabets. Did you mean diabetes?"),
    ):
        for form in ((), ("--json",)):
            done = factory(repo, *words, *form, check=False)
            assert done.returncode == 2
            assert told in done.stderr
    # The files of a dataset or a model may be deleted; the registry still has the record.
    shutil.rmtree(repo / "datasets" / "diabetes")
    assert "diabetes:1" in factory(repo, "who-used", "diabetes:1").stdout
    (repo / "models" / "diabetes").rename(repo / "models" / "other")
    assert "diabetes:1" in factory(repo, "list", "models/diabetes/").stdout
    assert "No version of other is registered." in factory(repo, "list", "other").stdout
    done = factory(repo, "list", "diabets", check=False)
    assert "Did you mean diabetes?" in done.stderr


def test_no_registry(bare: Path) -> None:
    assert "No version is registered." in factory(bare, "list").stdout
    assert json.loads(factory(bare, "list", "--json").stdout) == []
    assert "No registered version" in factory(bare, "who-used", "diabetes:1").stdout
    assert "Nothing to delete." in factory(bare, "clean").stdout
    assert not (bare / ".registry").exists()


def test_reading_needs_no_mlflow(repo: Path) -> None:
    register(repo, 1)
    program = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from mlroad.__main__ import main; sys.argv = ['mlroad', 'why', 'diabetes:1']; main()"
    )
    done = call([sys.executable, "-c", program], repo, environment())
    assert "diabetes:1" in done.stdout


def test_a_killed_writer_is_undone_by_the_next_reader(repo: Path) -> None:
    """A hot journal, as a process leaves it that dies during a write to SQLite."""
    register(repo, 1)
    database = repo / ".registry" / "mlflow.db"
    program = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1'); c.execute('PRAGMA cache_spill = 1'); c.execute('BEGIN')\n"
        "c.execute(\"UPDATE model_version_tags SET value = 'half written' || hex(zeroblob(9000))\")\n"
        "os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(database)], check=False)
    assert done.returncode == 9
    assert database.with_name("mlflow.db-journal").stat().st_size > 0
    assert "half written" not in factory(repo, "why", "diabetes:1", "--json").stdout
    assert json.loads(factory(repo, "list", "--json").stdout)[0]["verdict"] == "first"


@pytest.mark.parametrize(
    "words",
    [
        ("register",), ("approve",), ("rollback",), ("why",), ("who-used",), ("list",), ("clean",),
        ("registry", "pull"), ("registry", "push"), ("registry", "path"), ("registry", "tag"),
    ],
)  # fmt: skip
def test_every_command_has_a_help_page(repo: Path, words: tuple[str, ...]) -> None:
    assert "Usage" in factory(repo, *words, "--help").stdout


def test_as_a_process(repo: Path) -> None:
    register(repo, 1)
    assert process(repo, "list").stdout.splitlines()[1].startswith("diabetes:1")
    gone = process(repo, "why", "diabetes:9", check=False)
    assert gone.returncode == 2
