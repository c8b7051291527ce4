"""`python -m tests.benchmarks` prints all figures, or those that are named."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from tests.benchmarks import __main__ as benchmarks


@pytest.mark.parametrize(
    ("named", "printed"), [([], "== one\n1\n== two\n2\n"), (["two"], "== two\n2\n"), (["three"], "")]
)
def test_the_figures_of_all_or_of_those_that_are_named(
    named: list[str], printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmarks, "NAMES", ("one", "two"))
    for number, name in enumerate(benchmarks.NAMES, start=1):
        module = SimpleNamespace(main=lambda number=number: print(number))
        monkeypatch.setitem(sys.modules, f"tests.benchmarks.bench_{name}", module)
    monkeypatch.setattr(sys, "argv", ["benchmarks", *named])
    try:
        benchmarks.main()
    except SystemExit as left:
        assert left.code == 2
        assert "three is not one of: one, two" in capsys.readouterr().err
    else:
        assert capsys.readouterr().out == printed
