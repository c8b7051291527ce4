"""The result of a copy: every permutation, the exact files, no leftover template syntax."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_copie.plugin import Copie

from tests.support import REPO, call, contents, git, tool, tracked_and_new
from tests.templates import file_lists

PERMUTATIONS = [
    dict(zip(("template", "sample", "notebook_outputs", "python_version"), answers, strict=True))
    for answers in itertools.product(
        ("prototype", "factory"), (True, False), ("strip", "keep"), ("3.11", "3.14")
    )
]


@pytest.mark.parametrize("answers", PERMUTATIONS, ids=lambda a: "-".join(map(str, a.values())))
def test_every_permutation_renders_to_files_that_parse(
    copie: Copie, template_repo: Path, answers: dict[str, Any]
) -> None:
    result = copie.copy(extra_answers=answers, template_dir=template_repo)
    assert result.exception is None
    assert result.project_dir is not None
    for name, data in contents(result.project_dir).items():
        text = data.decode("utf-8")
        assert "{=" + " " not in text, f"{name}: a variable was left over"
        assert "{" + "%" not in text, f"{name}: a block was left over"
        assert not name.endswith(".jinja"), name
        assert not set('<>:"|?*{}') & set(name), f"{name}: not a name for every file system"
        assert "\r" not in text, f"{name}: line ends"
        parse(name, text)


def parse(name: str, text: str) -> None:
    """Read each kind of file with its own parser."""
    if name.endswith((".json", ".ipynb")) and ".vscode" not in name and ".devcontainer" not in name:
        json.loads(text)
    elif name.endswith((".yml", ".yaml")):
        list(yaml.safe_load_all(text))
    elif name.endswith(".toml"):
        tomllib.loads(text)
    elif name.endswith(".py"):
        compile(text, name, "exec")


@pytest.mark.parametrize("name", file_lists.LISTS)
def test_exactly_these_files(rendered: Callable[..., Path], name: str) -> None:
    """The list is a file, so that a reviewer sees each file that a team will get."""
    expected = (file_lists.FOLDER / name).read_text(encoding="utf-8")
    found = file_lists.listed(rendered(**file_lists.LISTS[name]))
    assert found == expected, "If this is meant, run `python -m tests.templates.file_lists`."


@pytest.mark.parametrize(("template", "files", "lines"), [("prototype", 50, 2000), ("factory", 75, None)])
def test_a_repo_stays_thin(
    rendered: Callable[..., Path], template: str, files: int, lines: int | None
) -> None:
    """The generated files must be short enough to read on the first day. Data does not count."""
    found = contents(rendered(template=template))
    assert len(found) <= files
    if lines is not None:
        text = [data for name, data in found.items() if not name.endswith((".whl", ".csv"))]
        assert sum(data.count(b"\n") for data in text) <= lines


def test_answers_are_recorded_and_standards_are_not(rendered: Callable[..., Path]) -> None:
    answers = yaml.safe_load((rendered() / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert {key for key in answers if not key.startswith("_")} == {
        "template", "project_name", "description", "owners", "python_version", "sample", "notebook_outputs",
        "toolkit",
    }  # fmt: skip


GOOD_NAMES = ["a", "churn", "churn-models", "team2-models", "x1-2-3"]
BAD_NAMES = [
    "Churn",
    "churn models",
    "churn_models",
    "-churn",
    "churn-",
    "a--b",
    "2churn",
    "mlroad",
    "ä",
    "a/b",
    "churn\n",
    "churn\r",
    "pandas",
    "numpy",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_good_project_names(copie: Copie, template_repo: Path, name: str) -> None:
    result = copie.copy(extra_answers={"project_name": name}, template_dir=template_repo)
    assert result.exception is None


@pytest.mark.parametrize(
    ("question", "answer", "hint"),
    [
        ("project_name", name, "Choose" if name in ("mlroad", "pandas", "numpy") else "such as churn-models")
        for name in BAD_NAMES
    ]
    + [
        ("owners", "data-science", "@octocat"),
        ("owners", "@", "@octocat"),
        ("owners", "@a, @b", "@octocat"),
        ("owners", "@a\n", "@octocat"),
        ("description", 'The "best" models', "without double quotes"),
        ("description", "Models\n", "one line"),
        ("description", "Models\tof churn\x00", "one line"),
        ("template", "prototpye", "Invalid choice"),
        ("python_version", "3.9", "Invalid choice"),
    ],
)
def test_bad_answers_are_refused_with_help(
    copie: Copie, template_repo: Path, question: str, answer: str, hint: str
) -> None:
    result = copie.copy(extra_answers={question: answer}, template_dir=template_repo)
    assert hint in str(result.exception)
    assert not any((copie.test_dir / "copie000").iterdir()), "something half written"


def test_default_names_are_made_from_the_folder(tmp_path: Path, template_repo: Path) -> None:
    import copier

    for folder, expected in [
        ("Churn Models", "churn-models"),
        ("2026_run", "run"),
        ("---", "my-models"),
        ("pandas", "pandas-models"),
    ]:
        copier.run_copy(
            str(template_repo), tmp_path / folder, defaults=True, vcs_ref="HEAD", quiet=True, skip_tasks=True
        )
        answers = yaml.safe_load((tmp_path / folder / ".copier-answers.yml").read_text(encoding="utf-8"))
        assert answers["project_name"] == expected


def test_no_package_of_the_environments_is_a_project_name(
    rendered: Callable[..., Path], tmp_path: Path
) -> None:
    """uv would take the repo for that package. tools/reserved_names.txt lists them all, indirect ones too."""
    known = set((REPO / "tools" / "reserved_names.txt").read_text(encoding="utf-8").split())
    for template in ("prototype", "factory"):
        repo = shutil.copytree(rendered(template=template), tmp_path / template)
        call([tool("uv"), "lock", "--quiet"], repo)
        locked = tomllib.loads((repo / "uv.lock").read_text(encoding="utf-8"))["package"]
        missing = {package["name"] for package in locked} - known - {"demo"}
        assert not missing, f"add these lines to tools/reserved_names.txt: {sorted(missing)}"


@pytest.mark.parametrize("sample", [True, False])
def test_a_fresh_repo_ignores_nothing_it_was_given(rendered: Callable[..., Path], sample: bool) -> None:
    """If .gitignore matched a generated file, the first commit would not contain it."""
    project = rendered(sample=sample)
    assert {path.as_posix() for path in tracked_and_new(project)} == set(contents(project))
    assert git(project, "status", "--porcelain") == ""


def test_the_questions_stay_short() -> None:
    assert (REPO / "copier.yml").read_text(encoding="utf-8").count("\n") <= 160


def files_of(folder: str) -> set[str]:
    """The files of one template in this repo, relative to its folder."""
    return {p.relative_to(folder).as_posix() for p in tracked_and_new(REPO) if p.parts[0] == folder}


def test_shared_files_exist_once_and_all_are_shared() -> None:
    """copier.yml lists the files that the factory includes; the list must match the folder."""
    questions = yaml.safe_load((REPO / "copier.yml").read_text(encoding="utf-8"))
    listed = questions["shared_files"]["default"]
    assert listed == sorted(set(listed))
    prototype, factory = files_of("prototype_template"), files_of("factory_template")
    assert len(listed) < 25
    assert set(listed) <= prototype, f"not in prototype_template: {sorted(set(listed) - prototype)}"
    assert not set(listed) & factory, "a shared file has a copy in factory_template"


def test_files_in_both_repos_are_the_same(rendered: Callable[..., Path]) -> None:
    """Only these files have the same path and different content."""
    prototype, factory = contents(rendered()), contents(rendered(template="factory"))
    differing = {name for name in prototype.keys() & factory.keys() if prototype[name] != factory[name]}
    # The factory has stricter rules, and its sample is in the state after a promotion.
    own = {".copier-answers.yml", "README.md", "pyproject.toml", "ruff.toml", "mypy.ini", "models/README.md"}
    own |= {".github/rulesets/main.json", ".github/CODEOWNERS"}
    own |= {f"models/diabetes/{name}" for name in ("MODEL_CARD.md", "pipeline.yml", "environment/conda.yml")}
    assert differing == own


def test_plain_files_contain_no_template_syntax() -> None:
    """The factory includes them through Jinja, which must not change them."""
    for path in tracked_and_new(REPO):
        if path.parts[0] == "prototype_template" and path.suffix != ".jinja":
            text = (REPO / path).read_text(encoding="utf-8")
            for mark in ("{=" + " ", "{" + "%", "{=" + "#"):
                assert mark not in text, f"{path} holds {mark}"


def test_without_an_application_in_dotnet_there_is_nothing_of_it(rendered: Callable[..., Path]) -> None:
    """One answer brings the harness, its jobs, owners and updates; the other brings none of them."""
    with_it, without = (contents(rendered(template="factory", dotnet=answer)) for answer in (True, False))
    named = re.compile(rb"(?i:dotnet|nuget)|(?<!\w)\.NET\b")
    found = {name for name, data in without.items() if named.search(name.encode() + b"\n" + data)}
    assert {name for name in found if not name.startswith("vendor/")} == {".copier-answers.yml"}
    own = {name for name in with_it.keys() - without.keys() if not name.startswith("vendor/")}
    assert own and all(name.startswith("harness/dotnet/") for name in own)
    workflows = {name: with_it[f".github/workflows/{name}.yml"].decode() for name in ("pr", "model")}
    assert [text.count("uses: actions/setup-dotnet@") for text in workflows.values()] == [2, 1]
    assert yaml.safe_load(workflows["pr"])["jobs"]["harness"]
    assert b"/harness/ @my-org/data-science" in with_it[".github/CODEOWNERS"]
    updates = yaml.safe_load(with_it[".github/dependabot.yml"])["updates"]
    assert [update["package-ecosystem"] for update in updates] == ["github-actions", "nuget"]
    assert b"[pyfunc, onnx, dotnet]" in with_it["models/diabetes/gates.yml"]
    assert b"[pyfunc, onnx]" in without["models/diabetes/gates.yml"]
