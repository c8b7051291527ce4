"""What docs/how-to/roll-out-to-thirty-teams.md says, as far as a machine without GitHub can try it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import copier
import pytest
import yaml

from tests.support import IDENTITY, REPO, call, clone_template, commit_all, git, render, update
from tools import start

PAGE = (REPO / "docs" / "how-to" / "roll-out-to-thirty-teams.md").read_text(encoding="utf-8")
MODELS = "      - id: house\n        name: house\n        entry: python -c 1\n        language: system\n"


def replace(repo: Path, name: str, old: str, new: str) -> None:
    text = (repo / name).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{name}: {old!r}"
    (repo / name).write_text(text.replace(old, new), encoding="utf-8")


def append(repo: Path, name: str, text: str) -> None:
    with (repo / name).open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


@pytest.mark.slow
def test_house_rules_survive_an_upstream_release_and_reach_the_teams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream 100.0.0, house 100.0.0.1, a team with edits, upstream 100.1.0, house 100.1.0.1, an update."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)

    def release(repo: Path, version: str) -> None:
        monkeypatch.setattr(start, "TEMPLATE", repo)
        assert start.main(["release", version, "--skip-tests", "--resolution", "2026-11-16"]) == 0

    upstream = clone_template(tmp_path / "upstream")
    git(upstream, "switch", "--quiet", "--force-create", "main")
    git(upstream, "remote", "remove", "origin")
    replace(upstream, "CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- A line.\n")
    commit_all(upstream, "docs: a line")
    release(upstream, "100.0.0")

    house = tmp_path / "house"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(upstream), "house")
    git(house, "remote", "rename", "origin", "upstream")
    git(house, "config", "remote.upstream.tagOpt", "--no-tags")
    for kind in ("prototype", "factory"):
        append(house, f"{kind}_template/.github/workflows/house.yml", "name: House\non: push\njobs: {}\n")
        (house / f"{kind}_template/house").mkdir()
        append(house, f"{kind}_template/house/secrets.toml", "# Of the platform team.\n")
    append(house, "prototype_template/.pre-commit-config.yaml", MODELS)
    replace(house, "CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Added\n\n- A house workflow.\n")
    commit_all(house, "feat: house rules")
    release(house, "house")

    team = render(house, tmp_path / "team", ref="v100.0.0.1", project_name="team", sample=False)
    hooks = (team / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert hooks.endswith(MODELS)
    replace(team, "ruff.toml", "ignore = [", 'ignore = [\n    "S105", # ours')
    append(team, ".gitignore", "\n/scratch/\n")
    commit_all(team, "Ours")

    replace(upstream, "prototype_template/ruff.toml.jinja", "= 110", "= 111")
    commit_all(upstream, "feat: longer lines")
    release(upstream, "minor")

    git(house, "fetch", "--quiet", "upstream")
    assert "v100.1.0\n" not in git(house, "tag"), "tags of upstream stay out"
    merged = call(["git", "merge", "--quiet", "--no-edit", "upstream/main"], house, check=False)
    conflicts = git(house, "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == ["pyproject.toml", "src/mlroad/__init__.py"], merged.stdout
    git(house, "checkout", "--theirs", *conflicts)
    commit_all(house, "chore: merge 100.1.0")
    release(house, "house")
    changes = (house / "CHANGELOG.md").read_text(encoding="utf-8")
    for heading in ("100.0.0 ", "100.0.0.1 ", "100.1.0 ", "100.1.0.1 "):
        assert changes.count(f"\n## {heading}") == 1
    for line in ("- A house workflow.", "- longer lines (", "- Release 1 on top of 100.1.0."):
        assert changes.count(line) == 1

    update(team, ref=None)
    answers = (team / ".copier-answers.yml").read_text(encoding="utf-8")
    assert "_commit: v100.1.0.1\n" in answers
    rules = (team / "ruff.toml").read_text(encoding="utf-8")
    assert "= 111" in rules
    assert '"S105", # ours' in rules
    assert (team / ".gitignore").read_text(encoding="utf-8").endswith("/scratch/\n")
    assert (team / ".pre-commit-config.yaml").read_text(encoding="utf-8").endswith(MODELS)
    assert (team / ".github/workflows/house.yml").is_file()
    assert (team / "house/secrets.toml").is_file()
    assert git(team, "diff", "--name-only", "--diff-filter=U") == ""
    project = (team / "pyproject.toml").read_text(encoding="utf-8")
    assert "mlroad-100.1.0.1+g" in project


def test_answers_for_everyone_come_from_the_settings_of_copier(
    template_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an answer that a repo has recorded stays."""
    [settings] = re.findall(r"```yaml\n(defaults:\n.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "settings.yml"
    file.write_text(settings, encoding="utf-8")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(file))
    assert start.environment()["COPIER_SETTINGS_PATH"] == str(file)

    def answers(**given: str) -> dict[str, object]:
        repo = tmp_path / "demo"
        copier.run_copy(
            str(template_repo), repo, data={"project_name": "demo", "sample": False, **given},
            defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD",
        )  # fmt: skip
        found: dict[str, object] = yaml.safe_load((repo / ".copier-answers.yml").read_text(encoding="utf-8"))
        return found

    wanted = yaml.safe_load(settings)["defaults"]
    asked = answers(template="factory")
    assert {name: asked[name] for name in wanted} == wanted
    assert answers(template="factory", owners="@my-org/one-team")["owners"] == "@my-org/one-team"
    git(tmp_path / "demo", "init", "--quiet")
    commit_all(tmp_path / "demo", "Start")
    file.write_text('defaults: {owners: "@my-org/another"}\n', encoding="utf-8")
    update(tmp_path / "demo")
    assert 'owners: "@my-org/one-team"' in (tmp_path / "demo/.copier-answers.yml").read_text("utf-8").replace(
        "'", '"'
    )


@pytest.mark.skipif(sys.platform != "linux", reason="sed of GNU")
def test_each_token_for_gh_gets_its_name_on_enterprise_server(tmp_path: Path) -> None:
    [command] = re.findall(r"^ +(git ls-files .* sed .*)$", PAGE, re.MULTILINE)
    repo = clone_template(tmp_path / "template")
    call(["bash", "-c", command], repo)
    text = git(repo, "diff", "-U0")
    added = re.findall(r"^\+ +GH_ENTERPRISE_TOKEN: (.*)$", text, re.MULTILINE)
    known = git(repo, "grep", "-hE", "^ +GH_TOKEN: ", "--", "*_template/.github/workflows/*").splitlines()
    assert added == [line.partition(": ")[2] for line in known]
    assert len(added) > 10
    assert not re.search(r"^-[^-]", text, re.MULTILINE)
    for file in (repo / "prototype_template" / ".github" / "workflows").glob("*.yml"):
        assert yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
