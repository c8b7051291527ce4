"""suite.yml: which model the cases are for, which data their answers came from, how far answers may differ.

It fails closed. Digests reveal an edited cases.jsonl and a replaced dataset. A suite without a golden case
is refused.

Codes, beside those of mlroad.models.cases: MI110 cases.jsonl was edited, MI111 the dataset has
changed, MI112 no cases, MI113 the suite of another model.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlroad.core.digests import digest_of_bytes
from mlroad.core.problems import Position, Problem, UserError
from mlroad.core.text import did_you_mean, quoted
from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode, read_yaml
from mlroad.data.store import find
from mlroad.data.version import DIGEST, parse_reference
from mlroad.models.cases import Case, CaseFile
from mlroad.models.tolerance import Limit, Tolerance

FOLDER = "inference_tests"
SUITE = "suite.yml"
CASES = "cases.jsonl"
VERDICT = "gate/inference.json"
"""The result of the tests, below the folder of a run; see `verdict_file`."""
_T = TypeVar("_T")
_KEYS = ("model", "dataset", "digest", "cases", "cases_digest", "tolerance", "retrained")
_OPTIONAL = ("rows", "rows_digest", "latency")
_REFREEZE = "`mlroad freeze` writes this file; see `mlroad help reference/inference-tests`."


def verdict_file(run: Path, runtime: str) -> Path:
    """Where the verdict of a runtime is, for the folder of a run."""
    file = run / VERDICT
    return file if runtime == "pyfunc" else file.with_stem(f"{file.stem}-{runtime}")


@dataclass(frozen=True, slots=True)
class Suite:
    """A valid suite, with its cases."""

    file: Path
    model: str
    dataset: str
    """``name:version``: the training data of the model that gave the golden answers."""
    digest: str
    cases: CaseFile
    tolerance: Tolerance
    """For a model trained on that version."""
    retrained: Tolerance
    """For a model trained on another version."""
    rows: str = ""
    """The dataset that the requests came from, if not ``dataset``."""
    rows_digest: str = ""
    p95_ms: float | None = None
    """The latency budget: milliseconds for one row, 95th percentile."""

    @property
    def cases_file(self) -> Path:
        return self.cases.file

    @property
    def golden(self) -> list[Case]:
        return [case for case in self.cases if case.kind == "golden"]


def suite_digest(model_folder: Path) -> str:
    """``sha256:…`` of suite.yml and cases.jsonl together.

    It is the SHA-256 of two lines, each the SHA-256 (hex) of a file and its name: ``<hex>  suite.yml``, then
    ``<hex>  cases.jsonl``. Windows line ends are read as \\n. Raises OSError if a file cannot be read.
    """
    folder = model_folder / FOLDER
    lines = "".join(f"{file_digest(folder / name)[7:]}  {name}\n" for name in (SUITE, CASES))
    return digest_of_bytes(lines.encode())


def file_digest(file: Path) -> str:
    """``sha256:…`` of a text file's bytes, with Windows line ends read as \\n. Raises OSError."""
    return text_digest(file.read_bytes())


def text_digest(content: bytes) -> str:
    """As `file_digest`, for the content."""
    return digest_of_bytes(content.replace(bytes((13, 10)), bytes((10,))))


def load_suite(model_folder: Path, root: Path, sealed: bool = True) -> tuple[Suite | None, list[Problem]]:
    """The suite of a model (None if it has mistakes), and every mistake in it.

    ``sealed=False`` accepts cases.jsonl with any digest.
    """
    reader = _Reader(model_folder, root)
    suite = reader.suite(sealed)
    return (None if reader.problems else suite), reader.problems


def stated_tolerances(model_folder: Path, root: Path) -> tuple[Tolerance, Tolerance] | None:
    """The two tolerances in suite.yml, even if there are mistakes elsewhere in it; None without a suite.

    Raises UserError for a mistake in one of them, so that nothing that people wrote gets lost.
    """
    reader = _Reader(model_folder, root)
    return reader.tolerances() if reader.file.is_file() else None


def stated_latency(model_folder: Path, root: Path) -> float | None:
    """The latency budget in suite.yml, as `stated_tolerances`."""
    reader = _Reader(model_folder, root)
    return reader.latency() if reader.file.is_file() else None


