"""The self-test: the real gate judges every fault, each in its own copy, a few at a time."""

import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.gate.gates_file import FILE, RUNTIMES, load_gates
from mlroad.gate.selftest.fault_copies import Good, copy_of, judge_good
from mlroad.gate.selftest.faults import Fault, faults
from mlroad.gate.selftest.sample_factory import make_sample
from mlroad.models.metric_names import Task
from mlroad.run.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one candidate. ``good`` is whether the gate did the right thing; None if not planted."""

    planted: str
    expected: str
    got: str
    good: bool | None


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """The results of a self-test."""

    outcomes: Sequence[Outcome]
    seconds: float

    @property
    def wrong(self) -> list[Outcome]:
        """The unexpected results."""
        return [outcome for outcome in self.outcomes if outcome.good is False]


def selftest(candidate: Candidate | None, task: Task = "regression") -> SelfTestResult:
    """Plant every fault in a copy of ``candidate``, or of a tiny sample of a ``task``. Raises UserError."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlroad-selftest-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        (root / "good").mkdir()
        mine = copy_of(candidate, root / "good") if candidate else make_sample(root / "good", task)
        runtimes = load_gates(candidate.model.path / FILE).inference_tests if candidate else RUNTIMES
        good = judge_good(mine)
        first = _good_outcome(good)
        if not first.good:
            # A fault in a candidate that is rejected anyway would prove nothing.
            return SelfTestResult([first], time.monotonic() - began)
        with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
            planted = list(enumerate(faults(good, runtimes)))
            others = pool.map(lambda item: _try(good, item[1], root / f"fault-{item[0]}"), planted)
            return SelfTestResult([first, *others], time.monotonic() - began)


def _good_outcome(good: Good) -> Outcome:
    passed = good.verdict["passed"] is True
    got = "passed" if passed else _red(good.verdict) or str(good.verdict["verdict"])
    return Outcome("nothing: the good candidate", "passed", got, passed)


def _try(good: Good, fault: Fault, root: Path) -> Outcome:
    if reason := fault.skip(good):
        return Outcome(fault.name, fault.expected, f"not planted: {reason}", None)
    try:
        copy = good.copy(root, fault.check)
        fault.plant(good, copy)
        verdict = fault.judge(copy.read(), fault.registry(good))
    except UserError as error:
        return Outcome(fault.name, fault.expected, f"no verdict: {error}", False)
    except Exception as error:  # an error must not look like a rejection
        return Outcome(fault.name, fault.expected, f"no verdict: {type(error).__name__}: {error}", False)
    red = [
        check
        for check in verdict["checks"]
        if check["result"] == fault.result and re.fullmatch(fault.check, str(check["id"]))
    ]
    if red and verdict["passed"] is False:
        return Outcome(fault.name, fault.expected, f"{red[0]['id']} {red[0]['result']}", True)
    if verdict["passed"] is not False:
        return Outcome(fault.name, fault.expected, "passed the gate", False)
    return Outcome(fault.name, fault.expected, f"only {_red(verdict)}", False)


def _red(verdict: Mapping[str, Any]) -> str:
    red = [f"{c['id']} {c['result']}" for c in verdict["checks"] if c["result"] in ("failed", "broken")]
    return ", ".join(red[:4]) + (" …" if len(red) > 4 else "")


def as_text(tested: SelfTestResult, about: str) -> str:
    """The table for people, and its meaning."""
    lines = [("planted", "expected", "got"), *((o.planted, o.expected, o.got) for o in tested.outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    marks = ["  ", *({True: "ok", False: "!!", None: "--"}[outcome.good] for outcome in tested.outcomes)]
    table = [
        f"{mark}  {name:<{widths[0]}}  {expected:<{widths[1]}}  {got}"
        for mark, (name, expected, got) in zip(marks, lines, strict=True)
    ]
    planted = sum(outcome.good is not None for outcome in tested.outcomes) - 1
    end = f"\n{about}: "
    if not tested.wrong:
        end += f"the gate rejected all {planted} faults for the right reason, in {tested.seconds:.1f} s"
    elif planted <= 0:
        end += "the good candidate itself does not pass, so nothing was planted. See `mlroad gate`."
    else:
        names = ", ".join(outcome.planted for outcome in tested.wrong)
        end += f"the gate does not reject: {names}. Tighten gates.yml."
    return "\n".join([*table, end])
