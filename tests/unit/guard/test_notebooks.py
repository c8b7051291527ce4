"""Notebook checks: outputs, format, and notebooks that cannot be read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.unit.guard.conftest import Guard
from tests.unit.guard.corpus import cell, display, notebook, stream

CLEAN = notebook(cell("x = 1"), cell("# Title", kind="markdown"))
DIRTY = notebook({**cell("x", stream("1\n")), "execution_count": 3}, cell("y"))


def test_a_clean_notebook_is_green(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text(CLEAN)
    assert guard("a.ipynb").returncode == 0


def test_outputs_are_named_by_cell_and_stripped_by_fix(repo: Path, guard: Guard) -> None:
    path = repo / "a.ipynb"
    path.write_text(DIRTY)
    told = guard("a.ipynb").stdout
    assert told.startswith("a.ipynb: notebook-outputs: Cells 1 have outputs")
    assert path.read_text() == DIRTY
    (repo / "g ü").mkdir()
    (repo / "g ü" / "o.ipynb").write_text(DIRTY)
    assert re.search(r"`mlroad guard --fix (['\"])g ü/o.ipynb\1`", guard("g ü/o.ipynb").stdout)
    assert guard("--fix", "a.ipynb").returncode == 1  # like every hook that changes a file
    assert path.read_text() == notebook(cell("x"), cell("y"))
    assert guard("a.ipynb").returncode == 0


@pytest.mark.parametrize("indent", [1, 2, 4])
def test_fix_keeps_indent_order_and_letters(repo: Path, guard: Guard, indent: int) -> None:
    made = {
        "metadata": {"zebra": 1, "name": "Überprüfung ✓"},
        "nbformat_minor": 5,
        "nbformat": 4,
        "cells": [
            {"source": ["é"], "outputs": [], "metadata": {}, "execution_count": 1, "cell_type": "code"}
        ],
    }
    path = repo / "a.ipynb"
    path.write_text(json.dumps(made, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
    guard("--fix", "a.ipynb")
    made["cells"][0]["execution_count"] = None  # type: ignore[index]
    assert path.read_text(encoding="utf-8") == json.dumps(made, indent=indent, ensure_ascii=False) + "\n"


def test_cells_with_the_tag_keep_their_outputs(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text(notebook(cell("x", stream("1\n"), tags=["keep_output"])))
    assert guard("a.ipynb").returncode == 0


def test_a_team_may_keep_outputs(repo: Path, guard: Guard) -> None:
    (repo / "pyproject.toml").write_text('[tool.mlroad]\nnotebook-outputs = "keep"\n')
    (repo / "a.ipynb").write_text(DIRTY)
    assert guard("--fix", "a.ipynb").returncode == 0
    assert (repo / "a.ipynb").read_text() == DIRTY


@pytest.mark.parametrize("value", ['"no"', "3"])
def test_an_unknown_policy_is_the_users_mistake(repo: Path, guard: Guard, value: str) -> None:
    (repo / "pyproject.toml").write_text(f"[tool.mlroad]\nnotebook-outputs = {value}\n")
    done = guard("--all")
    assert done.returncode == 2
    assert 'Write "strip" or "keep"' in done.stderr


def test_a_notebook_in_one_line_is_named_and_written_out(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text(notebook(cell("x = 1"), indent=None))
    assert guard("a.ipynb").stdout.startswith("a.ipynb:1: notebook-form: ")
    guard("--fix", "a.ipynb")
    assert (repo / "a.ipynb").read_text() == notebook(cell("x = 1"))


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ('{\n "cells": [\n', "a.ipynb:3", "not valid JSON"),
        ("[]", "a.ipynb", "not a notebook"),
        ("", "a.ipynb:1", "not valid JSON"),
        ('{"nbformat": 3, "worksheets": []}', "a.ipynb", "before 2015"),
        ('{"nbformat": 4}', "a.ipynb", "list of cells"),
        ('{"nbformat": 4, "cells": [{"cell_type": "heading"}]}', "a.ipynb", "cell_type of cell 1"),
        ('{"nbformat": 4, "cells": [{"cell_type": "raw", "source": ""}]}', "a.ipynb", "has no metadata"),
        (
            '{"nbformat": 4, "cells": [{"cell_type": "raw", "metadata": {}, "source": 1}]}',
            "a.ipynb",
            "source",
        ),
        (
            '{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": {}, "source": ""}]}',
            "a.ipynb",
            "outputs",
        ),
        ('{"nbformat": 4, "cells": [3]}', "a.ipynb", "cell 1"),
        ("[" * 100_000, "a.ipynb", "nested"),
    ],
)
def test_a_broken_notebook_is_reported_without_a_traceback(
    repo: Path, guard: Guard, text: str, place: str, told: str
) -> None:
    (repo / "a.ipynb").write_text(text)
    done = guard("--fix", "a.ipynb")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{place}: notebook-broken: ")
    assert told in done.stdout
    assert "Traceback" not in done.stderr
    assert (repo / "a.ipynb").read_text() == text


def test_a_binary_notebook_is_reported_without_a_traceback(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_bytes(b"\x89PNG\0\0")
    assert "binary" in guard("a.ipynb").stdout


def test_half_a_surrogate_pair_survives_fix(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text(DIRTY.replace('"y"', '"\\ud83d"'))
    guard("--fix", "a.ipynb")
    assert json.loads((repo / "a.ipynb").read_text())["cells"][1]["source"] == ["\ud83d"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_fix_keeps_the_mode_and_leaves_nothing_behind(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text(DIRTY)
    (repo / "a.ipynb").chmod(0o640)
    guard("--fix", "a.ipynb")
    assert (repo / "a.ipynb").stat().st_mode & 0o777 == 0o640
    assert {path.name for path in repo.iterdir()} == {".git", "a.ipynb", "pyproject.toml"}


def test_pictures_are_ignored_but_text_beside_them_is_scanned(repo: Path, guard: Guard) -> None:
    (repo / "pyproject.toml").write_text('[tool.mlroad]\nnotebook-outputs = "keep"\n')
    token = "gh" + "p_" + "Ab3dE" * 7 + "x"
    picture = display(image_png="iVBORw0KGgo" + token + "AAAA")
    (repo / "a.ipynb").write_text(notebook(cell("plot()", picture)))
    assert guard("a.ipynb").returncode == 0
    (repo / "a.ipynb").write_text(notebook(cell("plot()", picture, display(text_plain=[f"<{token}>"]))))
    assert "output of cell 1, line 1" in guard("a.ipynb").stdout
