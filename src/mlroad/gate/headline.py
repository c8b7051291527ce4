"""The word and the sentence that sum up a verdict."""

from mlroad.core.text import some
from mlroad.gate.checks import GateChecks, number
from mlroad.gate.metric_checks import MetricResult
from mlroad.gate.records import Champion

_COMPARED = {"better": "better than", "equal": "as good as", "worse": "worse than"}


def overall_word(checks: GateChecks, deciding: MetricResult | None) -> str:
    """broken, worse, equal or better. ``deciding`` is the result of the metric in decide_by."""
    if checks.having("broken") or deciding is None:
        return "broken"
    return "worse" if checks.having("failed") else deciding.verdict


def headline(word: str, checks: GateChecks, deciding: MetricResult | None, champion: Champion | None) -> str:
    """The verdict in one sentence."""
    red = checks.having("broken") or checks.having("failed")
    if red:
        start = "The candidate cannot be judged" if word == "broken" else "The candidate is not good enough"
        return f"{start}: {some([check.id for check in red], 1)}."
    assert deciding is not None
    assert deciding.candidate is not None
    name, mine = deciding.metric, number(deciding.candidate)
    waived = len(checks.having("waived"))
    rest = f" {waived} failed {'check is' if waived == 1 else 'checks are'} waived." if waived else ""
    if champion is None or deciding.champion is None:
        return f"No champion yet: judged by its limits alone, {name} is {mine}.{rest}"
    figures = f"{name} {mine}, before {number(deciding.champion)}"
    if deciding.is_surely_worse and word == "equal":
        return (
            "The candidate is a little worse than the champion, within what gates.yml allows "
            f"(version {champion.version}): {figures}.{rest}"
        )
    return f"The candidate is {_COMPARED[word]} the champion (version {champion.version}): {figures}.{rest}"
