"""Options that a script's argparse does not know are errors; scripts that cannot be told are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlroad.pipeline.checker import check_pipeline
from tests.unit.pipeline.mutations import _ARGPARSE, PIPELINE, TRAIN

GOOD = _ARGPARSE.replace("--ratio", "--rate")
UNCLEAR = {
    "unknown options are allowed": ("parse_args()", "parse_known_args()"),
    "the parser is given away": ("args =", "add_options(parser)\nargs ="),
    "names in a loop": ("args =", "for name in NAMES:\n    parser.add_argument(name)\nargs ="),
    "a list of names": ("args =", "parser.add_argument(*NAMES)\nargs ="),
    "arguments of its own": ("parse_args()", "parse_args(words)"),
    "arguments taken from sys": ("args =", "sys.argv = words\nargs ="),
    "a parent": ("ArgumentParser()", "ArgumentParser(parents=[common])"),
    "keywords that are not known": ("ArgumentParser()", "ArgumentParser(**options)"),
    "a parser of its own": ("parser = argparse.ArgumentParser()", "parser = TrainParser()"),
    "parsers below it": ("args =", "below = parser.add_subparsers()\nargs ="),
    "both ways of a switch": ('"--kind"', '"--kind", action=argparse.BooleanOptionalAction'),
    "the rest of the words": ('"--kind"', '"--kind", nargs=argparse.REMAINDER'),
}


def _options_at(base: Path, script: str, old: str = "--kind", new: str = "--kind") -> list[str]:
    (base / "steps" / "train.py").write_text(script, encoding="utf-8")
    component = base / TRAIN
    text = component.read_text(encoding="utf-8")
    assert old in text
    component.write_text(text.replace(old, new, 1), encoding="utf-8")
    return [problem.what for problem in check_pipeline(base / PIPELINE)]


def test_all_options_are_known(base: Path) -> None:
    assert _options_at(base, GOOD) == []


@pytest.mark.parametrize("option", ["--knd", "--kind_of", "--Kind", "--kind-name"])
def test_an_unknown_option(base: Path, option: str) -> None:
    assert _options_at(base, GOOD, new=option) == [f"train.py has no option {option}."]


@pytest.mark.parametrize("option", ["--kin", "--kind=cubic --kind", '"--other words" --kind', "-- --other"])
def test_options_that_argparse_takes(base: Path, option: str) -> None:
    assert _options_at(base, GOOD, new=option) == []


@pytest.mark.parametrize("change", UNCLEAR.values(), ids=UNCLEAR)
def test_scripts_that_cannot_be_told(base: Path, change: tuple[str, str]) -> None:
    assert change[0] in GOOD
    assert _options_at(base, GOOD.replace(*change), new="--other") == []


@pytest.mark.parametrize("command", ["torchrun train.py --other", "python train.py --other && ls"])
def test_other_commands(base: Path, command: str) -> None:
    assert _options_at(base, GOOD, "python train.py", command) == []
