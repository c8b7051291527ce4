"""The fleet as one HTML file."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mlroad.fleet.read_repo import Row
from mlroad.fleet.show_fleet import behind_in_words, models_in_words
from mlroad.report.render import render


def fleet_html(rows: Sequence[Row], left_out: Sequence[str]) -> str:
    """The page: the repos that need something come first."""
    ordered = sorted(rows, key=lambda row: (not row.problem, not row.is_behind, row.ci != "red", row.name))
    tiles = [
        (str(len(rows)), "repos", False),
        (str(sum(row.is_behind for row in rows)), "behind their template", False),
        (str(sum(bool(row.problem) for row in rows)), "with a problem", any(row.problem for row in rows)),
        (str(sum(row.ci == "red" for row in rows)), "red in CI", any(row.ci == "red" for row in rows)),
    ]
    return render(
        "fleet.html.jinja",
        rows=ordered,
        tiles=tiles,
        left_out=left_out,
        behind=behind_in_words,
        models=models_in_words,
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
