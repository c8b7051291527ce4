"""No time grows faster than its input, outside the secret scanner: logs, YAML, scripts, pipelines, notebooks.

Each case doubles its input three times. Most are texts that an expression, a loop or a library once read
again for each of their parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import DEEPEST, MOST_VALUES, Node, parse_yaml
from mlroad.data.open_table import count_rows
from mlroad.data.version_lookup import _PATH
from mlroad.guard.file_checks import check_conflicts
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.notebooks import decode, json_lines, parse
from mlroad.pipeline.checker import check_loaded
from mlroad.pipeline.expressions import expressions, optional_spans, unclosed
from mlroad.pipeline.loader import load_pipeline
from mlroad.pipeline.model import PipelineJob
from mlroad.pipeline.repo_index import RepoIndex
from mlroad.run.command import fill
from mlroad.run.graph import mermaid
from mlroad.run.log_reader import clean
from mlroad.run.make_plan import make_plan
from mlroad.run.overrides import override
from mlroad.run.plain_display import without_overwritten
from mlroad.steps.script_rules import check_script
from mlroad.steps.scripts import read_script
from mlroad.steps.signatures import read_signature
from tests.growth import assert_linear

OPEN, CLOSE = "${" + "{", "}" + "}"
NAMED = OPEN + "inputs.a" + CLOSE + " "
OPTIONAL = f"$[[{NAMED}]] "


# ---- logs ----


def test_a_log_with_a_carriage_return_and_a_long_line() -> None:
    assert_linear(lambda size: b"50%\r100%\n" + b"x" * size + b"\n", without_overwritten, 60_000)
    assert without_overwritten(b"10%\r50%\rdone\r\n\r\nplain\n") == b"done\r\n\r\nplain\n"


@pytest.mark.parametrize("part", ["\x1b[", "\x1b[0;", "\x1b[ ", "\r", "\t", "a\r"])
def test_a_line_of_terminal_codes(part: str) -> None:
    assert_linear(lambda size: part * size, clean, 20_000)


# ---- YAML ----


def read(text: str) -> Node | None:
    return parse_yaml(text, Path("x.yml"))[0]


@pytest.mark.parametrize(
    ("part", "before"),
    [
        ("k: 1\n", ""),
        ("- {a: 1}\n", ""),
        ("- !x 1\n", ""),
        ("  word\n\n", "a: >\n"),
        ("# note\n\n", "a: 1\n"),
        (":01", "a: 1"),
        ("9", "a: "),
        ("[", ""),
        ("{", ""),
        ("- ", ""),
        ("? ", ""),
        ("- &a 1\n", ""),
        ("  <<: *a\n", "a: &a {x: 1, y: 2}\nb:\n"),
    ],
)
def test_yaml(part: str, before: str) -> None:
    assert_linear(lambda size: before + part * size, read, 800)


def test_aliases_do_not_multiply() -> None:
    """Each of these small files makes a thousand or a million times as many values of itself."""
    doubled = "a0: &a0 [1, 2]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    merged = "a0: &a0 {k0: 1}\n" + "".join(
        f"a{n}: &a{n}\n  <<: *a{n - 1}\n  k{n}: 1\n" for n in range(1, 3000)
    )
    for text in (doubled, merged):
        node, problems = parse_yaml(text, Path("x.yml"))
        assert node is None
        assert f"more than {MOST_VALUES:,} values" in problems[0].what
    node, problems = parse_yaml(
        "base: &base {a: 1}\nuses:\n" + "".join(f"  k{n}: {{<<: *base}}\n" for n in range(500)),
        Path("x.yml"),
    )
    assert node is not None
    assert not problems


@pytest.mark.parametrize("text", ["[" * 10_000, "? " * 10_000, "- " * 10_000, "{a: " * 10_000])
def test_deep_nesting_is_a_problem_and_not_a_crash(text: str) -> None:
    node, problems = parse_yaml(text, Path("x.yml"))
    assert node is None
    assert "nested too deeply" in problems[0].what


def test_long_lines_and_many_brackets_are_not_deep_nesting() -> None:
    deep = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)
    for text in ("a: '" + "[{" * 500 + "'", "a: " + "x" * 5000, "a: [" + "[1], " * 500 + "]", deep):
        assert read(text) is not None


# ---- expressions and commands ----


@pytest.mark.parametrize(
    "text", [OPEN, "$[[", NAMED, OPTIONAL, OPEN + " ", "$[[ " + OPEN, "'" + NAMED, OPEN + "inputs."]
)
def test_expressions(text: str) -> None:
    def work(command: str) -> object:
        fill(command, {"a": "1"}, {}, frozenset())
        return expressions(command), unclosed(command), optional_spans(command)

    assert_linear(lambda size: text * size, work, 3000)


def test_the_order_of_optional_parts() -> None:
    assert optional_spans("$[[a]] b $[[ $[[c]] ]]") == [(0, 6), (9, 19)]
    assert fill("x $[[ -a " + NAMED + "]] y", {"a": "1"}, {}, frozenset()) == "x  -a 1  y"
    assert fill("x $[[ -a " + NAMED + "]] y", {}, {}, frozenset()) == "x  y"


# ---- pipelines ----


def pipeline(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    file = folder / "pipeline.yml"
    file.write_text("type: pipeline\nsettings: {default_compute: azureml:c}\n" + text, encoding="utf-8")
    return file


def job(tmp_path: Path, text: str) -> PipelineJob:
    loaded = load_pipeline(pipeline(tmp_path, text))
    assert loaded.job, loaded.problems
    return loaded.job


def steps(size: int, body: Callable[[int], str]) -> str:
    command = "    command: echo\n    environment: azureml:e:1\n"
    return "jobs:\n" + "".join(f"  s{n}:\n{command}{body(n)}" for n in range(size))


def bound(name: str) -> str:
    return f'"{OPEN}parent.{name}{CLOSE}"'


def ring(number: int) -> str:
    source = bound(f"jobs.s{number ^ 1}.outputs.o")
    return f"    inputs: {{a: {source}}}\n    outputs: {{o: {{type: uri_folder}}}}\n"


PIPELINES: dict[str, Callable[[int], str]] = {
    "expressions in a command": lambda size: (
        f"jobs:\n  s:\n    command: echo {NAMED * size}\n    environment: azureml:e:1\n    inputs: {{a: 1}}\n"
    ),
    "optional parts": lambda size: (
        f"jobs:\n  s:\n    command: echo {OPTIONAL * size}\n"
        "    environment: azureml:e:1\n    inputs: {a: 1}\n"
    ),
    **{
        f"expressions in a value, {between!r} between them, for {kind}": (
            lambda size, between=between, kind=kind: (  # type: ignore[misc]
                "inputs: {x: 1}\njobs:\n  s:\n    component: {type: command, command: echo, "
                f"environment: azureml:e:1, inputs: {{a: {{type: {kind}}}}}}}\n"
                f"    inputs: {{a: '{(OPEN + 'parent.inputs.x' + CLOSE + between) * size}'}}\n"
            )
        )
        for between in ("", "7", "word ")
        for kind in ("string", "integer", "number", "boolean")
    },
    "expressions in a value": lambda size: (
        "inputs: {x: 1}\n"
        + steps(1, lambda _: f"    inputs: {{a: '{(OPEN + 'parent.inputs.x' + CLOSE) * size}'}}\n")
    ),
    **{
        f"a command of many {part!r}": lambda size, part=part: (  # type: ignore[misc]
            f"jobs:\n  s:\n    environment: azureml:e:1\n    command: |-\n      echo {part * size * 20} }}\n"
        )
        for part in (
            OPEN,
            "$[[",
            "case ",
            "{ ",
            "  ",
            "'",
            '" ',
            "<<EOF ",
            "\\\\",
            "&& ",
            "| ",
            "a.py ",
            "$( ",
            "--a ",
            "(",
            "`",
            "${a ",
            "if ",
            "; for",
            "\\\n ",
            "\n  ",
        )
    },
    "cycles": lambda size: steps(size, ring),
    **{
        f"an image of many {part!r}": lambda size, part=part: (  # type: ignore[misc]
            f"jobs:\n  s:\n    command: echo\n    environment: {{image: 'a{part * size * 20}!'}}\n"
        )
        for part in ("a", "a-", "a/", ".", "_")
    },
}


@pytest.mark.parametrize("name", PIPELINES)
def test_checking_a_pipeline(name: str, tmp_path: Path) -> None:
    def work(file: Path) -> object:
        return check_loaded(load_pipeline(file), RepoIndex(file.parent))

    assert_linear(lambda size: pipeline(tmp_path, PIPELINES[name](size)), work, 80)


def test_planning_a_pipeline(tmp_path: Path) -> None:
    def written(size: int) -> PipelineJob:
        each = steps(size, lambda n: f"    outputs: {{o: {bound(f'outputs.o{n}')}}}\n")
        return job(
            tmp_path,
            f"outputs:\n{''.join(f'  o{n}: {{type: uri_folder}}{chr(10)}' for n in range(size))}{each}",
        )

    def passed_on(size: int) -> PipelineJob:
        return job(
            tmp_path,
            steps(size, lambda n: f"    inputs: {{a: {bound(f'jobs.s{n - 1}.inputs.a') if n else 'one'}}}\n"),
        )

    assert_linear(written, make_plan, 50)
    assert_linear(passed_on, make_plan, 50)


def test_drawing_nested_pipelines(tmp_path: Path) -> None:
    inner = tmp_path / "inner.yml"
    inner.write_text(
        "type: pipeline\nname: inner\njobs:\n  t:\n    command: echo\n    environment: azureml:e:1\n"
    )

    def plan(size: int) -> Any:
        return make_plan(
            job(tmp_path, "jobs:\n" + f"  s%d: {{component: {inner}}}\n" * size % (*range(size),))
        )

    assert_linear(plan, lambda made: list(mermaid(made, None)), 100)


def test_overrides(tmp_path: Path) -> None:
    inputs = job(tmp_path, "inputs:\n  n: {type: integer, default: 1}\n" + steps(1, lambda _: ""))
    for part in (":01", "9", "[", "- "):
        with pytest.raises(Exception, match="is not a valid integer"):
            override(inputs, (), ("n=1" + part * 10_000,))


def test_the_nearest_of_many_names() -> None:
    names = [f"column_{number}" for number in range(5000)]
    assert nearest("colum_77", names) == "column_77"
    assert nearest("Column_9", names) == "column_9"
    assert nearest("zzz", names) is None


# ---- scripts ----

HEAD = "from typing import Literal\nfrom step_io import InputFile, run\n"
TAIL = "\nif __name__ == '__main__':\n    run(f)\n"
SCRIPTS: dict[str, Callable[[int], str]] = {
    "parameters": lambda size: f"def f({', '.join(f'p{n}: int = 1' for n in range(size))}): ...\n",
    "a wrong hint that many parameters share": lambda size: (
        f"L = Literal[{'1, ' * size}1.5]\ndef f({', '.join(f'p{n}: L' for n in range(size))}): ...\n"
    ),
    "a wrong default that many parameters share": lambda size: (
        f"D = [{'1, ' * size}]\ndef f({', '.join(f'p{n}: int = D' for n in range(size))}): ...\n"
    ),
    "braces": lambda size: f"open('{'{' * size * 10}'.format(1))\ndef f(): ...\n",
    "an empty docstring": lambda size: f"def f():\n    '''{chr(10) * size * 10}   x'''\n",
    "literal paths": lambda size: "".join(f"open('/home/ada/{n}')\n" for n in range(size)) + "def f(): ...\n",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script(name: str, tmp_path: Path) -> None:
    def prepare(size: int) -> Path:
        file = tmp_path / f"{size}.py"
        file.write_text(HEAD + SCRIPTS[name](size) + TAIL, encoding="utf-8")
        return file

    assert_linear(prepare, lambda file: (read_signature(file), check_script(file)), 150)


def test_a_deep_expression_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "deep.py"
    file.write_text("x = " + "-" * 5000 + "1\n", encoding="utf-8")
    problem = read_script(file).problem
    assert problem
    assert "nested too deeply" in problem.what


# ---- other files ----


def test_conflict_markers(tmp_path: Path) -> None:
    def prepare(size: int) -> GuardedFile:
        file = tmp_path / f"{size}.txt"
        file.write_text("<<<<<<< a\n=======\n>>>>>>> b\n" * size, encoding="utf-8")
        return GuardedFile(file, file.name, Path(file.name))

    assert_linear(prepare, check_conflicts, 500)
    assert [problem.at.line for problem in check_conflicts(prepare(2))] == [1, 2, 3, 4, 5, 6]


def test_the_lines_of_a_notebook() -> None:
    def prepare(size: int) -> str:
        cell = {"cell_type": "raw", "metadata": {}, "source": ["a\n", "b\n"]}
        return json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell] * size}, indent=1)

    assert_linear(prepare, lambda text: json_lines(text, decode(parse(text))), 300)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("rows.csv", '1,"a, b",x\n'),
        ("quotes.csv", '"a""b","c\nd",x\n'),
        ("rows.jsonl", '{"a": 1, "b": "x"}\n'),
        ("nested.jsonl", '{"a": {"b": [1.0, null, "x"], "c": null}}\n'),
    ],
)
def test_the_rows_of_a_table(name: str, line: str, tmp_path: Path) -> None:
    def prepare(size: int) -> Path:
        file = tmp_path / f"{size}-{name}"
        head = "" if name.endswith("jsonl") else "p,q,r\n"
        file.write_text(head + line * size, encoding="utf-8")
        return file

    assert count_rows(prepare(3)) == 3
    assert_linear(prepare, count_rows, 3000)


@pytest.mark.parametrize("end", ['"', "#", " x", ""])
def test_the_path_of_a_version(end: str) -> None:
    assert_linear(lambda size: b"path: a" + b" " * size + end.encode(), _PATH.search, 20_000)
