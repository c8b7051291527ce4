"""The faults that are planted, each with the check that must reject it."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from mlroad.core.digests import digest_of
from mlroad.core.files import write_text
from mlroad.data.version import parse_reference
from mlroad.gate.checks import is_waivable
from mlroad.gate.gates_file import Threshold
from mlroad.gate.holdout import slice_of
from mlroad.gate.latency import LEAST_TIMED
from mlroad.gate.measures import Unmeasurable
from mlroad.gate.metrics import measure, read_answers
from mlroad.gate.records import Exported, read_records, write_records
from mlroad.gate.run_gate import gate, judge_records
from mlroad.gate.selftest.fault_copies import Copy, Good
from mlroad.gate.selftest.planted_models import Answers
from mlroad.models.model_process import ModelBroken
from mlroad.models.onnx_export import EXPORT, MODEL
from mlroad.models.suite import CASES, FOLDER
from mlroad.registry.one_champion import OneChampion
from mlroad.run.candidate import Candidate

_PATIENCE_MS = 10_000
_gate_quickly = partial(gate, single_rows=LEAST_TIMED)
"""Single rows take most of a gate's time, and few faults need many of them."""
_LEFT = 0.2
"""The share of the spread that the answers of a model trained on shuffled labels keep."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``check`` is a pattern for the id of the check that must find it, with this ``result``."""

    name: str
    check: str
    result: str
    plant: Callable[[Good, Copy], None]
    skip: Callable[[Good], str] = lambda _: ""
    """Why this fault cannot be planted here; empty if it can."""
    registry: Callable[[Good], OneChampion] = lambda good: good.registry(champion=False)
    judge: Callable[[Candidate, OneChampion], dict[str, Any]] = _gate_quickly

    @property
    def expected(self) -> str:
        """For people: ``metrics.*.limit failed``."""
        return f"{re.sub(r'[.][+*]', '*', self.check).replace(chr(92), '')} {self.result}"


def faults(good: Good, runtimes: Sequence[str]) -> Iterator[Fault]:
    """All faults, for this candidate. ``runtimes`` are those that its own gates.yml requires."""
    gates = good.gates
    limited = any(threshold.limit is not None for threshold in gates.metrics.values())
    yield Fault(
        "slow model", r"latency\.p95", "failed", _slow, _no_latency, judge=gate
    )  # first, as it takes longest
    yield Fault(
        "shuffled labels", r"metrics\..+", "failed", _shuffled,
        registry=lambda g: g.registry(champion=not limited),
    )  # fmt: skip
    yield Fault("constant model", r"predictions", "failed", _constant)
    yield Fault("missing metric", r"metrics\..+", "broken", _missing)
    yield Fault("missing model", r"predictions", "broken", _no_model)
    yield Fault("replaced model", r"candidate", "broken", _replaced)
    yield Fault("NaN predictions", r"predictions", "broken", _nan, _no_numbers)
    yield Fault("wrong for single rows", r"agreement", "failed", _wrong_alone, judge=gate)
    yield Fault("answers by the order of rows", r"agreement", "failed", _by_order, judge=gate)
    yield Fault("wrong dataset version", r"data\.training", "broken", _other_version)
    yield Fault("trained on the holdout", r"data\.overlap", "broken", _leaked)
    yield Fault("truncated ONNX", r"onnx", "broken", _truncated, _no_onnx)
    yield Fault("regressed slice", r"slices\..+", "failed", _slice, _no_slices, _for_slices)
    yield Fault(
        "worse than the champion", rf"metrics\.{gates.decide_by}\.regression", "failed", _worse,
        registry=lambda g: g.champion(),
    )  # fmt: skip
    yield Fault("edited inference answers", r"inference\.pyfunc", "broken", _edited, _no_inference)
    for runtime in runtimes:
        yield Fault(
            f"wrong answer in {runtime}", rf"inference\.{runtime}", "failed", _answers_in(runtime),
            _no_inference, judge=lambda candidate, _: judge_records(candidate),
        )  # fmt: skip
    yield Fault("expired waiver", r"waivers", "failed", _expired)
    yield Fault(
        "champion required but missing", "champion", "broken", _required, registry=lambda g: g.empty()
    )


def _spoiled(good: Good) -> Answers:
    return good.answers.copy()


def _is_label(good: Good) -> bool:
    """Whether answers cannot be mixed: labels and texts."""
    if good.answers.dtype == object:
        return True
    of_classes = good.gates.task in ("binary", "multiclass", "multilabel")
    return of_classes and bool((good.answers == np.round(good.answers)).all())


def _dealt(good: Good) -> Answers:
    """The answers, each moved to another row."""
    return np.random.default_rng(7).permutation(good.answers)


