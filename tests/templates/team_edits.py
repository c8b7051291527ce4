"""What teams do to their repo: each kind is a small function. The update matrix applies them.

What must survive is not written here: the matrix compares the repo before and after the edits.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

EDITS: dict[str, tuple[Callable[[Path], None], str]] = {}
"""Each kind with its function, and the file without which the kind does not apply (if any)."""

Make = Callable[[Path], None]
STEP = """from pathlib import Path

from step_io import main


def train(rows: int, model: Path) -> None:
    \"\"\"Count.\"\"\"
    model.mkdir(parents=True, exist_ok=True)
    (model / "rows.txt").write_text(str(rows), encoding="utf-8")


if __name__ == "__main__":
    main(train)
"""


def kind(name: str, needs: str = "") -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        assert name not in EDITS
        EDITS[name] = (make, needs)
        return make

    return add


def apply(project: Path, without: Collection[str] = ()) -> list[str]:
    """Make all the edits that apply to a repo, ``without`` some kinds; returns their kinds."""
    made = []
    for name, (make, needs) in EDITS.items():
        if name not in without and (project / needs).exists():
            make(project)
            made.append(name)
    return made


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n") as out:
        out.write(text)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file}: {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


@kind("the sample is deleted", needs=".github/workflows/ci.yml")
def _(project: Path) -> None:
    # First, because other kinds edit it. A factory keeps it.
    shutil.rmtree(project / "models/diabetes", ignore_errors=True)


@kind("a dependency")
def _(project: Path) -> None:
    change(project / "pyproject.toml", '    "pandas', '    "lightgbm>=4",\n    "pandas')


@kind("a dependency group")
def _(project: Path) -> None:
    change(project / "pyproject.toml", "[tool.uv]\n", 'plots = ["altair>=5"]\n\n[tool.uv]\n')


@kind("settings of a tool in pyproject.toml")
def _(project: Path) -> None:
    append(project / "pyproject.toml", '\n[tool.codespell]\nskip = "*.csv"\n')


@kind("a hook")
def _(project: Path) -> None:
    hook = "".join(
        f"      {line}\n"
        for line in ("- id: spelling", "  name: spelling", "  entry: python -c pass", "  language: system")
    )
    change(project / ".pre-commit-config.yaml", "      - id: ruff-format", f"{hook}      - id: ruff-format")


@kind("a job in a workflow", needs=".github/workflows/ci.yml")
def _(project: Path) -> None:
    _job(project / ".github/workflows/ci.yml")


@kind("a job in a factory's workflow", needs=".github/workflows/pr.yml")
def _(project: Path) -> None:
    _job(project / ".github/workflows/pr.yml")


def _job(file: Path) -> None:
    change(
        file,
        "\njobs:\n",
        "\njobs:\n  ours:\n    name: ours\n    runs-on: ubuntu-latest\n    timeout-minutes: 5\n"
        "    permissions: {}\n    steps:\n      - run: echo ours\n\n",
    )


@kind("a workflow of the team's own")
def _(project: Path) -> None:
    write(
        project / ".github/workflows/nightly.yml",
        "name: Nightly\non: workflow_dispatch\npermissions: {}\njobs:\n  nightly:\n    name: nightly\n"
        "    runs-on: ubuntu-latest\n    timeout-minutes: 5\n    permissions: {}\n    steps:\n"
        "      - run: echo nightly\n",
    )


@kind("a rule of ruff")
def _(project: Path) -> None:
    change(project / "ruff.toml", "ignore = [", 'ignore = [\n    "S105", # the team knows why')


@kind("a format of ruff")
def _(project: Path) -> None:
    append(project / "ruff.toml", '\n[format]\nquote-style = "single"\n')


@kind("a setting of mypy")
def _(project: Path) -> None:
    append(project / "mypy.ini", "\n[mypy-ours.*]\nfollow_imports = skip\n")


@kind("a setting of pytest", needs="pytest.toml")
def _(project: Path) -> None:
    append(project / "pytest.toml", "filterwarnings = []\n")


@kind("the README")
def _(project: Path) -> None:
    append(project / "README.md", "\n## How we work here\n\nWith care.\n")


@kind("the README's title")
def _(project: Path) -> None:
    file = project / "README.md"
    lines = file.read_text(encoding="utf-8").splitlines()
    write(file, "\n".join(["# Churn, and how we beat it", *lines[1:]]) + "\n")


@kind("the sample's notebook is deleted", needs="notebooks/eda.ipynb")
def _(project: Path) -> None:
    (project / "notebooks/eda.ipynb").unlink()


@kind("the sample is changed", needs="models/diabetes/steps/prep.py")
def _(project: Path) -> None:
    append(project / "models/diabetes/steps/prep.py", "# ours\n")


@kind("a guide is deleted")
def _(project: Path) -> None:
    (project / "models/README.md").unlink(missing_ok=True)


@kind("a model")
def _(project: Path) -> None:
    model = project / "models/churn"
    write(model / "README.md", "# Churn\n")
    write(model / "lib/helpers.py", "ANSWER = 42\n")


@kind("a step in the sample", needs="models/diabetes/steps")
def _(project: Path) -> None:
    write(project / "models/diabetes/steps/ours.py", "ANSWER = 42\n")


@kind("owners")
def _(project: Path) -> None:
    append(project / ".github/CODEOWNERS", "/models/churn/ @my-org/churn\n")


@kind("a dataset")
def _(project: Path) -> None:
    write(project / "datasets/visits/1/visits.csv", "day,visits\n1,3\n")
    write(
        project / "datasets/visits/1.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/data.schema.json\n"
        "name: visits\nversion: '1'\ntype: uri_folder\npath: 1\n",
    )


@kind("data with the line ends of Windows")
def _(project: Path) -> None:
    file = project / "datasets/crlf/1/visits.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"day,visits\r\n1,3\r\n")


@kind("lines in .gitignore")
def _(project: Path) -> None:
    append(project / ".gitignore", "\n/scratch/\n")


@kind("a line of .gitignore is removed")
def _(project: Path) -> None:
    change(project / ".gitignore", "*.swp\n", "")


@kind("a line in .gitattributes")
def _(project: Path) -> None:
    append(project / ".gitattributes", "*.npy binary\n")


@kind("the dev container")
def _(project: Path) -> None:
    change(
        project / ".devcontainer/devcontainer.json",
        '"customizations": {',
        '"forwardPorts": [5000],\n  "customizations": {',
    )


@kind("settings of the editor")
def _(project: Path) -> None:
    change(project / ".vscode/settings.json", "{\n", '{\n  "editor.minimap.enabled": false,\n')


@kind("an editor's extension")
def _(project: Path) -> None:
    file = project / ".vscode/extensions.json"
    change(file, '"recommendations": [\n', '"recommendations": [\n    "eamodio.gitlens",\n')


@kind("the line ends of Windows in a standard file")
def _(project: Path) -> None:
    file = project / ".editorconfig"
    append(file, "\n[*.sql]\nindent_size = 4\n")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


@kind("a folder")
def _(project: Path) -> None:
    write(project / "infra/main.tf", "# ours\n")
    write(project / "docs/decisions/0001.md", "# Ours\n")


@kind("a package of the team's own, with tests")
def _(project: Path) -> None:
    write(project / "lib/features/__init__.py", '"""Ours."""\n')
    write(project / "tests/test_features.py", '"""Ours."""\n')


@kind("a file with spaces and accents in its name")
def _(project: Path) -> None:
    write(project / "docs/Über uns.md", "# Über uns\n")


@kind("a notebook")
def _(project: Path) -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {},
        "source": "1",
    }
    notebook = {"cells": [{**cell, "outputs": []}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write(project / "notebooks/ours.ipynb", json.dumps(notebook, indent=1) + "\n")


@kind("a picture")
def _(project: Path) -> None:
    (project / "docs/road.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


@kind("factory.yml", needs="factory.yml")
def _(project: Path) -> None:
    change(project / "factory.yml", "shared_registry: null", "shared_registry: ours")


@kind("a lock file")
def _(project: Path) -> None:
    change(project / ".gitignore", "uv.lock\n", "")
    write(project / "uv.lock", "version = 1\n")


@kind("an executable script")
def _(project: Path) -> None:
    write(project / "tools/refresh.sh", "#!/bin/sh\n")
    (project / "tools/refresh.sh").chmod(0o755)


@kind("a standard file made executable")
def _(project: Path) -> None:
    append(project / ".github/pull_request_template.md", "\n- [ ] We told the customer\n")
    (project / ".github/pull_request_template.md").chmod(0o755)


@kind("a standard page is renamed")
def _(project: Path) -> None:
    (project / "docs/tools.md").rename(project / "docs/our-tools.md")


@kind("a standard file is deleted", needs=".github/dependabot.yml")
def _(project: Path) -> None:
    (project / ".github/dependabot.yml").unlink()


@kind("a standard page")
def _(project: Path) -> None:
    append(project / "docs/github.md", "\n## Our organisation\n\nAsk the platform team.\n")


@kind("the main ruleset")
def _(project: Path) -> None:
    file = project / ".github/rulesets/main.json"
    change(file, '"required_approving_review_count": 1', '"required_approving_review_count": 2')
