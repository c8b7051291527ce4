"""`python -m tests.pictures [NAME…]` makes docs/pictures: all take five minutes, and Chromium on the PATH.

The names are run, quick, gate, dataset and fleet, and the HTML page of a tour (`start.py tour`).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.pictures.browser import page_png
from tests.pictures.shots import FOLDER, dataset_page, fleet_page, gate_shots, quick_shots, run_shots
from tests.support import clone_template, render

ALL = ("run", "quick", "dataset", "gate", "fleet")


def main(names: list[str]) -> None:
    """Make pictures, and print the size of all."""
    FOLDER.mkdir(exist_ok=True)
    drawn: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        work = Path(name)
        template = clone_template(work / "ml-road")
        prototype = render(template, work / "my-models")
        if "run" in names:
            drawn |= run_shots(prototype)
        if {"quick", "dataset"} & {*names}:
            drawn |= quick_shots(prototype)
            dataset_page(prototype, FOLDER)
        if "gate" in names:
            factory = render(template, work / "my-factory", template="factory", dotnet=False)
            drawn |= gate_shots(factory, FOLDER)
        if "fleet" in names:
            fleet_page(work / "fleet", FOLDER)
    for page in names:
        if page.endswith(".html"):
            page_png(Path(page), FOLDER / "tour.png", height=1000, top=345)
    for title, svg in drawn.items():
        (FOLDER / f"{title}.svg").write_text(svg, encoding="utf-8", newline="\n")
    for file in sorted(FOLDER.iterdir()):
        sys.stdout.write(f"{file.name}: {file.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:] or [*ALL])
