"""`mlroad promote`: a tag of a prototype becomes one commit on a branch, and nothing else changes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import string
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlroad.core.git import GitOutput
from mlroad.core.git_addresses import without_login
from mlroad.core.locks import try_lock
from mlroad.core.repo import cache_folder
from mlroad.promote.fetch_tag import parse_source, public_address
from mlroad.promote.promotion import promote
from mlroad.promote.promotion_plan import PromoteOptions
from mlroad.promote.proof import runtimes_of
from mlroad.promote.run_without_credentials import clean_environment, mlroad_without_credentials
from mlroad.promote.workbench import Workbench
from tests.support import commit_all, git
from tests.unit.cli.command import Command, Said

BRANCH = "promote/line-line-v1"
PIPELINE = "models/line/pipeline.yml"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456\n"
CREATED = [
    "datasets/diabetes/1.yml",
    "datasets/diabetes/1/diabetes.csv",
    "datasets/diabetes_holdout/1.yml",
    "datasets/diabetes_holdout/1/diabetes_holdout.csv",
    "datasets/diabetes_train/1.yml",
    "datasets/diabetes_train/1/diabetes_train.csv",
    "datasets/diabetes_train/2.yml",
    "models/line/MODEL_CARD.md",
    "models/line/components/fit.yml",
    "models/line/data.yml",
    "models/line/environment/conda.yml",
    "models/line/gates.yml",
    "models/line/inference_tests/cases.jsonl",
    "models/line/inference_tests/suite.yml",
    "models/line/metrics.json",
    "models/line/pipeline.yml",
    "models/line/provenance.yml",
    "models/line/steps/fit.py",
    "models/line/steps/saved/MLmodel",
    "models/line/steps/saved/code/line.py",
    "models/line/steps/step_io.py",
    "models/line/tests/conftest.py",
    "models/line/tests/test_line_steps.py",
]


def state(repo: Path) -> str:
    """All that a promotion must leave as it is: the branches, the index, the files."""
    return "".join(
        git(repo, *arguments)
        for arguments in (
            ["symbolic-ref", "HEAD"],
            ["for-each-ref"],
            ["status", "--porcelain"],
            ["diff", "HEAD"],
        )
    )


def try_promotion(factory: Command, source: str, model: str = "line", *options: str) -> Said:
    return factory("promote", source, model, "--no-run", "--target", "progression", *options)


def refused(
    factory: Command,
    source: str,
    *told: str,
    model: str = "line",
    options: tuple[str, ...] = (),
    ran: bool = True,
) -> None:
    """A promotion that is refused for this reason, and changes nothing."""
    before = state(factory.repo)
    said = try_promotion(factory, source, model, *options)
    assert said.code == 2, said
    for words in told:
        assert words in said.text, said
    assert "stage/" not in said.text, said
    assert state(factory.repo) == before
    if ran:
        assert [path.name for path in (factory.repo / ".mlroad" / "promote").iterdir()] == ["lock"]


def _changed_data(repo: Path) -> None:
    with (repo / "datasets/diabetes/1/diabetes.csv").open("a", encoding="utf-8") as file:
        file.write("59,2,32.1,101.0,157,93.2,38.0,4.0,4.8598,87,151\n")


def tag_again(repo: Path, tag: str = "v2") -> str:
    commit_all(repo, "A change")
    git(repo, "tag", tag)
    return f"{repo}@{tag}"


def token() -> str:
    return "gh" + "p_" + "".join(random.Random(5).choices(string.ascii_letters + string.digits, k=36))


@pytest.mark.slow
def test_first_promotion(factory: Command, tagged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs the model, and no file has to be edited. Nothing is created but the model and datasets."""
    monkeypatch.setenv("GITHUB_TOKEN", token())
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    before = git(factory.repo, "rev-parse", "HEAD") + git(factory.repo, "status", "--porcelain")
    said = factory("promote", f"{tagged}@line-v1", "line", "--target", "progression")
    assert said.code == 0, said
    assert git(factory.repo, "rev-parse", "HEAD") + git(factory.repo, "status", "--porcelain") == before
    created = git(factory.repo, "diff", "--name-only", "--diff-filter=A", "main", BRANCH).split()
    assert created == git(factory.repo, "diff", "--name-only", "main", BRANCH).split()
    assert created == CREATED
    git(factory.repo, "switch", "--quiet", BRANCH)
    assert factory("check").code == 0
    assert factory("dataset", "verify").code == 0
    assert factory("train", "line").code == 0
    assert factory("gate", "line").code == 0
    origin = yaml.safe_load((factory.repo / "models/line/provenance.yml").read_text(encoding="utf-8"))
    here = git(tagged, "rev-parse", "line-v1^{commit}", "line-v1^{commit}:models/line").split()
    assert [origin[key] for key in ("repo", "tag", "model", "contract")] == [
        str(tagged),
        "line-v1",
        "line",
        1,
    ]
    assert [origin["commit"], origin["tree"]] == here
    assert list(origin["datasets"]) == ["diabetes:1"]
    assert origin["replaced"] == {"diabetes:1": "diabetes_train:1"}
    assert all(it.startswith("sha256:") for it in (origin["requirements"], *origin["datasets"].values()))
    assert origin["metrics"]["slope"] == 10.0
    body = git(factory.repo, "log", "-1", "--format=%B")
    assert "| slope | 10 | 10 |" in body
    assert "`models/line/gates.yml`" in body
    assert "inference tests passed" in body
    # Its MLflow flavor has no ONNX form.
    assert "inference_tests: [pyfunc]\n" in (factory.repo / "models/line/gates.yml").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("result", "harness", "runtimes"),
    [
        ("passed", False, ("pyfunc", "onnx")),
        ("passed", True, ("pyfunc", "onnx", "dotnet")),
        ("failed", True, ("pyfunc",)),
        ("broken", True, ("pyfunc",)),
    ],
)
def test_gates_require_the_runtimes_where_the_model_passed(
    tmp_path: Path, result: str, harness: bool, runtimes: tuple[str, ...]
) -> None:
    if harness:
        (tmp_path / "harness" / "dotnet" / "Cli").mkdir(parents=True)
    verdict = {
        "checks": [{"id": "inference.pyfunc", "result": "passed"}, {"id": "inference.onnx", "result": result}]
    }
    assert runtimes_of(tmp_path, verdict) == runtimes