class _Reader:
    def __init__(self, model_folder: Path, root: Path) -> None:
        self.file = model_folder / FOLDER / SUITE
        self.problems: list[Problem] = []
        self._model = model_folder.resolve().name
        self._root = root

    def suite(self, sealed: bool) -> Suite | None:
        if not self.file.is_file():
            fix = f"Make it with `mlroad freeze {quoted(self.file.parent.parent)}`."
            self._wrong(Position(self.file), "MI101", "This file is missing.", fix)
            return None
        node, problems = read_yaml(self.file)
        self.problems += problems
        if node is None or problems:
            return None
        if not isinstance(node, MapNode) or not self._keys(node, _KEYS, "the suite", _OPTIONAL):
            if not isinstance(node, MapNode):
                self._wrong(node, "MI105", "A suite should consist of keys and values.", _REFREEZE)
            return None
        model = self._text(node, "model")
        if model and model != self._model:
            what = f"This is the suite of the model {model}, but the folder is {self._model}."
            self._wrong(node.get("model"), "MI113", what, f"Freeze one for {self._model}.")
        dataset, digest = self._dataset(node, "dataset", "digest")
        rows, rows_digest = "", ""
        if "rows" in node.values or "rows_digest" in node.values:
            rows, rows_digest = self._dataset(node, "rows", "rows_digest")
        tolerance = self._tolerance(node, "tolerance")
        retrained = self._tolerance(node, "retrained")
        cases = self._cases(node, sealed, (tolerance, retrained))
        latency = self._latency(node)
        return Suite(
            self.file, model, dataset, digest, cases, tolerance, retrained, rows, rows_digest, latency
        )

    def tolerances(self) -> tuple[Tolerance, Tolerance]:
        """Read only the two tolerances. Raises UserError for mistakes in them."""
        node = self._readable()
        return self._right((self._tolerance(node, "tolerance"), self._tolerance(node, "retrained")))

    def latency(self) -> float | None:
        """Read only the latency budget. Raises UserError for mistakes in it."""
        return self._right(self._latency(self._readable()))

    def _readable(self) -> MapNode:
        node, problems = read_yaml(self.file)
        if problems or not isinstance(node, MapNode):
            raise UserError(problems or f"{self.file} is not a suite; delete it.")
        return node

    def _right(self, found: _T) -> _T:
        if self.problems:
            raise UserError(self.problems)
        return found

    def _cases(self, node: MapNode, sealed: bool, tolerances: Sequence[Tolerance]) -> CaseFile:
        named = self._text(node, "cases")
        if named and named != CASES:
            self._wrong(node.get("cases"), "MI105", f"cases is {named}.", f"Write {CASES}.")
        file = self.file.with_name(CASES)
        cases, problems = CaseFile.read(file)
        said = self._digest(node, "cases_digest")
        if sealed and said and file.is_file() and file_digest(file) != said:
            what = f"{CASES} was edited after it was frozen: its digest differs."
            fix = (
                "Restore it from git, or accept the edit: "
                f"`mlroad freeze {quoted(self.file.parent.parent)} --accept`."
            )
            self._wrong(node.get("cases_digest"), "MI110", what, fix)
        self.problems += problems
        if not problems and not cases.kinds.get("golden"):
            what = "There is no golden case." if cases else "There are no cases."
            self._wrong(Position(file), "MI112", what, "Make some with `mlroad freeze`.")
        for tolerance, key in zip(tolerances, ("tolerance", "retrained"), strict=True):
            for name in tolerance.outputs:
                if cases.outputs and name not in cases.outputs:
                    what = f"{key} names the output {name}, but no case has it."
                    self._wrong(
                        node.key_at(key), "MI105", what, f"The outputs are {', '.join(cases.outputs)}."
                    )
        return cases

    def _latency(self, node: MapNode) -> float | None:
        found = node.values.get("latency")  # not get(): a key without a value would switch it off
        if found is None:
            return None
        if not isinstance(found, MapNode) or not self._keys(found, ("p95_ms",), "latency"):
            if not isinstance(found, MapNode):
                self._wrong(found, "MI105", "latency should have p95_ms.", "Write {p95_ms: 10}.")
            return None
        limit = self._number(found, "p95_ms")
        if limit == 0 and not self.problems:
            self._wrong(found, "MI105", "p95_ms is 0.", "Write the milliseconds that one row may take.")
        return limit

    def _dataset(self, node: MapNode, key: str, digest_key: str) -> tuple[str, str]:
        """``name:version`` and its digest, which must be that of the version file."""
        if not self._keys(node, (key, digest_key), "the suite", node.values):
            return "", ""
        reference, digest = self._text(node, key), self._digest(node, digest_key)
        if not reference:
            return "", digest
        try:
            name, version = parse_reference(reference)
            found = find(self._root, f"{name}:{version}")
        except UserError as error:
            self._wrong(node.get(key), "MI111", str(error), "")
            return reference, digest
        if digest and found.digest != digest:
            what = (
                f"The digest of {name}:{version} ({found.file.as_posix()}) has changed since it was frozen."
            )
            fix = "Restore both files from git; versions never change."
            self._wrong(node.get(digest_key), "MI111", what, fix)
        return f"{name}:{version}", digest

    def _tolerance(self, node: MapNode, key: str) -> Tolerance:
        found = node.get(key)
        if not isinstance(found, MapNode):
            what = f"{key} should have absolute, relative or both."
            self._wrong(found or node.key_at(key), "MI105", what, f"Write `{key}: {_EXAMPLE}`.")
            return Tolerance()
        optional = ["absolute", "relative", "outputs", *(["may_differ"] if key == "retrained" else [])]
        self._keys(found, (), key, optional)
        outputs: dict[str, Limit] = {}
        below = found.values.get("outputs")
        if isinstance(below, MapNode):
            for name, _, value in below:
                if isinstance(value, MapNode):
                    self._keys(value, (), f"the limit of {name}", ("absolute", "relative"))
                    outputs[name] = self._limit(value)
                    self._not_empty(value, f"the limit of {name}")
                else:
                    self._wrong(value, "MI105", f"{name} should have a limit.", f"Write {_EXAMPLE}.")
        elif below is not None:
            self._wrong(below, "MI105", "outputs should have a limit for the name of each output.", _REFREEZE)
        self._not_empty(found, key)
        return Tolerance(self._limit(found), outputs, self._number(found, "may_differ", most=1.0))

    def _not_empty(self, node: MapNode, what: str) -> None:
        if not node.values:
            what = f"{what[0].upper()}{what[1:]} is empty."
            self._wrong(node, "MI104", what, "Write {absolute: 0} if nothing may differ.")

    def _limit(self, node: MapNode) -> Limit:
        return Limit(self._number(node, "absolute"), self._number(node, "relative"))

    def _number(self, node: MapNode, name: str, most: float = math.inf) -> float:
        if name not in node.values:
            return 0.0
        value = node.values[name]
        number, text = (value.value, value.text) if isinstance(value, ScalarNode) else (None, "")
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            hint = "YAML reads 1e-3 as a text: write 0.001 or 1.0e-3."
            self._wrong(value, "MI105", f"{name} should be a finite number.", hint)
            return 0.0
        if not _is_decimal(text, number):
            what = f"YAML reads {text} as {number:g}."
            self._wrong(value, "MI105", what, "Write the decimal number.")
        elif not 0 <= number <= most:
            bound = "0 or more" if math.isinf(most) else f"from 0 to {most:g}"
            self._wrong(value, "MI105", f"{name} is {number:g}.", f"It must be {bound}.")
        return float(number)

    def _text(self, node: MapNode, key: str) -> str:
        text = node.text(key)
        if not text:
            self._wrong(node.get(key) or node.key_at(key), "MI105", f"{key} should be text.", _REFREEZE)
        return text or ""

    def _digest(self, node: MapNode, key: str) -> str:
        text = self._text(node, key)
        if text and not DIGEST.fullmatch(text):
            self._wrong(
                node.get(key), "MI105", f"{key} is not a digest.", "A digest is sha256: and 64 hex digits."
            )
            return ""
        return text

    def _keys(self, node: MapNode, required: Sequence[str], what: str, optional: Iterable[str] = ()) -> bool:
        known = [*dict.fromkeys((*required, *optional))]
        for name, key, _ in node:
            if name not in known:
                hint = did_you_mean(name, known, f"Known here: {', '.join(known)}.")
                self._wrong(key, "MI103", f"{what[0].upper()}{what[1:]} has no key {name}.", hint)
        missing = [name for name in required if name not in node.values]
        for name in missing:
            self._wrong(node, "MI104", f"The key {name} is missing in {what}.", _REFREEZE)
        return not missing

    def _wrong(self, at: Node | Position | None, code: str, what: str, fix: str) -> None:
        place = at.at if isinstance(at, Node) else at or Position(self.file)
        self.problems.append(Problem(place, code, what, fix))


def _is_decimal(text: str, number: float) -> bool:
    """Whether people read the same number: to YAML, 010 is 8 and 1:30 is 90."""
    try:
        return float(text) == number
    except ValueError:
        return False


_EXAMPLE = "{absolute: 0.5}"
