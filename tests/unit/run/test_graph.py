"""`mlroad graph`: what it draws, in each format."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

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


def test_svg(nested: Project) -> None:
    nested.run("models/nested")
    code, out, _ = graph(nested, "models/nested", "--output", "graph.svg")
    assert (code, out.strip()) == (0, "wrote graph.svg")
    root = ElementTree.parse(nested.root / "graph.svg").getroot()
    texts = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"after", "final", "outer.beside", "outer.inner.write"} <= set(texts)
    assert sum(text.startswith("completed, ") for text in texts) == 3
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [node.attrib for node in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    areas = [tuple(float(box[side]) for side in ("x", "y", "width", "height")) for box in boxes]
    for x, y, w, h in areas:
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
    for number, (x, y, w, h) in enumerate(areas):
        for other_x, other_y, other_w, other_h in areas[number + 1 :]:
            apart = x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y
            assert apart, "two boxes overlap"


@pytest.mark.slow
def test_png(nested: Project) -> None:
    code, _, _ = graph(nested, "models/nested", "--output", "graph.png")
    assert code == 0
    assert (nested.root / "graph.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_step_that_cannot_run_here_is_drawn_too(project: Project) -> None:
    shutil.copytree(NESTED.parent / "unsupported", project.root / "models/m")
    code, out, _ = graph(project, "models/m")
    assert code == 0
    assert 'n_tune["tune"]' in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models/nested", "--output", "graph.gif"], "is in no format known here"),
        (["models/nested", "--output", "no/such/folder/graph.svg"], "cannot be written: No such file"),
        (["models/nestd"], 'Did you mean "models/nested"?'),
    ],
)
def test_mistakes(nested: Project, arguments: list[str], message: str) -> None:
    code, _, err = graph(nested, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
