"""The pictures of the pages are what the commands print today, small, described, and used."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.pages.walk import loosely
from tests.pictures.browser import CHROMIUM, comment_png
from tests.pictures.shots import FOLDER, QUICK, quick_shots
from tests.pictures.terminal import terminal_svg, text_of
from tests.support import REPO, tracked_and_new

PICTURES = sorted(FOLDER.iterdir())
PAGES = [
    path for path in tracked_and_new(REPO) if path.suffix == ".md" and path.parts[0] in ("docs", "README.md")
]


@pytest.mark.slow
def test_the_terminals_show_what_the_commands_print(rendered: Callable[..., Path], tmp_path: Path) -> None:
    repo = Path(shutil.copytree(rendered(), tmp_path / "demo", symlinks=True))
    drawn = quick_shots(repo)
    assert set(drawn) == set(QUICK)
    for name, svg in drawn.items():
        kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        assert loosely(text_of(kept)) == loosely(text_of(svg)), "run `python -m tests.pictures quick`"


def test_another_output_is_another_picture() -> None:
    one, two = (terminal_svg([("mlroad check", f"Found {count} errors.")]) for count in (2, 3))
    assert "Found 2 errors." in loosely(text_of(one))
    assert loosely(text_of(one)) != loosely(text_of(two))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_small_and_needs_nothing_else(picture: Path) -> None:
    assert picture.stat().st_size < 150_000
    if picture.suffix == ".svg":
        text = picture.read_text(encoding="utf-8")
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace(
            "https://www.textualize.io", ""
        )
    else:
        Image.open(picture).verify()


def test_all_pictures_together_are_small() -> None:
    assert sum(picture.stat().st_size for picture in PICTURES) < 1_500_000


def test_each_picture_is_shown_and_described() -> None:
    found = [
        (alt, (REPO / page.parent / target).resolve())
        for page in PAGES
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (REPO / page).read_text(encoding="utf-8"))
    ]
    assert all(len(alt) > 30 for alt, _ in found), "say what is to be seen"
    assert {target for _, target in found} == {picture.resolve() for picture in PICTURES}


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_comment_becomes_a_picture(tmp_path: Path) -> None:
    text, picture = tmp_path / "report.md", tmp_path / "comment.png"
    text.write_text("## ✅ diabetes: better\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", encoding="utf-8")
    comment_png(text, picture, height=300)
    with Image.open(picture) as image:
        assert image.size == (920, 300)
        assert len(image.convert("RGB").getcolors(100_000) or []) > 5