@pytest.mark.slow
def test_metrics_that_differ_are_refused(factory: Command, prototype_repo: Path) -> None:
    file = prototype_repo / "models/line/metrics.json"
    file.write_text(file.read_text(encoding="utf-8").replace("10.0", "11.0"), encoding="utf-8")
    before = state(factory.repo)
    said = factory("promote", tag_again(prototype_repo), "line", "--target", "progression")
    assert (said.code, state(factory.repo)) == (2, before)
    assert "slope is 10, not 11" in said.text


@pytest.mark.slow
def test_what_a_tag_can_be(factory: Command, tagged: Path, tmp_path: Path) -> None:
    """An annotated tag, a light one, and a shallow clone. The same promotion gives the same tree."""
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "line-v1", f"file://{tagged}", str(shallow))
    git(shallow, "tag", "light")
    trees = []
    names = ("line", "models/line/", "models\\line")
    for source, model in zip(
        (f"{tagged}@line-v1", f"{shallow}@light", f"file://{tagged}@line-v1"), names, strict=True
    ):
        assert try_promotion(factory, source, model).code == 0
        branch = f"promote/line-{source.rpartition('@')[2]}"
        trees.append(git(factory.repo, "rev-parse", f"{branch}:models/line/steps", f"{branch}:datasets"))
        git(factory.repo, "branch", "-D", branch)
    assert len(set(trees)) == 1


def test_a_tag_that_is_not_pushed_is_told(factory: Command, prototype_repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "origin")
    git(prototype_repo, "remote", "add", "origin", str(tmp_path / "origin"))
    said = try_promotion(factory, f"{prototype_repo}@line-v1")
    assert (said.code, "git push origin line-v1" in said.out) == (0, True), said
    git(factory.repo, "branch", "-D", BRANCH)
    git(prototype_repo, "push", "--quiet", "origin", "line-v1")
    said = try_promotion(factory, f"{prototype_repo}@line-v1")
    assert (said.code, "git push origin line-v1" in said.out) == (0, False), said


def test_metrics_in_another_unit_are_no_limits(factory: Command, prototype_repo: Path) -> None:
    """An R² of 48 is one in percent: gates.yml cannot have it as a limit."""
    _edit("models/line/metrics.json", '"slope": 10.0', '"slope": 10.0, "r2": 48.2, "rmse": 55.0')(
        prototype_repo
    )
    assert try_promotion(factory, tag_again(prototype_repo)).code == 0
    gates = git(factory.repo, "show", "promote/line-v2:models/line/gates.yml")
    assert "rmse: {limit: 60.5" in gates
    assert "r2: {" not in gates


