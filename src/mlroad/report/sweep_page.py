"""The result of a sweep as one HTML file: a table, and each metric against each parameter."""

import math
from collections.abc import Mapping, Sequence

from mlroad.report.charts import Axis, Chart, axis_around, dots
from mlroad.report.render import render

_METRICS = 4
"""Charts are drawn for at most this many metrics."""
_WIDE = 100
"""A parameter whose values span more than this factor has a logarithmic axis."""


def sweep_html(title: str, rows: Sequence[Mapping[str, Mapping[str, str | float]]], about: str) -> str:
    """The page. Each row has ``values`` by parameter and ``metrics`` by name; ``run`` and ``state`` too."""
    parameters = list(dict.fromkeys(name for row in rows for name in row["values"]))
    metrics = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    varied = [name for name in parameters if len({row["values"].get(name) for row in rows}) > 1]
    # A metric that is the same in every run, such as that of a baseline, says nothing about the parameters.
    moved = [name for name in metrics if len({row["metrics"].get(name) for row in rows}) > 1][:_METRICS]
    drawn = [chart for metric in moved for name in varied if (chart := _chart(rows, name, metric))]
    return render(
        "sweep.html.jinja",
        title=title,
        about=about,
        rows=rows,
        parameters=parameters,
        metrics=metrics,
        charts=drawn,
    )


def _chart(
    rows: Sequence[Mapping[str, Mapping[str, str | float]]], parameter: str, metric: str
) -> Chart | None:
    pairs = [
        (str(row["values"][parameter]), float(row["metrics"][metric]))
        for row in rows
        if parameter in row["values"] and math.isfinite(float(row["metrics"].get(metric, math.nan)))
    ]
    if not pairs:
        return None
    xs, x, name = _places([value for value, _ in pairs], parameter)
    ys = [value for _, value in pairs]
    y = axis_around(ys)
    return Chart(
        f"{metric} by {parameter}",
        "Each point is a run.",
        f"{metric} of {len(pairs)} runs by {parameter}",
        x,
        y,
        name,
        metric,
        [dots(x, y, xs, ys, "candidate")],
    )


def _places(values: Sequence[str], parameter: str) -> tuple[list[float], Axis, str]:
    """The values on an axis with its name; words are numbered."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        words = list(dict.fromkeys(values))
        legend = ", ".join(f"{i} {word}" for i, word in enumerate(words, start=1))
        return (
            [1.0 + words.index(value) for value in values],
            Axis(0, len(words) + 1),
            f"{parameter}: {legend}",
        )
    if min(numbers) > 0 and max(numbers) / min(numbers) >= _WIDE:
        logs = [math.log10(number) for number in numbers]
        return logs, axis_around(logs), f"log₁₀ of {parameter}"
    return numbers, axis_around(numbers), parameter
