"""Reads a block as the file that it shows, with the same code that `mlroad` reads such a file with."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from mlroad.core import factory_settings
from mlroad.core.problems import UserError
from mlroad.data.schema import load_schema
from mlroad.data.version import load_version
from mlroad.gate.gates_file import load_gates
from mlroad.gate.own_metrics import read_own_metrics
from mlroad.gate.waivers import load_waivers
from mlroad.guard import guard_settings
from mlroad.guard.house_rules import load_house_rules
from mlroad.models.cases import read_cases
from mlroad.models.suite import load_suite
from mlroad.pipeline import check_repo
from mlroad.pipeline.checker import check_pipeline
from mlroad.promote.provenance import load_provenance
from mlroad.steps import step_io
from tests.pages.fences import Fence, WrongPage
from tests.support import REPO


def _no_problems(problems: list[Any]) -> None:
    if problems:
        raise UserError(problems)


def _suite(file: Path) -> None:
    """Its dataset and its cases are others: only mistakes in its own keys count."""
    found = load_suite(file.parents[1], file.parents[3], sealed=False)[1]
    _no_problems(
        [problem for problem in found if problem.code in ("MI105", "MR103", "MR110", "MR112", "MR113")]
    )


def _pipeline(file: Path) -> None:
    """Its data is the reader's: only mistakes in the file itself count."""
    _no_problems([problem for problem in check_pipeline(file) if problem.code[:4] not in ("MR22", "MR23")])


def _data(file: Path) -> None:
    _no_problems([problem for problem in check_repo.check([file.parent]) if problem.code.startswith("MR70")])


def _settings(file: Path) -> None:
    (file.parent / "house").mkdir(exist_ok=True)
    (file.parent / "house" / "secrets.toml").touch()
    guard_settings.load_settings(file.parent)


READERS: dict[str, Callable[[Path], object]] = {
    "models/diabetes/gates.yml": load_gates,
    "models/diabetes/waivers.yml": load_waivers,
    "models/diabetes/evaluation.py": lambda file: read_own_metrics(file.parent),
    "models/diabetes/provenance.yml": lambda file: load_provenance(file.parent),
    "models/diabetes/inference_tests/suite.yml": _suite,
    "models/diabetes/inference_tests/cases.jsonl": lambda file: _no_problems(read_cases(file)[1]),
    "datasets/diabetes/schema.yml": load_schema,
    "datasets/diabetes/2.yml": load_version,
    "factory.yml": lambda file: factory_settings.load_settings(file.parent),
    "house/secrets.toml": load_house_rules,
    "models/diabetes/data.yml": _data,
    "models/diabetes/pipeline.yml": _pipeline,
    "pyproject.toml": _settings,
}
_SYNTAX: dict[str, Callable[[str], object]] = {
    "yaml": yaml.safe_load,
    "toml": tomllib.loads,
    "json": lambda text: (
        [json.loads(line) for line in text.splitlines()] if text.count("\n{") else json.loads(text)
    ),
}
NEUTRAL = ("text", "mermaid", "csv")
"""Outputs, layouts and drawings. The site's test draws the diagrams."""


def read(fence: Fence, repo: Path, names: dict[str, Any]) -> None:
    """Read a block that is not a command. Raises WrongPage.

    ``repo`` is a rendered repo, which gets the file. ``names`` are what the page's Python has defined so far.
    """
    explained = fence.not_run or fence.note("tested by")
    if fence.language not in (*_SYNTAX, *NEUTRAL, "python") and not explained:
        raise WrongPage(
            f"{fence.place}: tests cannot read {fence.language}. Say why: <!-- not run: REASON -->"
        )
    if fence.language in _SYNTAX and not (explained or fence.title or fence.note("is", "part of")):
        raise WrongPage(f"{fence.place}: say which file this is: <!-- is FILE --> or <!-- part of FILE -->")
    if (test := fence.note("tested by")) and fence.page.name not in (REPO / test).read_text(encoding="utf-8"):
        raise WrongPage(f"{fence.place}: {test} does not read this page.")
    if fence.not_run and fence.language != "python":
        return
    try:
        if fence.language == "python":
            _python(fence, names)
        elif fence.language in _SYNTAX:
            _SYNTAX[fence.language](fence.text)
        if file := fence.note("is", "part of"):
            _file(fence, repo, file)
    except (UserError, SyntaxError, ValueError, ImportError, NameError, yaml.YAMLError) as error:
        raise WrongPage(f"{fence.place}: {type(error).__name__}: {error}") from None


def _python(fence: Fence, names: dict[str, Any]) -> None:
    """Run it as a module that is imported, where a step's contract is beside it."""
    compile(fence.text, fence.place, "exec")
    for node in ast.walk(ast.parse(fence.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("mlroad", "step_io")):
            module = step_io if node.module == "step_io" else import_module(node.module or "")
            for name in node.names:
                if not hasattr(module, name.name):
                    raise ImportError(f"{node.module} has no {name.name}")
    if not fence.not_run:
        code = fence.text.replace("from step_io", "from mlroad.steps.step_io")
        exec(compile(code, fence.place, "exec"), names)


def _file(fence: Fence, repo: Path, name: str) -> None:
    """Write the block as the file, and read it. The page's later blocks find the file there."""
    target = repo / name
    text = re.sub(r"[0-9a-f]*…", "0" * 64, fence.text) if "sha256:" in fence.text else fence.text
    if fence.note("part of"):
        own = yaml.safe_load(target.read_text(encoding="utf-8"))
        text = yaml.safe_dump(_merged(own, yaml.safe_load(text)), sort_keys=False, allow_unicode=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    READERS[name](target)


def _merged(own: Any, shown: Any) -> Any:
    """The repo's own file with the keys that the page shows."""
    if not isinstance(own, dict) or not isinstance(shown, dict):
        return shown
    return {**own, **{key: _merged(own.get(key), value) for key, value in shown.items()}}