def test_what_is_not_a_tag(factory: Command, prototype_repo: Path, tmp_path: Path) -> None:
    repo = prototype_repo
    git(repo, "tag", "line-v10")
    git(repo, "tag", "line-v2")
    for name in ("Line", "class", "con", "../line"):
        refused(factory, f"{repo}@line-v1", name, options=("--as", name), ran=False)
    git(factory.repo, "branch", "promote/line-line-v1/rc")
    refused(factory, f"{repo}@line-v1", "beside the branch promote/line-line-v1/rc")
    git(factory.repo, "branch", "-D", "promote/line-line-v1/rc")
    git(factory.repo, "branch", BRANCH)
    refused(factory, f"{repo}@line-v1", f"The branch {BRANCH} already exists", f"git branch -D {BRANCH}")
    git(factory.repo, "branch", "-D", BRANCH)
    refused(factory, f"{repo}@main", "main is a branch")
    refused(factory, f"{repo}@v9", "has no tag v9", "line-v1, line-v2, line-v10.")
    refused(factory, f"{tmp_path / 'nowhere'}@v1", "cannot be read")
    refused(factory, f"{repo}@line-v1", "There is no model lime", "line?", model="lime")
    for name in (".", "..", "/", "../line", "/line", "models/line/steps"):
        refused(factory, f"{repo}@line-v1", "is not the name of a model", model=name, ran=False)
    for source in (
        str(repo),
        "git@github.com:org/repo",
        "ssh://git@host/p",
        "https://me@host/p",
        "--upload-pack=x@v1",
        f"{repo}@a..b",
    ):
        said = try_promotion(factory, source) if not source.startswith("-") else None
        assert said is None or (said.code == 2 and "does not name a tag" in said.text)


def test_a_name_that_no_branch_can_have(factory: Command, prototype_repo: Path) -> None:
    git(prototype_repo, "mv", "models/line", "models/my line")
    source = tag_again(prototype_repo)
    told = ("promote/my line-v2 is not a valid name of a branch", "--as NAME")
    refused(factory, source, *told, model="my line")


@pytest.mark.parametrize(
    "source, repo, tag",
    [
        ("../p@v1", "../p", "v1"),
        ("git@github.com:org/p@team/v1", "git@github.com:org/p", "team/v1"),
        ("https://user@host/p.git@v1", "https://user@host/p.git", "v1"),
    ],
)
def test_addresses(source: str, repo: str, tag: str) -> None:
    assert parse_source(source) == (repo, tag)


def test_a_password_in_an_address_is_not_written_down() -> None:
    assert public_address(f"https://me:{token()}@host/p.git") == "https://host/p.git"
    assert public_address(f"https://{token()}@more@host/p.git") == "https://host/p.git"
    assert public_address(f"ssh://git:{token()}@host:22/p") == "ssh://git@host:22/p"
    for same in ("git@github.com:org/p", "ssh://git@host/p", "https://host/p@x", "ssh://host:22/p"):
        assert public_address(same) == same


def test_what_git_says_about_an_unreadable_repo() -> None:
    """The first line says what is wrong, and no password is shown."""
    address = f"https://me:{token()}@host/p"
    said = f"warning: x\nfatal: unable to access '{address}'\nPlease make sure you have the rights\n"
    assert GitOutput(128, b"", without_login(said)).first_reason == "unable to access 'https://host/p'"


def test_uncommitted_changes(factory: Command, tagged: Path) -> None:
    """Only those in the files that a promotion writes matter."""
    (factory.repo / "README.md").write_text("mine\n", encoding="utf-8")
    folder = factory.repo / "datasets" / "diabetes"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine\n", encoding="utf-8")
    refused(factory, f"{tagged}@line-v1", "datasets/diabetes/notes.txt")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a child inherits the lock by fork")
