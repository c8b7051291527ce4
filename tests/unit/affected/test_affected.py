"""`mlroad affected` on small git repos: which changes affect a model, which do not, and the reasons given."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlroad.cli.main import main, mlroad
from tests.support import commit_all, git

FILES = {
    "models/alpha/pipeline.yml": "inputs: {raw: {path: azureml:sales_train:2}}\n",
    "models/alpha/steps/train.py": "x = 1\n",
    "models/alpha/data.yml": "raw:\n  dev: azureml:sales_train:2\n  prod: azureml:sales_train:1\n",
    "models/alpha/gates.yml": "holdout: azureml:holdout:1  # not azureml:other:1\n",
    "models/alpha/provenance.yml": "dataset: other:1\n",
    "models/beta/pipeline.yml": "inputs: {raw: {path: azureml:other:1}}\n",
    "models/beta/steps/train.py": "x = 1\n",
    "models/beta/inference_tests/suite.yml": "dataset: other:2\n",
    "models/README.md": "All models\n",
    "datasets/sales/1.yml": "name: sales\n",
    "datasets/sales/1/a.csv": "a\n",
    "datasets/sales_train/1.yml": "tags:\n  parent: sales:1\n",
    "datasets/sales_train/2.yml": "tags:\n  parent: sales_train:1\n",
    "datasets/sales_train/schema.yml": "a: int\n",
    "datasets/holdout/1.yml": "tags:\n  parent: sales:1\n",
    "datasets/other/1.yml": "name: other\n",
    "datasets/other/2.yml": "name: other\n",
    "datasets/other/1.sha256": "00\n",
    "src/mlroad/cli/main.py": "x = 1\n",
    "src/mlroad/cli/gate.py": "x = 1\n",
    "pyproject.toml": "[project]\n",
    "factory.yml": "registry: local\n",
    "docs/a.md": "A\n",
    ".github/workflows/pr.yml": "on: push\n",
    ".github/workflows/datasets.yml": "on: push\n",
}


def write(repo: Path, path: str, text: str) -> None:
    (repo / path).parent.mkdir(parents=True, exist_ok=True)
    (repo / path).write_text(text, encoding="utf-8", newline="\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = tmp_path_factory.mktemp("affected")
    for path, text in FILES.items():
        write(repo, path, text)
    git(repo, "init", "--quiet", "--initial-branch", "main")
    commit_all(repo, "Start")
    git(repo, "switch", "--quiet", "--create", "topic")
    return repo


@pytest.fixture
def repo(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def ask(*arguments: str, base: str = "main") -> str:
    done = CliRunner().invoke(mlroad, ["affected", "--base", base, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def models(base: str = "main") -> list[str]:
    found: list[str] = json.loads(ask("--json", base=base))
    return found


def change(repo: Path, path: str) -> None:
    write(repo, path, FILES.get(path, "") + "more: 1\n")
    commit_all(repo, f"Change {path}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("models/alpha/steps/train.py", ["alpha"]),
        ("models/alpha/steps/deep/er/new.py", ["alpha"]),
        ("models/alpha/MODEL_CARD.md", ["alpha"]),
        ("models/alpha/environment/conda.yml", ["alpha"]),
        ("models/beta/inference_tests/cases.jsonl", ["beta"]),
        # Datasets that a model uses, and their parents.
        ("datasets/sales_train/2.yml", ["alpha"]),
        ("datasets/sales_train/1.yml", ["alpha"]),
        ("datasets/sales/1/a.csv", ["alpha"]),
        ("datasets/holdout/1.yml", ["alpha"]),
        ("datasets/other/1.sha256", ["beta"]),
        ("datasets/other/2.yml", ["beta"]),
        ("datasets/sales_train/schema.yml", ["alpha"]),
        # Datasets that no model uses: a new one, and a new version.
        ("datasets/new/1.yml", []),
        ("datasets/sales_train/3.yml", []),
        ("datasets/other/10/rows.csv", []),
        # Shared files, and files that no rule covers.
        ("src/mlroad/cli/main.py", ["alpha", "beta"]),
        ("vendor/new.whl", ["alpha", "beta"]),
        ("pyproject.toml", ["alpha", "beta"]),
        ("factory.yml", ["alpha", "beta"]),
        (".python-version", ["alpha", "beta"]),
        ("uv.lock", ["alpha", "beta"]),
        (".github/workflows/pr.yml", ["alpha", "beta"]),
        (".github/actions/setup/action.yml", ["alpha", "beta"]),
        ("shared/features.py", ["alpha", "beta"]),
        ("models/common.py", ["alpha", "beta"]),
        # Changes that affect no model.
        ("docs/a.md", []),
        ("docs/deep/er/picture.svg", []),
        ("README.md", []),
        ("models/README.md", []),
        ("datasets/README.md", []),
        ("notebooks/look.ipynb", []),
        ("experimentation/try/pipeline.yml", []),
        (".github/workflows/datasets.yml", []),
        (".github/CODEOWNERS", []),
        ("ruff.toml", []),
        (".copier-answers.yml", []),
    ],
)
def test_what_touches_what(repo: Path, path: str, expected: list[str]) -> None:
    change(repo, path)
    assert models() == expected


def test_no_change_touches_nothing(repo: Path) -> None:
    assert models() == []
    assert ask("--explain") == "no model is affected\n"


def test_it_explains_itself(repo: Path) -> None:
    change(repo, "models/alpha/steps/train.py")
    change(repo, "datasets/sales/1/a.csv")
    change(repo, "docs/a.md")
    lines = ask("--explain").splitlines()
    assert lines[0].startswith("alpha: ")
    assert "models/alpha/steps/train.py changed" in lines[0]
    assert "datasets/sales/1/a.csv changed, and models/alpha/" in lines[0]
    assert "which comes from sales:1" in lines[0]
    assert lines[1] == "affecting no model: docs/a.md"
    change(repo, "src/mlroad/cli/main.py")
    beta = ask("--explain").splitlines()[1]
    assert beta == "beta: src/mlroad/cli/main.py changed, which all models share"
    assert ask() == "alpha\nbeta\n"


def test_json_stays_json_when_it_explains(repo: Path) -> None:
    change(repo, "models/alpha/steps/train.py")
    done = CliRunner().invoke(mlroad, ["affected", "--base", "main", "--json", "--explain"])
    assert json.loads(done.stdout) == ["alpha"]
    assert "alpha: models/alpha/steps/train.py changed" in done.stderr


def test_a_workflow_gets_its_matrix_and_a_summary(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(repo, "models/alpha/steps/train.py")
    monkeypatch.setenv("GITHUB_OUTPUT", str(repo / "out.txt"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(repo / "summary.md"))
    ask()
    assert (repo / "out.txt").read_text(encoding="utf-8") == 'models=["alpha"]\n'
    assert "- alpha: models/alpha/steps/train.py changed" in (repo / "summary.md").read_text(encoding="utf-8")


def test_adding_a_model_needs_only_its_folder(repo: Path) -> None:
    write(repo, "models/gamma/pipeline.yml", "inputs: {}\n")
    commit_all(repo, "A third model")
    assert models() == ["gamma"]


def test_a_deleted_model_is_not_affected_a_renamed_one_is(repo: Path) -> None:
    git(repo, "rm", "-r", "--quiet", "models/beta")
    commit_all(repo, "Delete")
    assert models() == []
    git(repo, "mv", "models/alpha", "models/alpha2")
    commit_all(repo, "Rename")
    assert models() == ["alpha2"]


def test_a_file_that_moves_touches_both_models(repo: Path) -> None:
    git(repo, "mv", "models/alpha/gates.yml", "models/beta/gates.yml")
    commit_all(repo, "Move")
    assert models() == ["alpha", "beta"]


def test_what_main_did_meanwhile_does_not_count(repo: Path) -> None:
    change(repo, "models/alpha/steps/train.py")
    git(repo, "switch", "--quiet", "main")
    change(repo, "models/beta/steps/train.py")
    git(repo, "switch", "--quiet", "topic")
    assert models() == ["alpha"]


def test_what_is_not_committed_does_not_count(repo: Path) -> None:
    write(repo, "models/alpha/steps/train.py", "other = 1\n")
    assert models() == []


def test_the_head_can_be_another_commit(repo: Path) -> None:
    change(repo, "models/alpha/steps/train.py")
    change(repo, "models/beta/steps/train.py")
    assert json.loads(ask("--json", "--head", "HEAD~1")) == ["alpha"]


def test_names_of_files_can_be_strange(repo: Path) -> None:
    change(repo, 'models/alpha/steps/ä "b" #1.py')
    assert models() == ["alpha"]


@pytest.mark.parametrize("zeros", ["0" * 40, "0" * 64])
def test_a_first_push_touches_all(repo: Path, zeros: str) -> None:
    assert models(zeros) == ["alpha", "beta"]
    assert "first push" in ask("--explain", base=zeros)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["mlroad", "affected", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    return call


def test_an_unknown_base_is_refused_with_what_to_do(repo: Path, fails: Callable[..., str]) -> None:
    for name in ("1" * 40, "nowhere", "--output=x", ""):
        said = fails(f"--base={name}", "--json")
        assert "does not know the commit" in said
        assert "`git fetch origin`" in said
        assert "--unshallow" not in said  # git refuses it in a complete clone
    assert not (repo / "x").exists()


def test_a_shallow_clone_is_refused_with_what_to_do(
    repo: Path,
    fails: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(repo, "models/alpha/steps/train.py")
    git(repo, "switch", "--quiet", "main")
    change(repo, "docs/a.md")
    shallow = tmp_path_factory.mktemp("shallow") / "repo"
    git(repo, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{repo}", str(shallow))
    monkeypatch.chdir(shallow)
    said = fails("--base=origin/main", "--head=origin/topic")
    assert "does not contain the common ancestor" in said
    assert "fetch-depth: 0" in said
    assert "`git fetch --unshallow`" in fails("--base=nowhere")


def test_outside_a_repo(tmp_path: Path, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "datasets/a/1.yml", "name: a\n")
    write(tmp_path, "factory.yml", "registry: local\n")
    monkeypatch.chdir(tmp_path)
    assert "not in a git repo" in fails("--base=main")
