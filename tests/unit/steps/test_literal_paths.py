"""No literal paths and URLs in steps: corpora of bad and good steps, and the messages."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mlroad.core.problems import Problem
from mlroad.steps.script_rules import check_script, check_steps
from tests.unit.steps.corpus_green import SCRIPTS
from tests.unit.steps.corpus_red import FOUND_BY_THE_RUN, LOCAL, OWN_CODE, REGISTERING, URLS

RED = [
    (code, script)
    for code, scripts in (("MR401", LOCAL), ("MR402", URLS), ("MR403", OWN_CODE), ("MR405", REGISTERING))
    for script in scripts
]


def check(folder: Path, script: str) -> list[Problem]:
    path = folder / "step.py"
    path.write_text(script, encoding="utf-8")
    return check_script(path)


@pytest.mark.parametrize(("code", "script"), RED)
def test_stops(tmp_path: Path, code: str, script: str) -> None:
    marked = [number for number, line in enumerate(script.split("\n"), start=1) if line.endswith("# !")]

    found = check(tmp_path, script)

    assert [(problem.code, problem.at.line) for problem in found] == [(code, marked[0])]
    assert found[0].at.column > 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_ignores_look_alikes(tmp_path: Path, script: str) -> None:
    assert check(tmp_path, script) == []


@pytest.mark.parametrize("script", FOUND_BY_THE_RUN)
def test_the_run_finds_what_the_source_does_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """A step runs in a fresh folder that contains only its code."""
    assert check(tmp_path, script) == []
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    with pytest.raises(FileNotFoundError):
        runpy.run_path(str(tmp_path / "step.py"))


def test_the_corpora_are_large_enough() -> None:
    assert len(LOCAL) + len(URLS) >= 80
    assert len(SCRIPTS) >= 80


def test_an_allow_comment_needs_a_reason(tmp_path: Path) -> None:
    found = check(tmp_path, 'open("x.csv")  # mlroad: allow-path\n')

    assert [problem.code for problem in found] == ["MR401", "MR404"]
    assert "reason" in found[1].what


def test_an_allow_comment_covers_its_own_line_only(tmp_path: Path) -> None:
    found = check(tmp_path, 'open("x.csv")  # mlroad: allow-path it is ours\nopen("y.csv")\n')

    assert [problem.at.line for problem in found] == [2]


def test_autolog_is_a_warning(tmp_path: Path) -> None:
    [problem] = check(tmp_path, "import mlflow\nmlflow.sklearn.autolog()\n")

    assert (problem.code, problem.severity) == ("MR406", "warning")


def test_the_message_names_place_cause_and_fix(tmp_path: Path) -> None:
    [problem] = check(tmp_path, 'import pandas as pd\nframe = pd.read_csv("../data/patients.csv")\n')

    assert str(problem) == (
        f'{tmp_path / "step.py"}:2:21: MR401: "../data/patients.csv" is a literal path, which Azure ML does '
        "not have. Take it as a parameter `patients: InputFile` and bind it in pipeline.yml."
    )


def test_the_fix_for_a_written_file_is_an_output(tmp_path: Path) -> None:
    [problem] = check(tmp_path, 'open("metrics.json", "w")\n')

    assert "`metrics: OutputFile`" in problem.fix


def test_all_problems_are_reported_at_once_and_in_order(tmp_path: Path) -> None:
    found = check(tmp_path, 'import mlroad\nopen("a.csv")\nopen("b.csv")\n')

    assert [(problem.code, problem.at.line) for problem in found] == [
        ("MR403", 1),
        ("MR401", 2),
        ("MR401", 3),
    ]


def test_a_module_beside_the_step_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "models.py").touch()

    assert check(tmp_path, "from models import Net\n") == []


@pytest.mark.parametrize("content", [b"def step(:\n", b"\xff\xfe\x00", b"x = '\x00'\n"])
def test_what_cannot_be_parsed_is_one_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "step.py").write_bytes(content)

    [problem] = check_script(tmp_path / "step.py")

    assert problem.code == "MR301"


def test_helpers_are_checked_and_the_contract_is_not(tmp_path: Path) -> None:
    nested = tmp_path / "steps" / "tools"
    nested.mkdir(parents=True)
    (nested / "helper.py").write_text('open("x.csv")\n', encoding="utf-8")
    (tmp_path / "steps" / "step_io.py").write_text('open("x.csv")\n', encoding="utf-8")

    assert [problem.at.file.name for problem in check_steps(tmp_path)] == ["helper.py"]