def _mixed(good: Good, dealt: Answers, share: float) -> Answers:
    """This share of the answers is that of other rows: a share of each answer, or of the rows."""
    if _is_label(good):
        some = np.arange(good.rows) < share * good.rows
        return np.where(some.reshape(-1, *[1] * (dealt.ndim - 1)), dealt, good.answers)
    return np.asarray((1 - share) * good.answers + share * dealt)


def _shuffled(good: Good, copy: Copy) -> None:
    """Answers as after training on shuffled labels: near the mean, and unrelated to their row.

    They keep a fifth of their spread, like a model that fits noise. The mean alone would be a constant.
    """
    answers = _dealt(good)
    if not _is_label(good):
        if good.holdout and good.gates.task in ("regression", "forecast"):
            middle = np.full(answers.shape[1:], good.holdout.truth.values.mean())
        else:
            middle = answers.mean(axis=0)
        answers = middle + _LEFT * (answers - answers.mean(axis=0))
    copy.replace_model(answers)


def _constant(good: Good, copy: Copy) -> None:
    one = good.answers[0] if _is_label(good) else good.answers.mean(axis=0)
    copy.replace_model(np.broadcast_to(one, good.answers.shape).copy())


def _missing(good: Good, copy: Copy) -> None:
    """Labels where a metric needs probabilities, or one answer too few: no metric can be measured."""
    labels = good.gates.wants("probability") and good.gates.task != "multiclass"
    copy.replace_model((good.answers > 0.5).astype(np.float64) if labels else good.answers[:-1])


def _no_model(_: Good, copy: Copy) -> None:
    shutil.rmtree(copy.candidate.model_path)


def _replaced(good: Good, copy: Copy) -> None:
    """A model that is as good, but that the run did not make."""
    made = dict(copy.candidate.record["outputs"])
    copy.replace_model(good.answers, slow_ms=0.001)  # other bytes than a sample's own model
    copy.change_run({"outputs": made})


