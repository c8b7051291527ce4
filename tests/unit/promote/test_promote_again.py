"""A newer tag is merged three ways with the edits of the factory: nothing of either side is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlroad.promote.merge_versions import merge_trees
from mlroad.promote.workbench import Workbench, workbench
from tests.support import commit_all, git
from tests.unit.cli.command import Command
from tests.unit.promote.line_model import add_line_model, mlroad
from tests.unit.promote.test_promote import refused, state, tag_again, try_promotion

FIT = "models/line/steps/fit.py"
BINARY = bytes(range(256)) * 4


def source_of(again: Command) -> Path:
    """The prototype beside the factory."""
    return again.repo.parent / "prototype"


def edit(repo: Path, file: str, old: str, new: str) -> None:
    text = (repo / file).read_bytes().decode()
    assert old in text, f"{old!r} is not in {file}"
    (repo / file).write_bytes(text.replace(old, new).encode())


def write(repo: Path, file: str, content: bytes) -> None:
    (repo / file).parent.mkdir(parents=True, exist_ok=True)
    (repo / file).write_bytes(content)


def show(repo: Path, branch: str, file: str) -> str:
    return git(repo, "show", f"{branch}:{file}")


def files(repo: Path, branch: str) -> list[str]:
    return git(repo, "ls-tree", "-r", "--name-only", branch, "models/line").split()


@pytest.mark.slow
def test_both_sides_are_kept(again: Command) -> None:
    """Edits in one file, renames, deletions on both sides, binary files, Windows line ends."""
    prototype, factory = source_of(again), again.repo
    for name, content in (("gone_there", "a\n"), ("gone_here", "b\n"), ("gone_on_both", "c\n")):
        write(prototype, f"models/line/{name}.md", content.encode())
    write(prototype, "models/line/steps/helper.py", b"".join(b"V%d = %d\n" % (n, n) for n in range(20)))
    write(prototype, "models/line/weights.bin", BINARY)
    write(prototype, "models/line/windows.txt", b"".join(b"line %d\r\n" % n for n in range(9)))
    assert try_promotion(again, tag_again(prototype)).code == 0
    git(factory, "merge", "--quiet", "promote/line-v2")

    edit(factory, FIT, '"""Fit a line', '"""The factory\'s fit of a line')
    edit(factory, "models/line/steps/helper.py", "V2 = 2\n", "V2 = 222\n")
    edit(factory, "models/line/gates.yml", "champion: optional", "champion: required")
    edit(factory, "models/line/windows.txt", "line 1", "line one")
    for name in ("gone_here", "gone_on_both"):
        (factory / f"models/line/{name}.md").unlink()
    commit_all(factory, "Edits of the factory")

    edit(prototype, FIT, "slope: float = 10.0", "slope: float = 9.5")
    git(prototype, "mv", "models/line/steps/helper.py", "models/line/steps/values.py")
    edit(prototype, "models/line/steps/values.py", "V17 = 17\n", "V17 = 1717\n")
    edit(prototype, "models/line/windows.txt", "line 7", "line seven")
    for name in ("gone_there", "gone_on_both"):
        (prototype / f"models/line/{name}.md").unlink()
    write(prototype, "models/line/weights.bin", BINARY + b"more")
    write(prototype, "models/line/new.md", b"new\n")
    mlroad(prototype, "sync", "models/line")
    before = state(factory)
    assert try_promotion(again, tag_again(prototype, "v3")).code == 0
    branch = "promote/line-v3"
    added = [line for line in state(factory).splitlines() if line not in before.splitlines()]
    assert [line.split()[-1] for line in added] == [f"refs/heads/{branch}"]
    fit = show(factory, branch, FIT)
    assert "The factory's fit" in fit
    assert "slope: float = 9.5" in fit
    assert "default: 9.5" in show(factory, branch, "models/line/components/fit.yml")
    values = show(factory, branch, "models/line/steps/values.py")
    assert "V2 = 222\n" in values
    assert "V17 = 1717\n" in values
    assert "champion: required" in show(factory, branch, "models/line/gates.yml")
    assert "line one\n" in show(factory, branch, "models/line/windows.txt")
    assert "line seven\n" in show(factory, branch, "models/line/windows.txt")
    there = files(factory, branch)
    assert not [name for name in there if "gone" in name or "helper" in name]
    assert "models/line/new.md" in there
    assert git(factory, "cat-file", "-s", f"{branch}:models/line/weights.bin").strip() == str(len(BINARY) + 4)
    assert "tag: v3" in show(factory, branch, "models/line/provenance.yml")
    git(factory, "switch", "--quiet", branch)
    assert again("check", "models/line").code == 0


@pytest.mark.slow
def test_conflicts_are_shown_continued_and_undone(again: Command) -> None:
    prototype, factory = source_of(again), again.repo
    edit(factory, FIT, '"""Fit a line', '"""The factory fits a line')
    commit_all(factory, "Mine")
    edit(prototype, FIT, '"""Fit a line', '"""The prototype fits a line')
    source = tag_again(prototype)
    before = state(factory)
    write(factory, "models/line/MODEL_CARD.md", b"mine\n")
    assert "MODEL_CARD.md" in try_promotion(again, source).text
    git(factory, "checkout", "--quiet", "models/line/MODEL_CARD.md")
    # Elsewhere in the repo, a change is in the way only if the working tree is needed for conflicts.
    write(factory, "README.md", b"mine\n")
    dirty = state(factory)
    said = try_promotion(again, source)
    assert (said.code, state(factory)) == (2, dirty), said
    assert f"changed the same lines of {FIT}" in said.err
    assert "commit or stash README.md" in said.err
    git(factory, "checkout", "--quiet", "README.md")

    said = try_promotion(again, source)
    assert said.code == 1, said
    assert FIT in said.out
    assert git(factory, "status", "--porcelain").split() == ["UU", FIT]
    assert "unfinished" in try_promotion(again, source).text
    git(factory, "reset", "--quiet", "--hard")
    assert "mlroad promote --abort" in again("promote", "--continue").err
    assert again("promote", "--abort").code == 0
    assert state(factory) == before

    assert try_promotion(again, source).code == 1
    assert "conflicts" in again("promote", "--continue").text
    assert again("promote", "--abort").code == 0
    assert state(factory) == before
    assert again("promote", "--abort").code == 2

    assert try_promotion(again, source).code == 1
    git(factory, "add", FIT)
    assert "conflict marker" in again("promote", "--continue").text
    text = (factory / FIT).read_text(encoding="utf-8")
    text = re.sub(r"<{7}.*\n(.*\n)={7}\n.*\n>{7}.*\n", r"\1", text)
    write(factory, FIT, text.encode())
    git(factory, "add", FIT)
    meant = git(prototype, "rev-parse", "v2").strip()
    edit(prototype, "models/line/MODEL_CARD.md", "# ", "#  ")
    commit_all(prototype, "Moved")
    git(prototype, "tag", "--force", "v2")
    assert "The tag v2 has moved" in again("promote", "--continue").err
    git(prototype, "tag", "--force", "v2", meant)
    said = again("promote", "--continue")
    assert said.code == 0, said
    assert git(factory, "status", "--porcelain") == ""
    assert git(factory, "symbolic-ref", "--short", "HEAD").strip() == "promote/line-v2"
    assert git(factory, "rev-parse", "HEAD^") == git(factory, "rev-parse", "main")
    assert "The factory fits" in show(factory, "HEAD", FIT)
    assert "tag: v2" in show(factory, "HEAD", "models/line/provenance.yml")
    assert again("promote", "--continue").code == 2


def test_edits_survive_an_undone_promotion(again: Command) -> None:
    """As with `git merge --abort`, edits of other files stay; here, staged ones too."""
    prototype, factory = source_of(again), again.repo
    edit(factory, FIT, '"""Fit a line', '"""The factory fits a line')
    commit_all(factory, "Mine")
    edit(prototype, FIT, '"""Fit a line', '"""The prototype fits a line')
    edit(prototype, "models/line/MODEL_CARD.md", "# ", "#  ")
    source, card = tag_again(prototype), "models/line/MODEL_CARD.md"
    before = state(factory)
    assert try_promotion(again, source).code == 1
    for name in ("README.md", "pyproject.toml", "ruff.toml", "my notes.md", card):
        write(factory, name, b"mine\n")
    git(factory, "add", "pyproject.toml", "my notes.md")
    git(factory, "rm", "--quiet", "--cached", "ruff.toml")
    dirty = state(factory)
    said = again("promote", "--abort")
    assert (said.code, state(factory)) == (2, dirty), said
    assert f"Your edits of {card} would be lost" in said.err
    git(factory, "add", card)  # that gives them up
    said = again("promote", "--abort")
    assert said.code == 0, said
    assert "main is checked out" in said.out
    for name in ("README.md", "pyproject.toml", "ruff.toml", "my notes.md"):
        assert (factory / name).read_bytes() == b"mine\n", name
    assert (factory / card).read_bytes() != b"mine\n"
    git(factory, "checkout", "--quiet", ".")
    (factory / "my notes.md").unlink()
    assert state(factory) == before

    # A commit that someone made there is not deleted.
    assert try_promotion(again, source).code == 1
    git(factory, "add", "--all")
    git(factory, "commit", "--quiet", "--message", "By hand")
    made = git(factory, "rev-parse", "HEAD")
    assert again("promote", "--abort").code == 0
    assert git(factory, "rev-parse", "promote/line-v2") == made


def test_edits_survive_a_completed_promotion(again: Command) -> None:
    prototype, factory = source_of(again), again.repo
    edit(factory, FIT, '"""Fit a line', '"""The factory fits a line')
    commit_all(factory, "Mine")
    edit(prototype, FIT, '"""Fit a line', '"""The prototype fits a line')
    assert try_promotion(again, tag_again(prototype)).code == 1
    git(factory, "checkout", "--quiet", "--theirs", FIT)
    git(factory, "add", FIT)
    write(factory, "README.md", b"mine\n")
    write(factory, "ruff.toml", b"mine\n")
    git(factory, "add", "ruff.toml")
    dirty = state(factory)
    said = again("promote", "--continue")
    assert (said.code, state(factory)) == (2, dirty), said
    assert "git restore --staged ruff.toml" in said.err
    git(factory, "restore", "--staged", "ruff.toml")
    said = again("promote", "--continue")
    assert said.code == 0, said
    assert git(factory, "status", "--porcelain").splitlines() == [" M README.md", " M ruff.toml"]
    assert (factory / "ruff.toml").read_bytes() == b"mine\n"
    assert git(factory, "diff", "--name-only", "main", "HEAD", "--", "README.md", "ruff.toml") == ""


def test_tags_that_cannot_follow(again: Command) -> None:
    prototype = source_of(again)
    refused(again, f"{prototype}@line-v1", "is at line-v1 already")
    git(prototype, "tag", "old", "line-v1~1")
    refused(again, f"{prototype}@old", "older than line-v1")
    edit(prototype, FIT, "Fit a line", "Fit one line")
    commit_all(prototype, "Moved")
    git(prototype, "tag", "--force", "line-v1")
    refused(again, f"{prototype}@line-v1", "The tag line-v1 has moved")
    other = prototype.parent / "other"
    git(prototype.parent, "init", "--quiet", str(other))
    commit_all(other, "Nothing")
    write(other, "models/line/pipeline.yml", b"type: pipeline\n")
    refused(again, tag_again(other), "does not have")


@pytest.mark.slow
def test_other_names_and_shared_datasets(again: Command) -> None:
    """A model that is renamed keeps its name here, and two models share a dataset; versions never change."""
    prototype, factory = source_of(again), again.repo
    git(prototype, "mv", "models/line", "models/straight")
    edit(prototype, "models/straight/pipeline.yml", "display_name: line", "display_name: straight")
    edit(prototype, "models/straight/inference_tests/suite.yml", "model: line", "model: straight")
    (prototype / "models/straight/metrics.json").unlink()
    mlroad(prototype, "sync", "models/straight")
    source = tag_again(prototype)
    assert "There is no model line" in try_promotion(again, source, "line").err
    said = try_promotion(again, source, "straight", "--as", "line")
    assert said.code == 0, said
    branch = "promote/line-v2"
    assert "model: straight" in show(factory, branch, "models/line/provenance.yml")
    assert "name: line_fit" in show(factory, branch, "models/line/components/fit.yml")
    assert "models/line/gates.yml" in files(factory, branch)
    git(factory, "merge", "--quiet", branch)

    add_line_model(prototype, "second")
    mlroad(prototype, "run", "models/second", "--quiet")
    mlroad(prototype, "freeze", "models/second")
    said = try_promotion(again, tag_again(prototype, "v3"), "second")
    assert said.code == 0, said
    branch = "promote/second-v3"
    changed = git(factory, "diff", "--name-only", "main", branch).split()
    assert {name.split("/")[1] for name in changed} == {"second"}
    assert "diabetes_train:1" in show(factory, branch, "models/second/pipeline.yml")
    git(factory, "switch", "--quiet", branch)
    assert again("check").code == 0
    git(factory, "switch", "--quiet", "main")

    write(prototype, "datasets/diabetes/1/diabetes.csv", b"a\n1\n")
    digest = git(prototype, "hash-object", "datasets/diabetes/1/diabetes.csv").strip() * 2
    text = (prototype / "datasets/diabetes/1.yml").read_text(encoding="utf-8")
    text = re.sub("sha256:[0-9a-f]{64}", f"sha256:{digest[:64]}", text)
    write(prototype, "datasets/diabetes/1.yml", text.encode())
    refused(again, tag_again(prototype, "v4"), "datasets/diabetes/1.yml", "other content", model="second")


@pytest.mark.slow
def test_new_data(again: Command) -> None:
    """A new version of the data is split with the frozen holdout, and data.yml follows."""
    prototype, factory = source_of(again), again.repo
    rows = (prototype / "datasets/diabetes/1/diabetes.csv").read_text(encoding="utf-8").splitlines()
    write(prototype, "more.csv", "\n".join([*rows[:400], ""]).encode())
    mlroad(prototype, "dataset", "add", "diabetes", "more.csv")
    (prototype / "more.csv").unlink()
    edit(prototype, "models/line/pipeline.yml", "azureml:diabetes:1", "azureml:diabetes:2")
    said = try_promotion(again, tag_again(prototype))
    assert said.code == 0, said
    branch = "promote/line-v2"
    assert "dev: azureml:diabetes_train:3\n" in show(factory, branch, "models/line/data.yml")
    assert "prod: azureml:diabetes_train:2\n" in show(factory, branch, "models/line/data.yml")
    assert "azureml:diabetes_train:3" in show(factory, branch, "models/line/pipeline.yml")
    assert '"holdout":"diabetes_holdout:1"' in show(factory, branch, "datasets/diabetes_train/3.yml")
    changed = git(factory, "diff", "--name-only", "--diff-filter=MD", "main", branch).split()
    assert not [name for name in changed if name.startswith("datasets/")]


@pytest.mark.slow
def test_status(again: Command) -> None:
    prototype, factory = source_of(again), again.repo
    edit(prototype, "models/diabetes/MODEL_CARD.md", "teaching", "good")
    tag_again(prototype, "diabetes-v1")
    # The address in provenance.yml is that of the folder that these copies were made from.
    file = factory / "models/line/provenance.yml"
    file.write_text(
        re.sub("(?m)^repo: .*", f"repo: {prototype.as_posix()}", file.read_text(encoding="utf-8"))
    )
    edit(factory, FIT, "Fit a line", "Fit one line")
    (factory / "models/line/MODEL_CARD.md").unlink()
    commit_all(factory, "Mine")
    edit(prototype, FIT, "Fit a line", "Fit two lines")
    tag_again(prototype)
    (about,) = json.loads(again("promote", "--status", "--json").out)["models"]
    assert (about["tag"], about["newer"], about["changed"]) == ("line-v1", ["v2"], ["steps/fit.py"])
    assert about["deleted"] == ["MODEL_CARD.md"]
    assert "gates.yml" in about["only_here"]
    said = again("promote", "--status").out
    assert "newer tags: v2" in said
    edit(factory, "models/line/provenance.yml", prototype.name, "nowhere")
    assert "cannot be read" in again("promote", "--status").out


LINES = [f"line {n}" for n in range(30)]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 9), st.sampled_from(["ours", "theirs"]), st.sampled_from(["change", "add", "delete"])
    ),
    unique_by=lambda edit: edit[0],
    max_size=10,
)


@pytest.fixture(scope="module")
def bench(fresh_factory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    repo = tmp_path_factory.mktemp("bench")
    git(repo, "init", "--quiet", ".")
    commit_all(repo, "Start")
    with workbench(repo) as found:
        yield found


def tree_of(bench: Workbench, name: str, lines: list[str]) -> str:
    blob = bench.run("hash-object", "-w", "--stdin", stdin="".join(f"{line}\n" for line in lines)).text
    return bench.run("mktree", stdin=f"100644 blob {blob}\t{name}\n").text


@given(edits=EDITS, renamed=st.sampled_from(["", "ours", "theirs"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_edits_of_other_lines_never_conflict(
    bench: Workbench, edits: list[tuple[int, str, str]], renamed: str
) -> None:
    """The merge has no conflict and loses no line of either side, also if one side renames the file."""
    sides: dict[str, dict[int, list[str]]] = {"ours": {}, "theirs": {}}
    for place, side, what in edits:
        line = LINES[3 * place]
        added = f"{side} {place}"
        sides[side][3 * place] = {"change": [added], "add": [line, added], "delete": []}[what]

    def with_edits(*changes: dict[int, list[str]]) -> list[str]:
        merged = {place: lines for change in changes for place, lines in change.items()}
        return [line for place, old in enumerate(LINES) for line in merged.get(place, [old])]

    trees = {
        side: tree_of(bench, "new.py" if renamed == side else "old.py", with_edits(sides[side]))
        for side in ("ours", "theirs")
    }
    merged = merge_trees(bench, tree_of(bench, "old.py", LINES), trees["ours"], trees["theirs"], "v2")
    assert merged.conflicts == ()
    name = "new.py" if renamed else "old.py"
    found = bench.run("cat-file", "blob", f"{merged.tree}:{name}").text.splitlines()
    assert found == with_edits(sides["ours"], sides["theirs"])


def test_canary_edits_of_one_line_conflict(bench: Workbench) -> None:
    sides = [tree_of(bench, "a.py", [text, *LINES[1:]]) for text in ("line 0", "mine", "yours")]
    assert merge_trees(bench, sides[0], sides[1], sides[2], "v2").conflicts == ("a.py",)
