"""`python -m tests.pictures [TOUR.html]` makes docs/pictures: two minutes, and Chromium on the PATH.

``TOUR.html`` is the page of a tour (`start.py tour`), for its picture.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.pictures.browser import page_png
from tests.pictures.shots import FOLDER, dataset_page, fleet_page, gate_shots, quick_shots, run_shots
from tests.support import clone_template, render


def main(tour: list[str]) -> None:
    """Make every picture, and print its size."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        work = Path(name)
        template = clone_template(work / "ml-road")
        prototype = render(template, work / "my-models")
        factory = render(template, work / "my-factory", template="factory", dotnet=False)
        drawn = {**run_shots(prototype), **quick_shots(prototype), **gate_shots(factory, FOLDER)}
        for title, svg in drawn.items():
            (FOLDER / f"{title}.svg").write_text(svg, encoding="utf-8", newline="\n")
        dataset_page(prototype, FOLDER)
        fleet_page(work / "fleet", FOLDER)
    for page in tour:
        page_png(Path(page), FOLDER / "tour.png", height=1100)
    for file in sorted(FOLDER.iterdir()):
        sys.stdout.write(f"{file.name}: {file.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
