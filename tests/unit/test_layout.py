"""The package's layers and names: imports go in one direction, and module names are unique."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support import REPO

PACKAGE = REPO / "src" / "mlroad"
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]


def lint(folder: Path) -> tuple[int, str]:
    """Run `lint-imports` with the contracts in ``folder``'s pyproject.toml."""
    done = subprocess.run(
        [*LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_go_in_one_direction() -> None:
    code, told = lint(REPO)
    assert code == 0, told


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package with our contracts, and two modules without imports in each layer."""
    text = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    contracts = text[text.index("[tool.importlinter]") :]
    contracts = re.sub(r"^(ignore|unmatched_ignore)_imports.*\n", "", contracts, flags=re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(contracts, encoding="utf-8")
    for layer in tomllib.loads(contracts)["tool"]["importlinter"]["contracts"][0]["layers"]:
        (tmp_path / "mlroad" / layer).mkdir(parents=True)
        for name in ("__init__", f"{layer}_a", f"{layer}_b"):
            (tmp_path / "mlroad" / layer / f"{name}.py").write_text("", encoding="utf-8")
    (tmp_path / "mlroad" / "__init__.py").write_text("", encoding="utf-8")
    return tmp_path


def test_canary_the_small_package_is_green(small: Path) -> None:
    (small / "mlroad/cli/cli_a.py").write_text("import mlroad.core.core_a\n", encoding="utf-8")
    code, told = lint(small)
    assert code == 0, told


@pytest.mark.parametrize(
    "text",
    [
        "import mlroad.data.data_a\n",
        "from mlroad.cli import cli_a\n",
        "def late():\n    from mlroad.run.run_a import x\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mlroad.gate.gate_a import X\n",
    ],
)
def test_canary_an_import_upwards_is_red(small: Path, text: str) -> None:
    (small / "mlroad/core/core_a.py").write_text(text, encoding="utf-8")
    code, told = lint(small)
    assert code == 1
    assert "layers point one way BROKEN" in told
    assert "mlroad.core.core_a -> mlroad." in told


def test_canary_a_circle_in_a_layer_is_red(small: Path) -> None:
    (small / "mlroad/run/run_a.py").write_text("import mlroad.run.run_b\n", encoding="utf-8")
    (small / "mlroad/run/run_b.py").write_text("def f():\n    import mlroad.run.run_a\n", encoding="utf-8")
    code, told = lint(small)
    assert code == 1
    assert "No cycles are allowed in mlroad.run." in told


def test_module_names_are_unique() -> None:
    """Only cli/NAME.py, the command NAME, may share its name with the module that it calls."""
    places = defaultdict(list)
    for path in PACKAGE.rglob("*"):
        place = path.relative_to(PACKAGE)
        is_module = path.suffix == ".py" and not path.stem.startswith("__")
        is_package = (path / "__init__.py").is_file()
        if (is_module or is_package) and place.parts[0] != "cli" and "scaffold" not in place.parts:
            places[path.stem].append(place.as_posix())
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
    assert len(places) > 100


OLD_NAMES = (
    r"(?i)\bmodel" + "kit",
    r"^\s*(from|import) factory\b|-m factory\b|--cov=factory\b",
    r"\bfactory/[a-z_/]+\.py\b",
    r"(uv run |[`$] ?)factory (check|train|gate|report|register|approve|why|list|runs|clean|affected)\b",
)

ABOUT_THEM = (
    "CHANGELOG.md", "docs/explanation/decisions", "docs/how-to/update-a-repo.md",
    "docs/how-to/upgrading.md",
    "tests/templates/test_vendored_update.py", "tests/unit/test_layout.py", "uv.lock",
)  # fmt: skip


def test_nothing_names_the_old_packages_and_commands() -> None:
    listed = subprocess.run(
        ["git", "grep", "--untracked", "-InP", "|".join(f"(?:{pattern})" for pattern in OLD_NAMES), "--",
         ".", *(f":!{name}" for name in ABOUT_THEM)],
        cwd=REPO, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (listed.returncode, listed.stdout) == (1, "")


@pytest.mark.parametrize(
    "text",
    [
        "import model" + "kit",
        "from factory.gate import x",
        "`factory gate diabetes`",
        "see factory/gate.py",
        "uv run factory check",
    ],
)
def test_canary_it_would_be_found(text: str) -> None:
    assert any(re.search(pattern, text) for pattern in OLD_NAMES)


@pytest.mark.parametrize("text", ["a model factory checks it", "factory.yml", "docs/factory.md", "[factory]"])
def test_canary_the_word_is_not_forbidden(text: str) -> None:
    assert not any(re.search(pattern, text) for pattern in OLD_NAMES)
