"""What a step imports must be in its environment file; what that file's packages require counts too."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.steps.environment_rules import check_environment
from mlroad.steps.new_model import new_model
from mlroad.steps.script_rules import check_steps


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    return new_model(tmp_path, "m")


def add(model: Path, code: str, step: str = "train") -> None:
    file = model / "steps" / f"{step}.py"
    file.write_text(f"{code}\n{file.read_text(encoding='utf-8')}", encoding="utf-8")


def listed(model: Path, line: str) -> None:
    file = model / "environment" / "conda.yml"
    file.write_text(file.read_text(encoding="utf-8") + f"      {line}\n", encoding="utf-8")


def by_conda(model: Path, entry: str) -> None:
    file = model / "environment" / "conda.yml"
    text = file.read_text(encoding="utf-8")
    assert "dependencies:\n" in text
    file.write_text(text.replace("dependencies:\n", f"dependencies:\n  - {entry}\n"), encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import lightgbm_x", "MR408: lightgbm_x is imported, but it is not installed, and "
         "environment/conda.yml does not list it. Run `uv add lightgbm-x`, and add the same line to "
         "environment/conda.yml."),
        ("from cv2_x.y import z", "Run `uv add cv2-x`"),
        ("import tabels", "Did you mean tables?"),
        ("import yaml", "MR407: yaml is imported, but environment/conda.yml does not list pyyaml, so Azure "
         "ML will not have it. Add the line `- pyyaml>="),
        ("def f():\n    import duckdb", "does not list duckdb"),
    ],
)  # fmt: skip
def test_what_is_missing(model: Path, code: str, told: str) -> None:
    # PyYAML comes with mlflow-skinny, so the file must not list that.
    file = model / "environment" / "conda.yml"
    if "yaml" in code:
        file.write_text(file.read_text(encoding="utf-8").replace("mlflow-skinny>=3.10,<4", "mlflow-none"))
        add(model, "import mlflow_none")
    add(model, code)
    found = [str(problem) for problem in check_steps(model)]
    assert any(told in it for it in found), found


@pytest.mark.parametrize(
    "code",
    [
        "import os, json, tomllib",
        "import numpy, joblib, scipy.stats",  # required by listed packages
        "from tables import read_table",
        "import sklearn.linear_model as lm",
        "try:\n    import lightgbm_x\nexcept ImportError:\n    lightgbm_x = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lightgbm_x",
        "import mlflow, azureml.core",
        "from . import tables",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import lightgbm_x",
        "from importlib.util import find_spec\nif find_spec('lightgbm_x'):\n    import lightgbm_x",
        "import __main__",
        f"x = 1\nif {' + '.join(['x'] * 700)}:\n    y = 1",
    ],
)
def test_what_is_there(model: Path, code: str) -> None:
    add(model, code)
    assert check_environment(model) == []


@pytest.mark.parametrize(
    "line",
    ["- lightgbm-x", "- lightgbm_x==4.6", "- Lightgbm.X >=4 # why", "- lightgbm-x[dask]", "- -r more.txt",
     "- git+https://example.com/lightgbm-x", "- other-name"],
)  # fmt: skip
def test_what_may_be_in_the_file(model: Path, line: str) -> None:
    (model / "environment" / "more.txt").write_text("# more\nlightgbm-x\n", encoding="utf-8")
    add(model, "import lightgbm_x")
    listed(model, line)
    assert check_environment(model) == []


@pytest.mark.parametrize("entry", ["lightgbm-x~=4.6", "lightgbm-x !=4", "conda-forge::lightgbm-x[cuda]=4"])
def test_what_conda_itself_may_install(model: Path, entry: str) -> None:
    add(model, "import lightgbm_x")
    by_conda(model, entry)
    assert check_environment(model) == []


def test_conda_may_have_another_name_for_a_package(model: Path) -> None:
    add(model, "import duckdb")
    assert [problem.code for problem in check_environment(model)] == ["MR407"]
    by_conda(model, "python-duckdb")
    assert check_environment(model) == []


def test_odd_environment_files_are_no_crash(model: Path) -> None:
    add(model, "import lightgbm_x")
    listed(model, "- -r more.txt")
    (model / "environment" / "more.txt").write_text("-r more.txt\n", encoding="utf-8")
    assert [problem.code for problem in check_environment(model)] == ["MR408"]
    deep = f"dependencies: {3_000 * '['}{3_000 * ']'}\n"
    (model / "environment" / "conda.yml").write_text(deep, encoding="utf-8")
    assert check_environment(model) == []


def test_other_environments_are_not_known(model: Path) -> None:
    add(model, "import lightgbm_x")
    component = model / "components" / "train.yml"
    text = component.read_text(encoding="utf-8")
    component.write_text(
        text.replace("conda_file: ../environment/conda.yml", "# conda_file: x"), encoding="utf-8"
    )
    assert check_environment(model) == []
    component.write_text(
        text.replace("../environment/conda.yml", "../environment/other.yml"), encoding="utf-8"
    )
    assert check_environment(model) == []  # another rule says that it is missing
    (model / "environment" / "other.yml").write_text("dependencies:\n  - lightgbm-x=4\n", encoding="utf-8")
    assert "lightgbm" not in "".join(map(str, check_environment(model)))
    (model / "environment" / "other.yml").write_text("dependencies:\n  - pandas=2\n", encoding="utf-8")
    assert "other.yml does not list it" in "".join(map(str, check_environment(model)))


@pytest.mark.parametrize("text", ["", "[", "dependencies: 3", "dependencies: [{pip: 3}, 7]"])
def test_a_broken_file_is_not_a_crash(model: Path, text: str) -> None:
    (model / "environment" / "conda.yml").write_text(text, encoding="utf-8")
    check_environment(model)
