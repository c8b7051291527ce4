"""--json and --quiet, at every command that is quick enough to be called here."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mlroad.cli.main import mlroad as root
from mlroad.cli.output_options import is_kept_back, result, with_output_options
from tests.unit.cli.command import Command

FINE = """
new {}_first
new {}_second --from notebooks/eda.ipynb
sync
check
models
graph models/diabetes
dataset list
dataset verify
dataset lineage diabetes:1
dataset compatible
dataset add {}_more datasets/diabetes/1/diabetes.csv
dataset split diabetes:1 --train {}_train --holdout {}_holdout
dataset schema infer diabetes:1 --file {}.yml
dataset schema check
dataset diff diabetes:1 json_more:1
dataset gc
runs models/diabetes
guard --all
guard --all --only large-files
""".strip().splitlines()
"""Each is called twice, with a name of its own in place of the braces."""
FAILS = """
dataset overlap diabetes:1 json_more:1
dataset diff diabetes:1 json_train:1 --exit-code
sync --check models/json_first
check models/json_first
guard datasets/conflict.txt
""".strip().splitlines()


@pytest.fixture(scope="module")
def repo(rendered: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prototyping repo in which the commands run one after the other."""
    return Path(shutil.copytree(rendered(), tmp_path_factory.mktemp("output") / "demo"))


@pytest.fixture
def call(repo: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(repo, capfd, monkeypatch)


@pytest.mark.slow
def test_commands_that_succeed(call: Command) -> None:
    for line in FINE:
        said = call(*shlex.split(line.replace("{}", "json")), "--json")
        document = json.loads(said.out)
        assert said.code == 0, (line, said)
        assert not isinstance(document, dict) or document.get("exit_code", 0) == 0, line
        said = call(*shlex.split(line.replace("{}", "quiet")), "--quiet")
        assert (said.code, said.text) == (0, ""), line


@pytest.mark.slow
def test_commands_that_fail(call: Command, repo: Path) -> None:
    (repo / "datasets/conflict.txt").write_text("<" * 7 + " HEAD\na\n", encoding="utf-8")
    component = repo / "models/json_first/components/train.yml"
    text = component.read_text(encoding="utf-8")
    component.write_text(text.replace("train.py", "other.py"), encoding="utf-8")
    for line in FAILS:
        said = call(*shlex.split(line), "--json")
        json.loads(said.out)
        assert said.code == 1, (line, said)
        quiet, plain = call(*shlex.split(line), "--quiet"), call(*shlex.split(line))
        assert (quiet.code, quiet.text) == (1, plain.text), line
        assert quiet.text, line


@click.command()
@click.option("--code", type=int, default=0)
@click.option("--fail", is_flag=True)
def sample(code: int, fail: bool) -> None:
    click.echo("before")
    subprocess.run([sys.executable, "-c", "print('a program')"], check=True)
    click.echo(f"kept back: {is_kept_back()}")
    result(answer=42)
    if fail:
        raise RuntimeError
    sys.exit(code)


with_output_options(sample)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_document_and_the_silence(code: int, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--code", str(code)]
    lines = ["before", "a program", "kept back: True"]
    found = CliRunner().invoke(sample, [*words, "--json"])
    assert found.exit_code == code
    assert json.loads(found.stdout) == {"exit_code": code, "lines": lines, "answer": 42}
    found = CliRunner().invoke(sample, [*words, "-q"])
    assert (found.exit_code, found.stdout.splitlines()) == (code, lines if code else [])
    assert capfd.readouterr().out == "", "a program printed to the terminal"


def test_what_was_printed_before_an_exception_is_not_lost() -> None:
    found = CliRunner().invoke(sample, ["--fail", "--json"])
    assert isinstance(found.exception, RuntimeError)
    assert (found.stdout, found.stderr.splitlines()[0]) == ("", "before")
    found = CliRunner().invoke(sample, ["--fail", "-q"])
    assert found.stdout.splitlines()[0] == "before"


@pytest.mark.parametrize("option", [["--fix"], ["--models"], ["--only", "secrets"]])
def test_guard_refuses_what_commits_would_ignore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(root, ["guard", "--commits", "HEAD", *option])
    assert "Leave out --only, --models and --fix." in str(found.exception)


@pytest.mark.parametrize(("made", "advice"), [(True, "Run `mlroad setup`"), (False, "`git init`")])
def test_outside_a_git_repo_the_advice_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool, advice: str
) -> None:
    if made:
        (tmp_path / ".copier-answers.yml").touch()
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(root, ["guard", "--all"])
    assert advice in str(found.exception)
