"""The JSON Schemas in docs/reference say of a document what mlroad's own reader says of it.

A valid document is changed at each place: a key is left out or added, a value is replaced. The reader may be
stricter, because a schema cannot compare two values. It may not be more lenient.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from mlroad.core.digests import digest_of
from mlroad.core.problems import Problem
from mlroad.models.cases import KINDS, read_cases
from mlroad.models.runtimes import RUNTIMES
from mlroad.models.suite import file_digest, load_suite
from mlroad.models.tensors import FAMILIES, ONNX_TYPES
from tests.support import REPO
from tests.unit.models.test_cases import BOUNDARY, INVALID, case, moved, same

Read = Callable[[list[Any]], list[list[Problem]]]
VALUES: tuple[Any, ...] = (None, True, -1, 0, 1.5, "", "text", [], [1], {}, {"a": 1})
RELATIONS = re.compile(
    "MI108|MI11[0-3]|The change names|The change changes nothing|The tolerance names|names the output"
)
"""What the reader says of several values together: duplicates, sizes, digests, names of another part."""


def schema(name: str) -> Any:
    file = REPO / f"docs/reference/{name}.schema.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a document, with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def changed(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one change, and what it is."""
    for number, (_, key) in enumerate(list(places(document))):
        for value in (*VALUES, "delete", "add"):
            copy = deepcopy(document)
            where, _ = list(places(copy))[number]
            if value == "delete":
                del where[key]
            elif value == "add" and isinstance(where, dict):
                where["unknown"] = 1
            elif value != "add":
                where[key] = value
            yield f"{key}: {value!r}", copy


def disagreements(documents: list[dict[str, Any]], name: str, read: Read) -> list[str]:
    """Where reader and schema differ."""
    published = schema(name)
    assert (read(documents), list(map(published.is_valid, documents))) == (
        [[] for _ in documents], [True for _ in documents],
    )  # fmt: skip
    changes = [change for document in documents for change in changed(document)]
    found = []
    for (what, it), problems in zip(changes, read([it for _, it in changes]), strict=True):
        said, fits = [str(problem) for problem in problems], published.is_valid(it)
        if not (said or fits) or (fits and not all(map(RELATIONS.search, said))):
            found.append(f"{what}: the reader says {said}, and the schema that it is {fits}")
    return found


def test_cases(tmp_path: Path) -> None:
    def read(documents: list[Any]) -> list[list[Problem]]:
        file = tmp_path / "cases.jsonl"
        file.write_text("".join(json.dumps(it) + "\n" for it in documents), encoding="utf-8")
        said: list[list[Problem]] = [[] for _ in documents]
        for problem in read_cases(file)[1]:
            if problem.code != "MI107":  # all have the same id
                said[problem.at.line - 1].append(problem)
        return said

    golden = case(tags=["a"], tolerance={"absolute": 1, "relative": 0.1})
    assert not disagreements([golden, BOUNDARY, INVALID, moved(), same()], "inference-case", read)


def test_suites(tmp_path: Path) -> None:
    model = tmp_path / "models/m"
    file = model / "inference_tests/suite.yml"
    file.parent.mkdir(parents=True)
    cases = file.with_name("cases.jsonl")
    cases.write_text(json.dumps(case()) + "\n", encoding="utf-8")
    data = tmp_path / "datasets/d/1/d.csv"
    data.parent.mkdir(parents=True)
    data.write_text("a\n1\n", encoding="utf-8")
    digest = digest_of(data)
    version = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/data.schema.json",
        "name": "d", "version": "1", "type": "uri_file", "path": "./1/d.csv",
        "tags": {"digest": digest, "size": "4", "rows": "1"},
    }  # fmt: skip
    data.parents[1].joinpath("1.yml").write_text(yaml.safe_dump(version), encoding="utf-8")

    def read(documents: list[Any]) -> list[list[Problem]]:
        said = []
        for document in documents:
            file.unlink(missing_ok=True)  # to overwrite it would wait for the disk
            file.write_text(yaml.safe_dump(document), encoding="utf-8")
            said.append(load_suite(model, tmp_path)[1])
        return said

    limits = {"absolute": 1, "relative": 0.1, "outputs": {"prediction": {"absolute": 0.5}}}
    suite = {
        "model": "m", "dataset": "d:1", "digest": digest, "rows": "d:1", "rows_digest": digest,
        "cases": "cases.jsonl", "cases_digest": file_digest(cases), "tolerance": limits,
        "retrained": {**limits, "may_differ": 0.1}, "latency": {"p95_ms": 10},
    }  # fmt: skip
    assert not disagreements([suite], "inference-suite", read)


@pytest.mark.parametrize(
    ("name", "path", "known"),
    [
        ("inference-case", "properties kind enum", KINDS),
        ("inference-case", "$defs tensor properties datatype enum", FAMILIES),
        ("inference-verdict", "properties runtime enum", RUNTIMES),
        ("inference-verdict", "properties results items properties kind enum", KINDS),
        ("contract", "$defs datatype enum", ONNX_TYPES.values()),
    ],
)
def test_the_lists_are_those_of_the_code(name: str, path: str, known: Any) -> None:
    found = schema(name).schema
    for key in path.split():
        found = found[key]
    assert set(found) == set(known)