def test_the_lock_of_a_process_that_has_ended_is_free_when_its_children_have_ended(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    child = os.fork()
    if child == 0:
        try_lock(file)
        if os.fork() == 0:  # as git's process, before it has become git
            time.sleep(0.5)
        os._exit(0)
    os.waitpid(child, 0)
    assert try_lock(file) is None
    lock = try_lock(file, seconds=30)
    assert lock is not None
    os.close(lock)


def test_one_promotion_at_a_time(factory: Command, tagged: Path) -> None:
    """Two promotions would delete each other's folder."""
    place = cache_folder(factory.repo) / "promote"
    place.mkdir()
    lock = try_lock(place / "lock")
    assert lock is not None
    try:
        refused(factory, f"{tagged}@line-v1", "Another promotion is running in this repo")
    finally:
        os.close(lock)


@pytest.mark.parametrize(
    "content",
    [b"", b"tag: [", b"[]", b"tag: v1\n", b"\xff", b"{repo: p, tag: v, commit: c, metrics: {mae: low}}"],
)
def test_a_damaged_provenance(factory: Command, tagged: Path, content: bytes) -> None:
    file = factory.repo / "models/line/provenance.yml"
    file.parent.mkdir(parents=True)
    (file.parent / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    file.write_bytes(content)
    for words in (["--status"], [f"{tagged}@line-v1", "line"]):
        said = factory("promote", *words)
        assert said.code == 2, said
        assert "provenance.yml: MR834: This file cannot be read" in said.err, said
    assert file.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"branch": "b", "more": 1}'])
def test_a_damaged_note_of_an_unfinished_promotion(factory: Command, tagged: Path, content: bytes) -> None:
    file = factory.repo / ".git" / "mlroad-promotion.json"
    file.write_bytes(content)
    before = state(factory.repo)
    for words in (["--continue"], ["--abort"], [f"{tagged}@line-v1", "line"]):
        said = factory("promote", *words)
        assert said.code == 2, said
        assert "MR835: This file cannot be read" in said.err, said
    assert (state(factory.repo), file.read_bytes()) == (before, content)


def _symlink(repo: Path) -> None:
    (repo / "models/line/steps/link.py").symlink_to("/etc/passwd")


def _submodule(repo: Path) -> None:
    head = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},models/line/sub")


def _file(name: str, text: str) -> Callable[[Path], None]:
    def write(repo: Path) -> None:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text, encoding="utf-8", newline="\n")

    return write


def _edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(repo: Path) -> None:
        text = (repo / name).read_text(encoding="utf-8")
        assert old in text
        (repo / name).write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    return edit


def _delete(name: str) -> Callable[[Path], None]:
    return lambda repo: (repo / name).unlink()


def _newer_contract(repo: Path) -> None:
    _edit("models/line/steps/step_io.py", "CONTRACT = 1", "CONTRACT = 2")(repo)
    _file(".copier-answers.yml", "_commit: v9.1.0\n_src_path: gh:o/t\n")(repo)


def _side_secret(repo: Path) -> None:
    """A secret on a branch whose merge brought nothing."""
    git(repo, "switch", "--quiet", "-c", "side")
    _past_secret(repo)
    commit_all(repo, "Removed")
    git(repo, "switch", "--quiet", "main")
    commit_all(repo, "Other")
    git(repo, "merge", "--quiet", "--no-ff", "side")


def _past_secret(repo: Path) -> None:
    _file("models/line/notes.md", f"token: {token()}\n")(repo)
    commit_all(repo, "Oh")
    (repo / "models/line/notes.md").unlink()


@pytest.mark.parametrize(
    "change, told",
    [
        pytest.param(_symlink, "symbolic link", marks=pytest.mark.skipif(os.name == "nt", reason="links")),
        (_submodule, "git submodule"),
        (_file("models/line/weights.bin", POINTER), "models/line/weights.bin: MR830: git has only"),
        (_file("datasets/diabetes/1/diabetes.csv", POINTER), "datasets/diabetes/1/diabetes.csv: MR830:"),
        (_file("models/line/steps/a:b.py", ""), "not safe on every system"),
        (_file("models/line/steps/Aux.data.py", ""), "not safe on every system"),
        (_edit("models/line/metrics.json", "10.0", "NaN"), "not a finite number"),
        (_edit("models/line/metrics.json", "10.0", "1e999"), "not a finite number"),
        (_file("models/line/big.bin", "x" * 10_000_001), "limit is 10 MB"),
        (_edit(PIPELINE, "azureml:diabetes:1", "../../datasets/diabetes/1/x.csv"), "leads out"),
        (_edit(PIPELINE, "azureml:diabetes:1", "/etc/passwd"), "/etc/passwd leads out"),
        (_edit(PIPELINE, "./components/fit.yml", "../diabetes/components/prep.yml"), "leads out"),
        (_edit("datasets/diabetes/1.yml", "./1/diabetes.csv", "../../README.md"), "outside of the dataset"),
        (_file("notebooks/other.py", f"key = '{token()}'\n"), "notebooks/other.py:1"),
        (_past_secret, "models/line/notes.md:1"),
        (_side_secret, "models/line/notes.md:1"),
        (_delete("models/line/inference_tests/suite.yml"), "suite.yml is missing"),
        (_newer_contract, "which the prototype has: `mlroad update --to v9.1.0`"),
        (_file(PIPELINE, "- a\n"), "models/line/pipeline.yml:1:1: MR104"),
        (_delete("models/line/environment/conda.yml"), "models/line/components/fit.yml:"),
        (_file("models/line/inference_tests/cases.jsonl", "{}\n[1]\nno\n"), "inference_tests/cases.jsonl:3"),
        (_edit("models/line/steps/fit.py", "def fit(", "def fit(:"), "fit.py"),
        (_changed_data, "datasets/diabetes/1/diabetes.csv: MD203: This file has changed"),
    ],
)  # fmt: skip
def test_refused(factory: Command, prototype_repo: Path, change: Callable[[Path], None], told: str) -> None:
    change(prototype_repo)
    if change is _submodule:
        git(prototype_repo, "commit", "--quiet", "-m", "sub")
        git(prototype_repo, "tag", "v2")
        refused(factory, f"{prototype_repo}@v2", told)
    else:
        refused(factory, tag_again(prototype_repo), told)


