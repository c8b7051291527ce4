"""`mlroad graph`: what it draws, in each format."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.unit.run.project import Project

NESTED = Path(__file__).parent / "pipelines" / "nested"


@pytest.fixture
def nested(project: Project) -> Project:
    shutil.copytree(NESTED, project.root / "models/nested")
    (project.root / "models/nested/expected.yml").unlink()
    return project


def graph(project: Project, *arguments: str) -> tuple[int, str, str]:
    process = project.start("graph", *arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_mermaid(nested: Project) -> None:
    code, out, _ = graph(nested, "models/nested")
    assert code == 0
    assert out.splitlines() == [
        "flowchart TD",
        '  n_after["after"]',
        '  n_out_final[/"final"/]:::n_data',
        '  subgraph n_sub_outer["outer"]',
        '    n_outer_beside["beside"]',
        '    subgraph n_sub_outer_inner["inner"]',
        '      n_outer_inner_write["write"]',
        "    end",
        "  end",
        "  n_outer_inner_write -->|out| n_outer_beside",
        "  n_outer_inner_write -->|out| n_after",
        "  n_outer_inner_write -->|out| n_out_final",
        "  classDef n_data fill:#f4f0fa,stroke:#6b4fa0,color:#222",
    ]


def test_the_last_run_is_shown(nested: Project) -> None:
    assert nested.run("models/nested").exit == 0
    _, out, _ = graph(nested, "models/nested")
    assert re.search(r'\["write<br/>completed, [0-9.]+ s"\]', out), out
    assert ":::n_completed" in out
    nested.run("models/nested")
    _, out, _ = graph(nested, "models/nested")
    assert re.search(r'\["write<br/>reused, [0-9.]+ s"\]', out), out


@pytest.mark.parametrize(("name", "fence"), [("graph.md", "```mermaid"), ("graph.mmd", "flowchart TD")])
def test_a_file(nested: Project, name: str, fence: str) -> None:
    _, printed, _ = graph(nested, "models/nested")
    code, out, _ = graph(nested, "models/nested", "--output", name)
    assert (code, out.strip()) == (0, f"wrote {name}")
    written = (nested.root / name).read_text(encoding="utf-8")
    assert written.startswith(fence)
    assert printed in written


def test_a_step_that_cannot_run_here_is_drawn_too(project: Project) -> None:
    shutil.copytree(NESTED.parent / "unsupported", project.root / "models/m")
    code, out, _ = graph(project, "models/m")
    assert code == 0
    assert 'n_tune["tune"]' in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["models/nested", "--output", "graph.svg"],
            "graph.svg: mlroad graph writes Mermaid, not pictures. Write graph.md, which GitHub",
        ),
        (["models/nested", "--output", "graph.png"], "Write graph.md, which GitHub"),
        (
            ["models/nested", "--output", "graph.txt"],
            "graph.txt: unknown format. Use a file name that ends in .md",
        ),
        (["models/nested", "--output", "no/such/folder/graph.md"], "cannot be written: No such file"),
        (["models/nestd"], "Did you mean models/nested?"),
    ],
)
def test_mistakes(nested: Project, arguments: list[str], message: str) -> None:
    code, _, err = graph(nested, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
