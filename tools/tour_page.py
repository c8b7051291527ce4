"""Writes the tour's page from its record: python tour_page.py tour.json tour.html

The tour runs this with the Python of one of its repos, which has the tool and so Jinja2 and the stylesheet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mlroad.report.render import render_text

_TEMPLATE = Path(__file__).with_name("tour.html.jinja")


def tour_html(record: dict[str, Any]) -> str:
    """The page."""
    return render_text(_TEMPLATE.read_text(encoding="utf-8"), **record)


if __name__ == "__main__":
    text = tour_html(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(text, encoding="utf-8", newline="\n")