@pytest.mark.slow
def test_harmless_look_alikes_pass(factory: Command, prototype_repo: Path) -> None:
    """What another model has, an allowed line, paths in texts; a licence and an older contract come along."""
    repo = prototype_repo
    _file("models/other/notes.md", f"old: {token()}\n")(repo)
    commit_all(repo, "Another model's secret in the past")
    (repo / "models/other/notes.md").unlink()
    _file("LICENSE", "MIT\n")(repo)
    _edit("models/line/environment/conda.yml", "dependencies:", "prefix: /opt/conda\ndependencies:")(repo)
    _file("models/line/notes.md", f"{token()} # pragma: allowlist secret\n")(repo)
    _edit(
        "models/line/pipeline.yml", "display_name: line", "display_name: ../line\ndescription: /a/b and ../c"
    )(repo)
    _edit("models/line/steps/step_io.py", "CONTRACT = 1\n", "OLD = 1\n")(repo)
    said = try_promotion(factory, tag_again(repo))
    assert said.code == 0, said
    assert "metrics.json is about other code" in said.out
    git(factory.repo, "switch", "--quiet", "promote/line-v2")
    assert (factory.repo / "models/line/LICENSE").read_text(encoding="utf-8") == "MIT\n"
    assert "CONTRACT = 1\n" in (factory.repo / "models/line/steps/step_io.py").read_text(encoding="utf-8")
    assert factory("check", "models/line").code == 0


def test_a_prototypes_code_gets_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = token()
    for name in (
        "GITHUB_TOKEN",
        "AZURE_CLIENT_SECRET",
        "SSH_AUTH_SOCK",
        "MY_OWN_THING",
        "HOME",
        "GIT_ASKPASS",
    ):
        monkeypatch.setenv(name, secret)
    found = clean_environment(tmp_path / "home")
    assert secret not in found.values()
    assert found["HOME"] == str(tmp_path / "home")
    assert "PATH" in found
    bench = Workbench(tmp_path, tmp_path, "")
    bench.stage.mkdir()
    assert mlroad_without_credentials(bench, "--version").code == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed cheaply")
def test_a_kill_leaves_everything_as_it_was(
    factory: Command, tagged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 20 random moments; after each, the branch is complete or not there. The next promotion cleans up."""
    monkeypatch.chdir(factory.repo)
    before = state(factory.repo)
    errors = tmp_path / "errors.txt"

    def start() -> int:
        child = os.fork()
        if child == 0:
            try:  # whatever happens, this process must not go on with the tests
                os.setsid()
                options = PromoteOptions(target="progression", run=False)
                promote(factory.repo, f"{tagged}@line-v1", "line", options, lambda _: None)
            except BaseException:
                errors.write_text(traceback.format_exc(), encoding="utf-8")
            finally:
                os._exit(0)
        return child

    started = time.monotonic()
    os.waitpid(start(), 0)
    whole = time.monotonic() - started
    complete = git(factory.repo, "rev-parse", f"{BRANCH}^{{tree}}")
    git(factory.repo, "branch", "-D", BRANCH)
    moments = random.Random(3)
    for _ in range(20):
        child = start()
        time.sleep(moments.uniform(0, whole))
        with contextlib.suppress(ProcessLookupError):  # it has no group of its own yet
            os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert not errors.exists(), errors.read_text(encoding="utf-8")
        if BRANCH in git(factory.repo, "for-each-ref"):
            assert git(factory.repo, "rev-parse", f"{BRANCH}^{{tree}}") == complete
            git(factory.repo, "branch", "-D", BRANCH)
        assert state(factory.repo) == before
    assert try_promotion(factory, f"{tagged}@line-v1").code == 0
    assert [path.name for path in (factory.repo / ".mlroad" / "promote").iterdir()] == ["lock"]
