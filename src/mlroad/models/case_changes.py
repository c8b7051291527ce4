"""What `mlroad freeze` has changed in the cases of a model, as lines for people."""

from collections.abc import Iterator, Sequence

from mlroad.core.text import count
from mlroad.models.cases import Case
from mlroad.models.tensors import Tensor
from mlroad.models.tolerance import Limit, Tolerance, difference, shown

_MOST = 10


def changes(old: Sequence[Case], new: Sequence[Case]) -> list[str]:
    """The cases that are new, gone or otherwise; empty if there were none before."""
    if not old:
        return []
    before, after = ({case.id: case for case in cases} for cases in (old, new))
    lines = [
        *(f"+ {case.id}: {_request(case)}" for case in new if case.id not in before),
        *(f"- {case.id}: {_request(case)}" for case in old if case.id not in after),
        *(f"~ {case.id}: {what}" for case in new if (what := _moved(before.get(case.id), case))),
    ]
    if not lines:
        return ["The cases are as before."]
    signs = [line[0] for line in lines]
    head = ", ".join(
        f"{signs.count(sign)} {word}" for sign, word in zip("+-~", ("new", "gone", "changed"), strict=True)
    )
    more = [f"  … {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    same = count(sum(case.id in before for case in new) - signs.count("~"), "case")
    return [f"Compared with the cases before: {head}, {same} as before.", *_indented(lines[:_MOST]), *more]


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _request(case: Case) -> str:
    cells = [f"{its.name}={shown(its.data[0])}" for its in case.inputs[:4] if its.data]
    return f"{case.kind}, {', '.join(cells)}{' …' if len(case.inputs) > 4 else ''}"


def _moved(old: Case | None, new: Case) -> str:
    if old is None or old.text() == new.text():
        return ""
    if difference(old.expected, new.expected, Tolerance(Limit())):
        return f"{_outputs(old.expected)} → {_outputs(new.expected)}"
    return "written differently"


def _outputs(outputs: Sequence[Tensor]) -> str:
    said = (f"{its.name} {', '.join(map(shown, its.data[:3]))}" for its in outputs[:3])
    return "; ".join(said)
