"""Reading a step's signature, and the errors when it is not valid."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from mlroad.core.problems import Problem
from mlroad.steps.signatures import StepSignature, read_signature


def read(folder: Path, source: str) -> tuple[StepSignature | None, list[Problem]]:
    path = folder / "step.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return read_signature(path)


def step(signature: str, before: str = "", body: str = "...") -> str:
    return (
        "from enum import Enum\nfrom typing import Literal, Optional, Union\nimport typing\n"
        "from step_io import InputFile, InputFolder, InputModel, InputTable, OutputFile, OutputFolder, run\n"
        f"{before}\ndef step({signature}) -> None:\n    {body}\n\nif __name__ == '__main__':\n    run(step)\n"
    )


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("x: InputFile", ("uri_file", "input", False, None, ())),
        ("x: InputFolder", ("uri_folder", "input", False, None, ())),
        ("x: InputModel", ("mlflow_model", "input", False, None, ())),
        ("x: InputTable", ("mltable", "input", False, None, ())),
        ("x: OutputFile", ("uri_file", "output", False, None, ())),
        ("x: 'OutputFolder'", ("uri_folder", "output", False, None, ())),
        ("x: InputFile | None = None", ("uri_file", "input", True, None, ())),
        ("x: None | InputFile = None", ("uri_file", "input", True, None, ())),
        ("x: Optional[InputFile] = None", ("uri_file", "input", True, None, ())),
        ("x: typing.Union[InputFile, None] = None", ("uri_file", "input", True, None, ())),
        ("x: int", ("integer", "input", False, None, ())),
        ("x: int = -3", ("integer", "input", False, -3, ())),
        ("x: float = 1", ("number", "input", False, 1.0, ())),
        ("x: float = 1e-5", ("number", "input", False, 1e-5, ())),
        ("x: bool = False", ("boolean", "input", False, False, ())),
        ("x: str = 'a'", ("string", "input", False, "a", ())),
        ("x: int | None = None", ("integer", "input", True, None, ())),
        ("x: int | None = 4", ("integer", "input", False, 4, ())),
        ("x: Literal['a', 'b'] = 'b'", ("string", "input", False, "b", ("a", "b"))),
        ("x: typing.Literal[1, 2] = 2", ("string", "input", False, "2", ("1", "2"))),
        ("x: Kind = Kind.one", ("string", "input", False, "uno", ("uno", "due"))),
        ("x: Choice = 'a'", ("string", "input", False, "a", ("a", "b"))),
        ("x: int = LIMIT", ("integer", "input", False, 7, ())),
        ("X_1: int = 5", ("integer", "input", False, 5, ())),
        ("*, x: int = 5", ("integer", "input", False, 5, ())),
    ],
)
def test_reads(tmp_path: Path, hint: str, expected: tuple[object, ...]) -> None:
    before = "LIMIT = 7\nChoice = Literal['a', 'b']\nclass Kind(Enum):\n    one = 'uno'\n    two = 'due'\n"

    signature, problems = read(tmp_path, step(hint, before))

    assert problems == []
    assert signature is not None
    [parameter] = signature.parameters
    found = (parameter.type, parameter.direction, parameter.optional, parameter.default, parameter.enum)
    assert found == expected
    assert type(parameter.default) is type(expected[3])


@pytest.mark.parametrize(
    ("signature", "code", "words"),
    [
        ("x", "MR305", "no type hint"),
        ("x=3", "MR305", "no type hint"),
        ("*values: int", "MR304", r"\*values"),
        ("**values: int", "MR304", r"\*\*values"),
        ("x: int, /", "MR304", "positional-only"),
        ("x: list[int]", "MR306", r"list\[int\] is not a type"),
        ("x: pd.DataFrame", "MR306", "pd.DataFrame is not a type"),
        ("x: Path", "MR306", "InputFile"),
        ("x: InputFil", "MR306", "Did you mean InputFile"),
        ("x: OutputModel", "MR306", "from step_io import OutputModel"),
        ("x: int | str", "MR306", "one type"),
        ("x: Literal['a', 2]", "MR306", "several types"),
        ("x: Literal[1.5]", "MR306", "strings or whole numbers"),
        ("x: 'int ['", "MR306", "not valid Python"),
        ("x: int = []", "MR307", "mutable"),
        ("x: str = {}", "MR307", "mutable"),
        ("x: int = 2.5", "MR307", "integer"),
        ("x: int = True", "MR307", "integer"),
        ("x: bool = 0", "MR307", "boolean"),
        ("x: str = 3", "MR307", "string"),
        ("x: int = None", "MR307", r"int \| None = None"),
        ("x: int | None", "MR307", "= None"),
        ("x: float = 1e999", "MR307", "finite"),
        ("x: int = len('abc')", "MR307", "without running"),
        ("x: Literal['a', 'b'] = 'c'", "MR307", "not one of"),
        ("x: InputFile = 'data.csv'", "MR307", "path on one machine"),
        ("x: OutputFile | None = None", "MR307", "writes every output"),
        ("help: int", "MR308", "option"),
        ("_x: int", "MR308", "option"),
        ("größe: int", "MR308", "ASCII"),
        ("Help: int", "MR308", "option"),
        ("x: int, X: int", "MR308", "only in case"),
        ("x: int, X: OutputFile", "MR308", "only in case"),
    ],
)
def test_refuses(tmp_path: Path, signature: str, code: str, words: str) -> None:
    found, problems = read(tmp_path, step(signature))

    assert found is None
    [problem] = problems
    assert problem.code == code
    assert problem.at.line == 6
    assert problem.at.column > 1
    assert problem.fix
    assert re.search(words, f"{problem.what} {problem.fix}")


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("from step_io import InputFile\n\ndef step(x: InputFile): ...\n", "MR302", 1),
        ("import step_io\n", "MR302", 1),
        ("from step_io import run\ndef a(): ...\ndef b(): ...\nrun(a)\nrun(b)\n", "MR303", 5),
        ("from step_io import run\nfrom helpers import a\nrun(a)\n", "MR303", 3),
        ("from step_io import run\nrun(lambda x: x)\n", "MR303", 2),
        (
            "from functools import partial\nfrom step_io import run\ndef a(): ...\nrun(partial(a))\n",
            "MR303",
            4,
        ),
        ("from step_io import run\nasync def a(): ...\nrun(a)\n", "MR303", 2),
        ("from step_io import run\ndef a(): ...\ndef a(): ...\nrun(a)\n", "MR303", 3),
        ("from step_io import run\ndef a(:\n", "MR301", 2),
    ],
)
def test_refuses_a_script_that_is_not_a_step(tmp_path: Path, source: str, code: str, line: int) -> None:
    found, problems = read(tmp_path, source)

    assert found is None
    assert [(problem.code, problem.at.line) for problem in problems] == [(code, line)]


def test_reports_all_problems_at_once(tmp_path: Path) -> None:
    _, problems = read(tmp_path, step("a, b: list, c: int = []"))

    assert [problem.code for problem in problems] == ["MR305", "MR306", "MR307"]


@pytest.mark.parametrize(
    "source",
    [
        "FEATURES = ['a']\n",
        "import argparse\nargparse.ArgumentParser().parse_args()\n",
        "def run(step): ...\nrun(lambda: 1)\n",
    ],
)
def test_leaves_other_scripts_alone(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source) == (None, [])


@pytest.mark.parametrize(
    "source",
    [
        "import step_io\ndef go(x: step_io.InputFile): ...\nstep_io.run(go)\n",
        "import step_io as s\ndef go(x: s.InputFile): ...\ns.run(step=go)\n",
        "from step_io import InputFile as File, run as start\ndef go(x: File): ...\nstart(go)\n",
        "from step_io import *\ndef go(x: InputFile): ...\nrun(go)\n",
    ],
)
def test_follows_imports(tmp_path: Path, source: str) -> None:
    signature, problems = read(tmp_path, source)

    assert problems == []
    assert signature is not None
    assert (signature.function, signature.parameters[0].type) == ("go", "uri_file")


def test_never_runs_the_script(tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    read(tmp_path, f"open({str(witness)!r}, 'w')\n" + step("x: int"))

    assert not witness.exists()


def test_the_first_paragraph_of_the_docstring_describes_the_step(tmp_path: Path) -> None:
    signature, _ = read(
        tmp_path, step("x: int", body='"""Fit a model\n    on rows.\n\n    Details.\n    """')
    )

    assert signature is not None
    assert signature.description == "Fit a model on rows."