def _nan(good: Good, copy: Copy) -> None:
    answers = _spoiled(good)
    answers[good.rows // 2] = np.nan
    copy.replace_model(answers)


def _wrong_alone(good: Good, copy: Copy) -> None:
    copy.replace_model(good.answers, "wrong alone")


def _by_order(good: Good, copy: Copy) -> None:
    copy.replace_model(good.answers, "by order")


def _inputs(copy: Copy, **change: str) -> None:
    inputs = {name: dict(about) for name, about in copy.candidate.record["inputs"].items()}
    first = next(iter(inputs.values()))
    first.update(change)
    copy.change_run({"inputs": inputs})


def _other_version(_: Good, copy: Copy) -> None:
    used = next(iter(copy.candidate.record["inputs"].values()))
    name, number = parse_reference(str(used["dataset"]))
    _inputs(copy, dataset=f"{name}:{int(number) + 1}")


def _leaked(good: Good, copy: Copy) -> None:
    """Run and data.yml agree, and both name the holdout."""
    holdout = good.holdout
    assert holdout
    first = next(iter(copy.candidate.record["inputs"]))
    _inputs(copy, dataset=holdout.dataset, dataset_digest=holdout.digest)
    named = {name: dict(both) for name, both in _data(copy).items()}
    named[first] = dict.fromkeys(("dev", "prod"), f"azureml:{holdout.dataset}")
    (copy.models / "data.yml").write_text(json.dumps(named), encoding="utf-8")


def _data(copy: Copy) -> dict[str, dict[str, str]]:
    model = copy.candidate.model
    dev, prod = model.data("dev"), model.data("prod")
    return {name: {"dev": dev[name], "prod": prod[name]} for name in dev}


def _truncated(_: Good, copy: Copy) -> None:
    path = copy.candidate.onnx_path
    assert path
    file = next(path.glob("*.onnx")) if path.is_dir() else path
    file.write_bytes(file.read_bytes()[: max(1, file.stat().st_size // 2)])
    copy.note_outputs()


def _slow(good: Good, copy: Copy) -> None:
    copy.replace_model(good.answers, slow_ms=1.2 * (good.gates.p95_ms or 0) + 5)


def _slice(good: Good, copy: Copy) -> None:
    """Answers in the smallest judged slice are far off; all other rows keep theirs."""
    assert good.holdout
    answers = _spoiled(good)
    found = []
    for wanted in good.gates.slices:
        names, codes = slice_of(good.holdout.frame, wanted.column)
        sizes = [(int((codes == place).sum()), place) for place in range(len(names))]
        found += [(size, place, codes) for size, place in sizes if size >= wanted.min_rows]
        if found:
            break
    _, place, codes = min(found, key=lambda item: item[:2])
    rows = codes == place
    if answers.dtype == object:
        answers[rows] = np.roll(answers, 1)[rows] if good.gates.task != "text" else "-"
    elif good.gates.task == "multiclass":
        answers[rows] = np.roll(answers[rows], 1, axis=-1)
    elif good.gates.task in ("binary", "multilabel"):
        answers[rows] = 1 - answers[rows]
    elif good.gates.task == "ranking":
        answers[rows] = -answers[rows]
    else:
        answers[rows] += 3 * float(np.ptp(good.holdout.truth.values)) + 1
    copy.replace_model(answers)


def _worse(good: Good, copy: Copy) -> None:
    """Blur the answers until the deciding metric is worse by a little more than allowed."""
    assert good.holdout
    name, truth = good.gates.decide_by, good.holdout.truth
    allowed = good.gates.metrics[name].max_regression or 0.0
    dealt = _dealt(good)

    def value(answers: Answers) -> float:
        return measure(name, good.gates.task, truth, read_answers(answers, truth, good.gates))

    before = value(good.answers)
    for share in np.linspace(0.02, 1, 50):
        answers = _mixed(good, dealt, float(share))
        try:
            worse = -good.gates.metric(name).sign * (value(answers) - before)
        except (Unmeasurable, ModelBroken):
            continue
        if worse > 1.02 * allowed:
            break
    copy.replace_model(answers)


def _edited(_: Good, copy: Copy) -> None:
    """Change one expected answer by hand, as if to make a red test green."""
    file = copy.models / FOLDER / CASES
    lines = file.read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines):
        case = json.loads(line)
        if case["kind"] == "golden":
            data = case["expect"]["outputs"][0]["data"]
            data[0] = _other(data[0])
            lines[place] = json.dumps(case)
            break
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 10**9 if isinstance(value, int | float) else f"not {value}"


def _answers_in(runtime: str) -> Callable[[Good, Copy], None]:
    """Record the answers in Python as those of this runtime, one of them wrong.

    They are recorded, not asked for: judging needs neither an ONNX model nor a .NET SDK. The same case is
    right in a batch, as no allowance of suite.yml covers a model that disagrees with itself.
    """

    def plant(good: Good, copy: Copy) -> None:
        copy.change_gates(lambda settings: settings.update(inference_tests=[runtime]))
        records = read_records(good.candidate.gate)
        known = records.cases["pyfunc"]
        wrong, answers = next((id_, its) for id_, its in known.answers.items() if its.batch)
        assert answers.alone and answers.alone.outputs
        first, *others = answers.alone.outputs
        first = replace(first, data=(_other(first.data[0]), *first.data[1:]))
        planted = replace(answers, alone=replace(answers.alone, outputs=(first, *others)))
        export = copy.candidate.gate / EXPORT
        export.mkdir(parents=True)
        write_text(export / MODEL, "what answered")
        cases = {runtime: replace(known, answers={**known.answers, wrong: planted})}
        exported = Exported(digest_of(export), {})
        write_records(copy.candidate.gate, replace(records, cases=cases, exported=exported))

    return plant


def _expired(good: Good, copy: Copy) -> None:
    file = copy.models / "waivers.yml"
    gate = next(str(c["id"]) for c in good.verdict["checks"] if is_waivable(str(c["id"])))
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    waiver = {"gate": gate, "owner": "@self-test", "reason": "It has expired.", "expires": str(yesterday)}
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{before.rstrip()}\n- {json.dumps(waiver)}\n".lstrip(), encoding="utf-8")


def _required(_: Good, copy: Copy) -> None:
    copy.change_gates(lambda settings: settings.update(champion="required"))


def _no_numbers(good: Good) -> str:
    return "its answers are texts" if good.answers.dtype == object else ""


def _no_onnx(good: Good) -> str:
    return "" if good.gates.onnx_difference is not None else "gates.yml does not ask for ONNX"


def _no_latency(good: Good) -> str:
    budget = good.gates.p95_ms
    if budget is None:
        return "gates.yml has no latency budget"
    return f"a budget of {budget:g} ms takes too long to test" if budget > _PATIENCE_MS else ""


def _no_inference(good: Good) -> str:
    return "" if "pyfunc" in good.gates.inference_tests else "gates.yml does not ask for inference tests"


def _no_slices(good: Good) -> str:
    return "" if good.gates.slices else "gates.yml has no slices"


def _for_slices(good: Good) -> OneChampion:
    thresholds: list[Threshold] = [wanted.threshold for wanted in good.gates.slices]
    return good.registry(champion=all(threshold.limit is None for threshold in thresholds))
